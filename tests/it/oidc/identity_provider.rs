//! A real identity provider, Canaille: discovery, client credentials, rotation, an outage. See `tests/identity_provider.py`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use roster::auth::oidc::{Issuers, Refusal};
use roster::clock::Clock;
use roster::model::role::Role;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{assert_invalid, config, id, pass};
use crate::postgres_server::free_port;
use crate::support::{client, metrics, variable};

/// Starting takes a few seconds of Python.
const LIMIT: Duration = Duration::from_mins(2);

struct Provider {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Provider {
    async fn start(port: u16, directory: &TempDir) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/identity_provider.py");
        let mut command = Command::new(variable("ROSTER_TEST_PYTHON"));
        command.arg("-B").arg(script).arg(port.to_string()).arg(directory.path());
        command.current_dir(directory.path()).kill_on_drop(true);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stdin = child.stdin.take().unwrap();
        let mut provider = Self { child, stdin, lines, url: format!("http://localhost:{port}") };
        provider.wait_for("ready").await;
        provider
    }

    async fn wait_for(&mut self, word: &str) {
        let said = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line == word {
                    return;
                }
            }
            panic!("the provider ended before it said {word:?}");
        };
        tokio::time::timeout(LIMIT, said).await.expect("the provider is too slow");
    }

    async fn tell(&mut self, command: &str) {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        self.wait_for("done").await;
    }

    /// An access token by this form at the token endpoint that discovery names.
    async fn token(&self, form: &'static str) -> String {
        let discovery = format!("{}/.well-known/openid-configuration", self.url);
        let document: Value = client().get(discovery).send().await.unwrap().json().await.unwrap();
        let request = client().post(document["token_endpoint"].as_str().unwrap());
        let request = request.basic_auth("sync", Some("not-secret")).body(form);
        let form = "application/x-www-form-urlencoded";
        let answer: Value = request.header("content-type", form).send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn stop(mut self) {
        self.child.kill().await.unwrap();
    }
}

const CLIENT: &str = "grant_type=client_credentials";
const PERSON: &str = "grant_type=password&username=ana&password=not-secret&scope=openid";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_a_real_identity_provider() {
    let (port, directory) = (free_port(), tempfile::tempdir().unwrap());
    let mut provider = Provider::start(port, &directory).await;
    let clock = Clock::fixed(Clock::System.now());
    let mut rules = config(&provider.url);
    // The tokens of people name the client that asked for them.
    rules.audiences.push("sync".to_owned());
    let issuers = Issuers::new(vec![rules], &clock, &metrics()).unwrap();

    let first = provider.token(CLIENT).await;
    let identity = issuers.verify(&first).await.unwrap();
    assert_eq!((&identity.actor.id, identity.actor.name.as_str()), (&id(&provider.url, "sync"), "sync"));
    assert_eq!(identity.role, Some(Role::Writer));
    let person = issuers.verify(&provider.token(PERSON).await).await.unwrap();
    assert_eq!((&person.actor.id, person.role), (&id(&provider.url, "ana"), None));

    // A new key signs, the old one is still published.
    provider.tell("rotate").await;
    pass(&clock, Duration::from_secs(10));
    let second = provider.token(CLIENT).await;
    issuers.verify(&second).await.unwrap();
    issuers.verify(&first).await.unwrap();

    // The old one is published no more.
    provider.tell("retire").await;
    pass(&clock, Duration::from_mins(5));
    assert_invalid("of a retired key", &issuers.verify(&first).await);
    issuers.verify(&second).await.unwrap();

    // While the provider is away, known keys verify tokens that were never seen.
    let unseen = provider.token(CLIENT).await;
    provider.stop().await;
    pass(&clock, Duration::from_mins(10));
    for token in [&second, &unseen] {
        issuers.verify(token).await.unwrap();
    }
    // It comes back with the same keys, and rotates again.
    let mut provider = Provider::start(port, &directory).await;
    pass(&clock, Duration::from_secs(10));
    provider.tell("rotate").await;
    let third = provider.token(CLIENT).await;
    let verified = issuers.verify(&third).await;
    assert!(!matches!(verified, Err(Refusal::Unavailable(_))), "{verified:?}");
    assert_eq!(verified.unwrap().actor.id, id(&provider.url, "sync"));
    provider.stop().await;
}
