//! The contract against the running program: schemathesis makes requests from `openapi.json`, right and wrong ones,
//! and compares every answer with it. `tests/schemathesis.toml` says with which exceptions.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use roster::routes;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Database, Program, both, client, variable};

/// Fixed, so that a change and not chance decides; another one can be tried by hand.
const SEED: &str = "1";
/// Requests that are made for each operation and phase, at most.
const EXAMPLES: &str = "50";
const LIMIT: Duration = Duration::from_mins(8);

/// Runs the tool; gives its exit code and all that it printed.
async fn fuzz(url: &str) -> (Option<i32>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // It keeps its state where it runs.
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(variable("ROSTER_TEST_PYTHON"));
    command.args(["-B", "-m", "schemathesis.cli", "--config-file"]).arg(root.join("tests/schemathesis.toml"));
    // From the file: the operation by which a document was fetched is not tested.
    command.arg("run").arg(root.join("openapi.json")).args(["--url", url, "--no-color", "--checks", "all"]);
    command.args(["--phases", "examples,coverage,fuzzing,stateful"]);
    command.args(["--seed", SEED, "--max-examples", EXAMPLES]);
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

/// The operations that were answered with success, and how many requests there were.
fn successes(lines: &[Value]) -> BTreeSet<(String, String)> {
    let done = lines.iter().filter(|line| line["status"].as_u64().is_some_and(|status| status < 400));
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    done.map(|line| (text(line, "method"), text(line, "route"))).collect()
}

both! {
    async fn the_program_keeps_its_contract(engine) {
        let database = Database::create(engine).await;
        let mut program = Program::serve(&database.url, &["--drain-seconds", "0"]).await;
        let log = program.drain_log();
        seed(&program.url).await;
        println!("schemathesis runs with the seed {SEED}");
        let (code, output) = fuzz(&program.url).await;
        program.signal("TERM");
        assert!(program.child.wait().await.unwrap().success());
        let lines: Vec<Value> = log.await.unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let requests: Vec<Value> = lines.into_iter().filter(|line| line["message"] == "request").collect();
        let failed: Vec<&Value> = requests.iter().filter(|line| line["status"].as_u64() >= Some(500)).collect();
        assert!(failed.is_empty(), "{failed:#?}");
        assert_eq!(code, Some(0), "{output}");
        // Answers that are all errors would keep the contract too.
        let wanted = routes::public().into_iter().map(|route| (route.method.to_string(), route.path.to_owned()));
        let missing: Vec<_> = wanted.filter(|operation| !successes(&requests).contains(operation)).collect();
        assert!(missing.is_empty(), "never answered with success: {missing:?}\n{output}");
        assert!(requests.len() > 500, "{} requests\n{output}", requests.len());
    }
}
