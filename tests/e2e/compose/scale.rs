//! Several servers behind a proxy, which come and go while clients are at work.

use std::collections::BTreeSet;

use super::stack::{SOON, Stack, get, inspect, logs};
use crate::load::Load;
use crate::shell::{self, eventually};

/// All servers behind the proxy.
fn servers(stack: &Stack) -> Vec<String> {
    [stack.containers("replica"), stack.containers("web")].concat()
}

fn up() -> (Stack, String) {
    let stack = Stack::new();
    stack.run(&["--profile", "scale", "up", "--detach"]);
    stack.ready();
    eventually(SOON, "the proxy", || {
        get(stack.proxy, "/openapi.json", None).is_ok_and(|(status, _)| status == 200)
    });
    let token = stack.token();
    (stack, token)
}

#[test]
fn every_server_answers_behind_the_proxy() {
    let (stack, token) = up();
    let servers = servers(&stack);
    assert_eq!(servers.len(), 3, "{servers:?}");
    let answers = |server: &String| {
        let lines = logs(server);
        lines.iter().any(|line| line.contains("\"route\":\"/users/{id}\"") && line.contains("\"status\":200"))
    };
    eventually(SOON, "answers of all", || {
        assert_eq!(get(stack.proxy, "/users/1", Some(&token)).unwrap().0, 200);
        servers.iter().all(answers)
    });
    // A server that is added is found without a word to the proxy.
    stack.run(&["--profile", "scale", "up", "--detach", "--scale", "replica=3"]);
    let added = stack.containers("replica").pop().unwrap();
    assert!(!servers.contains(&added));
    eventually(SOON, "answers of the new one", || {
        assert_eq!(get(stack.proxy, "/users/1", Some(&token)).unwrap().0, 200);
        answers(&added)
    });
}

#[test]
fn a_rolling_restart_loses_nothing() {
    let (stack, token) = up();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &token).unwrap();
    let servers = servers(&stack);
    let path = file.path().to_str().unwrap();
    let url = format!("http://127.0.0.1:{}", stack.proxy);
    let load = Load::start(&url, "rolling", 60, &["--clients", "8", "--token-file", path]);
    for server in &servers {
        shell::run("docker", &["stop", "-t", "30", server]);
        assert_eq!(inspect(server)["State"]["ExitCode"], 0, "{:?}", logs(server).last());
        shell::run("docker", &["start", server]);
        eventually(SOON, "healthy again", || inspect(server)["State"]["Health"]["Status"] == "healthy");
    }
    let seen = load.end();
    println!("rolling restart of {}: {} created, p99 {} ms", servers.len(), seen.ok, seen.p99_ms);
    assert_eq!(seen.failures, Vec::<String>::new(), "the last after {:?} s", seen.last_failure);
    assert!(seen.ok > 100, "{}", seen.ok);
    let users: BTreeSet<String> = stack.users(&token).into_iter().collect();
    let lost: Vec<&String> = seen.acknowledged.difference(&users).collect();
    assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
    assert_eq!(seen.acknowledged.len() as u64, seen.ok);
}
