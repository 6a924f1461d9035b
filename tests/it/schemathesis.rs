//! The contract against the running program: schemathesis makes requests from `openapi.json`, right and wrong ones,
//! and compares every answer with it. `tests/schemathesis.toml` says with which exceptions.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use roster::auth::gate::Access;
use roster::model::role::Role;
use roster::routes;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::support::replicas::{Door, wanted};
use crate::support::{ADMIN, Database, Engine, Program, both, client, variable};

/// Fixed, so that a change and not chance decides; another one can be tried by hand.
const SEED: &str = "1";
/// Requests that are made for each operation and phase, at most.
const EXAMPLES: &str = "50";
/// The same for a caller who may do little.
const FEWER: &str = "15";
const LIMIT: Duration = Duration::from_mins(8);

/// The settings for a caller with this role.
fn settings(role: &str) -> String {
    let text = include_str!("../schemathesis.toml");
    // An admin may do everything; any other caller may be told that it may not.
    if role == "admin" {
        text.to_owned()
    } else {
        text.replace("expected-statuses = [", "expected-statuses = [403, ")
    }
}

/// Runs the tool as the bearer of a token; gives its exit code and all that it printed.
async fn fuzz(url: &str, role: &str, token: &str) -> (Option<i32>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // It keeps its state where it runs.
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("schemathesis.toml");
    std::fs::write(&config, settings(role)).unwrap();
    let mut command = Command::new(variable("ROSTER_TEST_PYTHON"));
    command.args(["-B", "-m", "schemathesis.cli", "--config-file"]).arg(config);
    // From the file: the operation by which a document was fetched is not tested.
    command.arg("run").arg(root.join("openapi.json")).args(["--url", url, "--no-color", "--checks", "all"]);
    command.arg("--header").arg(format!("Authorization: Bearer {token}"));
    if wanted() > 1 {
        // Each request goes to a random replica.
        command.args(["--header", "Connection: close"]);
    }
    command.args(["--phases", "examples,coverage,fuzzing,stateful"]);
    command.args(["--seed", SEED, "--max-examples", if role == "reader" { FEWER } else { EXAMPLES }]);
    command.env("PYTHONPATH", root.join("tests")).current_dir(directory.path());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await.expect("it does not end").unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// Some users to find, replace and delete.
async fn seed(url: &str) {
    let names = [
        "Ana Souza",
        "Zoë",
        "山田 太郎",
        "O'Neill \"Bob\"",
        "🧑",
        "mallory",
        "Ωμέγα",
        "trent",
        "peggy",
        "victor",
    ];
    let operations: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let email = (number % 3 != 0).then(|| format!("user{number}@example.com"));
            json!({ "op": "create", "body": { "name": name, "email": email, "profile": { "n": [number] } } })
        })
        .collect();
    let body = json!({ "operations": operations });
    let response = client().post(format!("{url}/users/batch")).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

/// The operations that were answered with success, to this caller or to anybody.
fn successes(lines: &[Value], actor: &str) -> BTreeSet<(String, String)> {
    let its_own = |line: &&Value| line["actor"].is_null() || line["actor"] == actor;
    let done = lines
        .iter()
        .filter(its_own)
        .filter(|line| line["status"].as_u64().is_some_and(|status| status < 400));
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    done.map(|line| (text(line, "method"), text(line, "route"))).collect()
}

/// Ends the programs; gives the lines of their logs that tell of requests.
async fn ended(programs: Vec<(Program, JoinHandle<Vec<String>>)>) -> Vec<Value> {
    let mut requests: Vec<Value> = Vec::new();
    for (mut program, log) in programs {
        program.signal("TERM");
        assert!(program.child.wait().await.unwrap().success());
        let lines: Vec<Value> =
            log.await.unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let before = requests.len();
        requests.extend(lines.into_iter().filter(|line| line["message"] == "request"));
        assert!(requests.len() > before, "a replica had no request");
    }
    requests
}

/// One run against a server of its own; gives the operations that were answered with success.
async fn ask(engine: Engine, role: &str) -> BTreeSet<(String, String)> {
    let database = Database::create(engine).await;
    // Some requests have no good credential: that is part of the test.
    let arguments = ["--drain-seconds", "0", "--failed-credentials-per-minute", "0"];
    let count = if database.is_file() { 1 } else { wanted() };
    let mut programs = Vec::new();
    for _ in 0..count {
        let mut program = Program::serve(&database.url, &arguments).await;
        let log = program.drain_log();
        programs.push((program, log));
    }
    let address = |(program, _): &(Program, _)| program.url.trim_start_matches("http://").to_owned();
    let door = Door::before(programs.iter().map(address).collect()).await;
    seed(&door.url).await;
    let body = json!({ "name": role, "role": role });
    let given = client().post(format!("{}/tokens", door.url)).json(&body).send().await.unwrap();
    let given: Value = given.json().await.unwrap();
    println!("schemathesis runs with the seed {SEED} as {role}");
    // The first token: the hooks keep the tool from revoking it.
    let (token, actor) =
        if role == "admin" { (ADMIN, "token:1") } else { (given["token"].as_str().unwrap(), "token:2") };
    let (code, output) = fuzz(&door.url, role, token).await;
    drop(door);
    let requests = ended(programs).await;
    let failed: Vec<&Value> = requests.iter().filter(|line| line["status"].as_u64() >= Some(500)).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(code, Some(0), "{output}");
    assert!(requests.len() > 300, "{} requests\n{output}", requests.len());
    successes(&requests, actor)
}

both! {
    // Answers that are all errors would keep the contract too: so each operation that a role may ask has succeeded,
    // and no other.
    async fn the_program_keeps_its_contract(engine) {
        for role in [Role::Reader, Role::Writer, Role::Admin] {
            let done = ask(engine, role.name()).await;
            let may = |route: &routes::Route| match route.access {
                Access::Anyone => true,
                Access::Needs(permission) => role.may(permission),
            };
            let wanted: BTreeSet<_> = routes::public()
                .iter()
                .filter(|route| may(route))
                .map(|route| (route.method.to_string(), route.path.to_owned()))
                .collect();
            let done: BTreeSet<_> = done.into_iter().filter(|(method, _)| method != "HEAD").collect();
            assert_eq!(done, wanted, "{role:?}");
        }
    }
}
