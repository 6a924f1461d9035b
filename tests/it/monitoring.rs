//! What watches the service: the dashboard asks for metrics that there are, and the alerts fire when they should.

mod promql;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use reqwest::{Certificate, Client};
use serde_json::{Value, json};

use crate::certificates::Authority;
use crate::oidc::issuer::Issuer;
use crate::oidc::keys::Key;
use crate::support::{ADMIN, Database, Engine, Program, client, credentials, program, token_file, variable};
use crate::telemetry::collector::Collector;
use promql::metrics;

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

fn alerts() -> String {
    fs::read_to_string(deploy("prometheus/alerts.yaml")).unwrap()
}

fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(deploy("grafana/roster.json")).unwrap()).unwrap()
}

/// The values of a key in the rules, block scalars included.
fn values(rules: &str, key: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = rules.lines().peekable();
    while let Some(line) = lines.next() {
        let depth = line.len() - line.trim_start().len();
        let Some(value) = line.trim_start().trim_start_matches("- ").strip_prefix(&format!("{key}: ")) else {
            continue;
        };
        let mut value = value.to_owned();
        if value == "|" {
            value.clear();
            while lines.peek().is_some_and(|next| next.len() - next.trim_start().len() > depth) {
                value.push_str(lines.next().unwrap());
                value.push('\n');
            }
        }
        found.push(value);
    }
    found
}

/// Every query of the dashboard, with its variables replaced by what matches all.
fn queries() -> Vec<String> {
    let dashboard = dashboard();
    let mut found: Vec<String> = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(panel["type"] == "row" || panel["description"].as_str().is_some_and(|text| !text.is_empty()));
        let targets = panel["targets"].as_array().into_iter().flatten();
        found.extend(targets.map(|target| target["expr"].as_str().unwrap().to_owned()));
    }
    let annotations = dashboard["annotations"]["list"].as_array().unwrap().iter();
    found.extend(annotations.filter_map(|annotation| annotation["expr"].as_str()).map(str::to_owned));
    found
        .iter()
        .map(|query| query.replace("$__rate_interval", "5m").replace("$job", ".+").replace("$instance", ".+"))
        .collect()
}

/// A program with all that can be measured turned on, after it was asked all kinds of things.
struct Exercised {
    program: Program,
    _rest: (Database, tempfile::TempDir, Issuer, Collector),
}

