//! JWTs as callers send them: over HTTP, through the gate.

use std::sync::Arc;

use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::Setup;
use super::keys::{Key, with};
use crate::asking::journal;
use crate::refusals::Refusals;
use crate::support::{Database, Engine, Program, Server, assert_problem, both, client_of, parts};

/// Tokens that cannot be sent as they are: spaces around a token are not its own, and no field has a line break.
const UNSENDABLE: [&str; 2] = ["space before", "newline after"];
/// Longer tokens make the head of a request too long.
const MAX_HEAD: usize = 200_000;

impl Setup {
    /// A server that takes the issuer's tokens, at the time of the tests.
    async fn serve(&self, engine: Engine, more: &[&str]) -> Server {
        Server::with(engine, &[&self.arguments(), more].concat(), self.clock.clone()).await
    }

    /// The arguments with which the issuer's tokens are taken.
    fn arguments(&self) -> [&str; 4] {
        ["--oidc-issuer", &self.issuer.url, "--oidc-audience", "roster,https://roster.example"]
    }

    fn bearer(&self, changes: &Value) -> Client {
        client_of(Some(&self.key.token(&with(&self.claims(), changes))))
    }
}

async fn get(server: &Server, client: &Client, path: &str) -> Response {
    client.get(format!("{}{path}", server.url)).send().await.unwrap()
}

/// Asserts that the program answers each of these with 401 and has one line on it in its log, and that it takes a good
/// one before and after.
pub(super) async fn refuse_all(setup: &Setup, tokens: &[(String, String)]) {
    let database = Database::create(Engine::Sqlite).await;
    let mut refusals = Refusals::start(&database.url, &setup.arguments()).await;
    refusals.send("good", "/me", &[&format!("Bearer {}", setup.token(0))], 200).await;
    for (name, token) in tokens {
        if token.len() > MAX_HEAD {
            refusals.refuse_head(name, token).await;
        } else if !UNSENDABLE.contains(&name.as_str()) {
            refusals.refuse(name, token).await;
        }
    }
    refusals.send("good again", "/me", &[&format!("Bearer {}", setup.token(0))], 200).await;
    refusals.send("another good one", "/me", &[&format!("Bearer {}", setup.token(1))], 200).await;
    refusals.end().await;
}

both! {
    async fn the_bearer_has_the_role_of_its_claims(engine) {
        let setup = Setup::new("ES256").await;
        let server = setup.serve(engine, &["--oidc-role-map", "staff=reader,sync=provisioner"]).await;
        let me = parts(get(&server, &setup.bearer(&json!({})), "/me").await).await.1;
        let id = format!("{}#u1", setup.issuer.url);
        assert_eq!(me["actor"], json!({ "kind": "jwt", "id": id, "name": "ana" }));
        assert_eq!((&me["role"], &me["expires_at"]), (&json!("writer"), &json!("2027-01-15T08:10:00.000000Z")));
        for (roles, path, status) in [
            (json!(["staff"]), "/users", 200),
            (json!(["staff"]), "/tokens", 403),
            (json!("admin"), "/tokens", 200),
            (json!(["sync"]), "/me", 200),
            (json!(["sync"]), "/users", 403),
            (json!(["sync", "staff"]), "/users", 200),
            // Known, and without a role: not even who it is.
            (json!(["nonsense"]), "/me", 403),
            (json!([]), "/users", 403),
            (Value::Null, "/users", 403),
            (json!("reader writer"), "/users", 403),
        ] {
            let answer = get(&server, &setup.bearer(&json!({ "roles": roles })), path).await;
            assert_eq!(answer.status().as_u16(), status, "{roles} {path}");
        }
        server.stop().await;
    }

    async fn the_record_names_the_bearer(engine) {
        let setup = Setup::new("ES256").await;
        let server = setup.serve(engine, &[]).await;
        let create = setup.bearer(&json!({})).post(format!("{}/users", server.url)).json(&json!({ "name": "x" }));
        assert_eq!(create.send().await.unwrap().status(), 201);
        let actor = &journal(&server, 1).await[0]["actor"];
        let id = format!("{}#u1", setup.issuer.url);
        assert_eq!(actor, &json!({ "kind": "jwt", "id": id, "name": "ana" }));
        let actor: String = form_urlencoded::byte_serialize(format!("jwt:{id}").as_bytes()).collect();
        let page = parts(server.get(&format!("/changes?actor={actor}")).await).await.1;
        assert_eq!(page["changes"].as_array().unwrap().len(), 1, "{page}");
        server.stop().await;
    }

    async fn who_fails_too_often_waits_and_known_bearers_go_on(engine) {
        let setup = Setup::new("ES256").await;
        let server = setup.serve(engine, &["--failed-credentials-per-minute", "5"]).await;
        let known = setup.bearer(&json!({}));
        assert_eq!(get(&server, &known, "/me").await.status(), 200);
        let stranger = Key::new("first", "ES256");
        let mut answers = Vec::new();
        for number in 0..8 {
            let token = stranger.token(&with(&setup.claims(), &json!({ "jti": number })));
            answers.push(get(&server, &client_of(Some(&token)), "/me").await.status().as_u16());
        }
        assert_eq!(answers, [401, 401, 401, 401, 401, 401, 429, 429]);
        assert_eq!(get(&server, &known, "/me").await.status(), 200);
        server.stop().await;
    }

    async fn many_requests_at_once_with_one_new_token_are_all_answered(engine) {
        let setup = Setup::new("ES256").await;
        let server = setup.serve(engine, &["--failed-credentials-per-minute", "5"]).await;
        let client = setup.bearer(&json!({}));
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let request = client.get(format!("{}/me", server.url));
            asked.spawn(async move { request.send().await.unwrap().status().as_u16() });
        }
        let statuses = asked.join_all().await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        server.stop().await;
    }

    async fn an_issuer_that_is_away_is_no_fault_of_the_token(engine) {
        let setup = Setup::new("ES256").await;
        setup.issuer.behaviour().away = true;
        let server = setup.serve(engine, &[]).await;
        let answer = get(&server, &setup.bearer(&json!({})), "/me").await;
        assert!(answer.headers().contains_key("retry-after"));
        assert_problem(answer, 503, "unavailable").await;
        // Roster's own tokens need nobody else.
        assert_eq!(server.get("/me").await.status(), 200);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_refused_jwt_is_one_line_of_the_log_with_the_reason() {
    let key = Key::new("first", "ES256");
    let issuer = super::Issuer::start(&[&key]).await;
    let database = Arc::new(Database::create(Engine::Sqlite).await);
    let arguments =
        ["--oidc-issuer", &issuer.url, "--oidc-audience", "roster", "--drain-seconds", "0", "--log", "debug"];
    let mut program = Program::serve(&database.url, &arguments).await;
    // The time of the program is the system's: this expired in the year 2001.
    let expired = key.token(&with(&super::claims(&issuer.url), &json!({ "exp": 1_000_000_000 })));
    let answer = client_of(Some(&expired)).get(format!("{}/users", program.url)).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let log = program.drain_log();
    program.signal("TERM");
    assert!(program.child.wait().await.unwrap().success());
    let lines = log.await.unwrap();
    let signature = expired.rsplit('.').next().unwrap();
    assert!(!lines.iter().any(|line| line.contains(signature)), "{lines:#?}");
    let told: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&Value> = told.iter().filter(|line| line["status"] == 401).collect();
    assert!(told.len() == 1 && told[0]["error"].as_str().unwrap().contains("exp"), "{told:#?}");
}
