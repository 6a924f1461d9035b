//! What is wrong is told in one line; what is away comes back.

use serde_json::Value;

use super::stack::{SOON, Stack, get, inspect, logs};
use crate::shell::{self, eventually, told};

/// Exchanges the password in the address of the database.
const WRONG_PASSWORD: &str = "cd /run/secrets; url=$(sed 's/:[0-9a-f]*@/:wrong@/' database-url); \
     rm -f database-url; printf %s \"$url\" > database-url";

fn started(container: &Value) -> (String, u64) {
    let restarts = container["RestartCount"].as_u64().unwrap();
    (container["State"]["StartedAt"].as_str().unwrap().to_owned(), restarts)
}

#[test]
fn a_wrong_password_stops_the_start() {
    let stack = Stack::new();
    stack.up(&[]);
    stack.run(&["stop", "web"]);
    stack.with_secrets(WRONG_PASSWORD);
    let since = shell::run("date", &["--utc", "+%Y-%m-%dT%H:%M:%S.%NZ"]);
    let up = stack.outcome(&["up", "--detach"]);
    let text = told(&up);
    assert!(
        !up.status.success() && text.contains("\"migrate\" didn't complete successfully: exit 2"),
        "{text}"
    );
    let migrate = stack.inspect("migrate");
    assert_eq!((&migrate["State"]["ExitCode"], started(&migrate).1), (&Value::from(2), 0));
    let logs_since =
        ["logs", "--since", since.as_str(), migrate["Name"].as_str().unwrap().trim_start_matches('/')];
    let lines = shell::outcome("docker", &logs_since);
    let lines = String::from_utf8_lossy(&[lines.stdout, lines.stderr].concat()).into_owned();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(
        lines.contains("password authentication failed for user \"roster\"") && !lines.contains("wrong"),
        "{lines}"
    );
    assert_eq!(stack.inspect("web")["State"]["Running"], false, "it serves without its schema");

    // A server that is started all the same says so each time, and waits longer from time to time.
    stack.run(&["up", "--detach", "--no-deps", "--force-recreate", "web"]);
    let web = stack.container("web");
    eventually(SOON, "three attempts", || inspect(&web)["RestartCount"].as_u64().unwrap() >= 2);
    stack.run(&["stop", "web"]);
    // The signal that stops it may come while it tries once more.
    let lines: Vec<String> =
        logs(&web).into_iter().filter(|line| !line.contains("\"shutting down\"")).collect();
    let attempts = inspect(&web)["RestartCount"].as_u64().unwrap() + 1;
    assert!(lines.iter().all(|line| line.contains("password authentication failed")), "{lines:?}");
    let complaints = lines.len() as u64;
    assert!(complaints + 1 >= attempts, "{complaints} lines of {attempts} attempts");
}

#[test]
fn a_missing_secret_is_one_line() {
    let stack = Stack::new();
    for arguments in [&["migrate"][..], &["web"], &["roster", "token", "list"]] {
        let missing =
            ["run", "--rm", "--no-TTY", "--no-deps", "--env", "ROSTER_DATABASE_URL_FILE=/run/secrets/none"];
        let ended = stack.command(&[&missing[..], arguments].concat()).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{}", told(&ended));
        let said = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
        let own: Vec<&str> =
            said.lines().filter(|line| !line.trim_start().starts_with(['N', 'V', 'C'])).collect();
        assert!(
            own.len() == 1
                && own[0].starts_with("error: ROSTER_DATABASE_URL_FILE: the file /run/secrets/none"),
            "{said}"
        );
    }
}

#[test]
fn a_database_that_was_killed_is_found_again() {
    let stack = Stack::new();
    stack.up(&[]);
    let token = stack.token();
    let (users, before) = (stack.users(&token), started(&stack.inspect("web")));
    stack.run(&["kill", "db"]);
    let away = |status| matches!(status, Some(503));
    let noticed = eventually(SOON, "503", || away(stack.status("/users?limit=1", Some(&token))));
    let health = || stack.inspect("web")["State"]["Health"]["Status"].as_str().unwrap_or_default().to_owned();
    eventually(2 * SOON, "the engine sees that it is not ready", || health() == "unhealthy");
    stack.run(&["start", "db"]);
    let back = eventually(SOON, "200", || stack.status("/users?limit=1", Some(&token)) == Some(200));
    println!("the database was killed: 503 after {noticed:?}, 200 {back:?} after it was started again");
    assert_eq!(stack.users(&token), users);
    eventually(SOON, "ready again", || health() == "healthy");
    assert_eq!(started(&stack.inspect("web")), before, "web was restarted");
}

#[test]
fn a_server_that_ends_is_started_again() {
    let stack = Stack::new();
    stack.up(&[]);
    let (token, web) = (stack.token(), stack.container("web"));
    eventually(SOON, "an answer", || get(stack.web, "/users?limit=1", Some(&token)).is_ok());
    // The second signal ends it at once, with 128 plus its number. It comes from beside the program: what the engine
    // itself sends would be taken for a wish to stop it.
    let beside = format!("container:{web}");
    let twice = "kill -INT 1; sleep 0.2; kill -INT 1";
    let helper = ["run", "--rm", "--network", "none", "--user", "65532:65532", "--entrypoint", "bash"];
    shell::run("docker", &[&helper[..], &["--pid", &beside, "postgres:17", "-c", twice]].concat());
    eventually(SOON, "it was started again", || inspect(&web)["RestartCount"] == 1);
    eventually(SOON, "200", || stack.status("/users?limit=1", Some(&token)) == Some(200));
}