impl Exercised {
    async fn new() -> Self {
        let (database, files) = (Database::create(Engine::Sqlite).await, tempfile::tempdir().unwrap());
        let authority = Authority::new();
        let pair = authority.issue("localhost", 2090);
        let [certificate, key] = ["tls.crt", "tls.key"].map(|name| files.path().join(name));
        fs::write(&certificate, &pair.certificate).unwrap();
        fs::write(&key, &pair.key).unwrap();
        let signer = Key::new("first", "ES256");
        let (issuer, collector) = (Issuer::start(&[&signer]).await, Collector::start("127.0.0.1").await);
        let mut command =
            program(&["serve", "--database-url", &database.url, "--bootstrap-token-file", token_file()]);
        command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--oidc-audience", "roster"]);
        command
            .arg("--oidc-issuer")
            .arg(&issuer.url)
            .arg("--tls-cert")
            .arg(&certificate)
            .arg("--tls-key")
            .arg(&key);
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address))
            .env("OTEL_BSP_SCHEDULE_DELAY", "100");
        let mut program = Program::started(command).await;
        drop(program.drain_log());
        let client = |token: &str| {
            let root = Certificate::from_pem(authority.pem().as_bytes()).unwrap();
            let builder = Client::builder().no_proxy().tls_certs_only([root]);
            builder.default_headers(credentials(Some(token))).build().unwrap()
        };
        let (_, port) = program.url.rsplit_once(':').unwrap();
        let url = format!("https://localhost:{port}");
        let created = client(ADMIN).post(format!("{url}/users")).json(&json!({ "name": "Ana" })).send().await;
        assert_eq!(created.unwrap().status(), 201);
        let claims = json!({ "iss": issuer.url, "sub": "u1", "aud": "roster", "exp": 4_000_000_000_i64, "roles": ["reader"] });
        let jwt = signer.token(&claims);
        for (token, status) in [(ADMIN, 200), ("nonsense", 401), (jwt.as_str(), 200)] {
            let answer = client(token).get(format!("{url}/users/1")).send().await.unwrap();
            assert_eq!(answer.status(), status, "{token}");
        }
        Self { program, _rest: (database, files, issuer, collector) }
    }

    /// The names of all samples.
    async fn names(&self) -> BTreeSet<String> {
        let answer = client().get(format!("{}/metrics", self.program.ops)).send().await.unwrap();
        let text = answer.text().await.unwrap();
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(['{', ' ']).next().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_is_asked_for_exists() {
    let rules = alerts();
    let mut known: BTreeSet<String> = values(&rules, "record").into_iter().collect();
    // Made by Prometheus itself.
    known.insert("up".to_owned());
    let (expressions, queries) = (values(&rules, "expr"), queries());
    assert!(expressions.len() > 20 && queries.len() > 40, "{} {}", expressions.len(), queries.len());
    let asked: BTreeSet<String> =
        expressions.iter().chain(&queries).flat_map(|query| metrics(query)).collect();
    let server = Exercised::new().await;
    let mut missing: Vec<&String> = Vec::new();
    for _ in 0..60 {
        let names = server.names().await;
        missing = asked.iter().filter(|name| !names.contains(*name) && !known.contains(*name)).collect();
        if missing.is_empty() {
            break;
        }
        // Some are measured, or exported, a little later.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(missing.is_empty(), "/metrics has no {missing:?}");
    // And nobody has to guess what it means.
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md")).unwrap();
    let oidc =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/authentication.md")).unwrap();
    for name in asked.iter().filter(|name| !known.contains(*name)) {
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(
            page.contains(&format!("`{family}`")) || oidc.contains(&format!("`{family}")),
            "{family} is not in the docs"
        );
    }
}

#[test]
fn every_alert_says_what_to_do_and_is_tested() {
    let (rules, tests) = (alerts(), fs::read_to_string(deploy("prometheus/alerts_test.yaml")).unwrap());
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md")).unwrap();
    let mut names = BTreeSet::new();
    for block in rules.split("- alert: ").skip(1) {
        let (name, rest) = block.split_once('\n').unwrap();
        assert!(names.insert(name.to_owned()), "{name} comes twice");
        for key in ["summary", "description"] {
            assert!(values(rest, key)[0].len() > 10, "{name} has no {key}");
        }
        assert!(["critical", "warning"].contains(&values(rest, "severity")[0].as_str()), "{name}");
        assert_eq!(values(rest, "runbook")[0], format!("docs/operations.md#{}", name.to_lowercase()));
        assert!(page.contains(&format!("\n### {name}\n")), "docs/operations.md has nothing about {name}");
        let fired = tests.split("- alertname: ").skip(1).any(|test| {
            test.starts_with(&format!("{name}\n"))
                && test.contains("exp_labels")
                && test.contains("exp_annotations")
        });
        assert!(fired, "no test lets {name} fire");
    }
    let told: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### Roster"))
        .map(|rest| format!("Roster{rest}"))
        .collect();
    assert_eq!(told, names, "docs/operations.md tells of other alerts");
}

/// Runs promtool in the directory of the rules; gives all that it printed.
fn promtool(arguments: &[&str], directory: &Path) -> String {
    let mut command = Command::new(variable("ROSTER_TEST_PROMTOOL"));
    let output = command.args(arguments).current_dir(directory).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {}: {text}", arguments.join(" "));
    text
}

#[test]
fn promtool_passes_the_alerts() {
    let rules = deploy("prometheus");
    let told = promtool(&["check", "rules", "alerts.yaml"], &rules);
    let count = values(&alerts(), "expr").len();
    assert!(told.contains(&format!("SUCCESS: {count} rules found")), "{told}");
    let told = promtool(&["test", "rules", "alerts_test.yaml"], &rules);
    assert!(told.contains("SUCCESS"), "{told}");
}

#[test]
fn every_query_of_the_dashboard_parses() {
    let directory = tempfile::tempdir().unwrap();
    let rules: Vec<Value> = queries()
        .iter()
        .enumerate()
        .map(|(number, query)| json!({ "record": format!("query:{number}"), "expr": query }))
        .collect();
    let count = rules.len();
    // JSON is YAML.
    let file = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    fs::write(directory.path().join("queries.yaml"), file.to_string()).unwrap();
    let told = promtool(&["check", "rules", "queries.yaml"], directory.path());
    assert!(told.contains(&format!("SUCCESS: {count} rules found")), "{told}");
}

#[test]
fn the_dashboard_is_as_grafanas_types_say() {
    let mut command = Command::new(variable("ROSTER_TEST_PYTHON"));
    command.args(["-B", "tests/dashboard.py", "deploy/grafana/roster.json"]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "ids come twice");
    // Nothing lies upon anything else.
    let mut taken = BTreeSet::new();
    for panel in panels {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|name| panel["gridPos"][name].as_i64().unwrap());
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(place.0 < 24 && taken.insert(place), "{} at {place:?}", panel["title"]);
        }
    }
}
