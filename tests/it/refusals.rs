//! Credentials that the program itself refuses, and what its log says of each.

use std::collections::HashMap;

use reqwest::{Client, Method, Response};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::support::{ADMIN, Program, assert_problem, client_of};

/// Parts of a secret that are shorter may stand in a log by chance.
const TELLING: usize = 8;

/// The program under test, and all that was sent to it.
pub(crate) struct Refusals {
    pub(crate) program: Program,
    log: JoinHandle<Vec<String>>,
    client: Client,
    /// What each request was, by its id.
    sent: HashMap<String, (String, u16)>,
    secrets: Vec<String>,
}

impl Refusals {
    /// `roster serve` without a limit on failures, and with a log that tells all it can.
    pub(crate) async fn start(database_url: &str, more: &[&str]) -> Self {
        let own =
            ["--failed-credentials-per-minute", "0", "--drain-seconds", "0", "--log", "debug,roster=trace"];
        let mut program = Program::serve(database_url, &[&own, more].concat()).await;
        let log = program.drain_log();
        Self { program, log, client: client_of(None), sent: HashMap::new(), secrets: vec![ADMIN.to_owned()] }
    }

    /// Must not be in the log, nor any part of it between two dots.
    fn keep_secret(&mut self, secret: &str) {
        let parts = secret.split(['.', ' ', ',']).chain([secret]);
        self.secrets.extend(parts.filter(|part| part.len() >= TELLING).map(str::to_owned));
    }

    /// Sends a request with these fields `Authorization`; asserts its status.
    pub(crate) async fn send(&mut self, name: &str, path: &str, fields: &[&str], status: u16) -> Response {
        let mut request = self.client.request(Method::GET, format!("{}{path}", self.program.url));
        for field in fields {
            self.keep_secret(field.split_once(' ').map_or(*field, |(_, secret)| secret));
            request = request.header("authorization", *field);
        }
        if let Some((_, query)) = path.split_once('=') {
            self.keep_secret(query);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{name}");
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert!(self.sent.insert(id, (name.to_owned(), status)).is_none(), "{name}");
        response
    }

    /// Asserts that a token is refused, and that its bearer is told no more than that.
    pub(crate) async fn refuse(&mut self, name: &str, token: &str) {
        let response = self.send(name, "/me", &[&format!("Bearer {token}")], 401).await;
        let challenge = &response.headers()["www-authenticate"];
        assert_eq!(challenge, "Bearer realm=\"roster\", error=\"invalid_token\"", "{name}");
        let problem = assert_problem(response, 401, "invalid-token").await;
        assert_eq!(problem["detail"], "the access token is not good", "{name}");
    }

    /// Asserts that a request is turned away before anybody looks for a token in it: its head is too long.
    pub(crate) async fn refuse_head(&self, name: &str, token: &str) {
        let request = self.client.get(format!("{}/me", self.program.url)).bearer_auth(token);
        assert_eq!(request.send().await.unwrap().status(), 431, "{name}");
    }

    /// Ends the program; asserts that its log has one line for each request, with its status and, where that is 401,
    /// with the reason, that nothing failed, and that no secret is in it.
    pub(crate) async fn end(mut self) {
        self.program.signal("TERM");
        assert!(self.program.child.wait().await.unwrap().success());
        let lines = self.log.await.unwrap();
        for line in &lines {
            let found = self.secrets.iter().find(|secret| line.contains(secret.as_str()));
            assert!(found.is_none(), "{found:?} is in the log: {line}");
        }
        let told: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let failed = told.iter().find(|line| line["level"] == "ERROR" || line["status"] == 500);
        assert!(failed.is_none(), "{failed:?}");
        let refused = told.iter().filter(|line| line["status"] == 401).count();
        assert_eq!(refused, self.sent.values().filter(|(_, status)| *status == 401).count());
        for (id, (name, status)) in &self.sent {
            let own: Vec<&Value> = told.iter().filter(|line| line["request_id"] == **id).collect();
            let [line] = own[..] else { panic!("not one line of {name}: {own:#?}") };
            assert_eq!(
                (&line["target"], &line["status"]),
                (&"roster::request".into(), &(*status).into()),
                "{name}"
            );
            if *status == 401 {
                assert!(line["error"].is_string() && line["actor"].is_null(), "{name}: {line}");
            }
        }
    }
}
