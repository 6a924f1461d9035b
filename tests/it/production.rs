//! docs/production.md: each of its commands, run as it stands there, one after the other in one shell.

use std::time::Duration;

use tokio::process::Command;

use crate::postgres_server::{PostgresServer, free_port};

const PAGE: &str = include_str!("../../docs/production.md");

/// The blocks of commands, in their order.
fn commands() -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in PAGE.lines() {
        match (&mut open, line) {
            (None, "```sh") => open = Some(String::new()),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_nothing_to_a_server_with_a_token() {
    let blocks = commands();
    assert!(blocks.len() >= 7, "{blocks:#?}");
    let server = PostgresServer::with_passwords();
    let admin = server.url("postgres");
    let port = admin.rsplit_once(':').unwrap().1.split('/').next().unwrap().to_owned();
    let (public, ops) = (free_port(), free_port());
    let directory = tempfile::tempdir().unwrap();
    // A test shares its machine: other ports than the usual ones, which the page names.
    let script = blocks.join("echo\n").replace("127.0.0.1:5432", &format!("127.0.0.1:{port}"));
    let script = script.replace("127.0.0.1:8080", &format!("127.0.0.1:{public}"));
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_roster")).parent().unwrap();
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        programs.display(),
        crate::support::variable("ROSTER_TEST_POSTGRES_BIN")
    );
    let mut command = Command::new("sh");
    command.args(["-eu", "-c", &script]).current_dir(directory.path()).env_clear();
    command.env("PATH", path).env("HOME", directory.path()).env("ADMIN_URL", &admin);
    command.env("ROSTER_LISTEN", format!("127.0.0.1:{public}"));
    command.env("ROSTER_OPS_LISTEN", format!("127.0.0.1:{ops}"));
    command.env("ROSTER_DRAIN_SECONDS", "0").stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output =
        tokio::time::timeout(Duration::from_mins(1), command.output()).await.expect("it does not end");
    let output = output.unwrap();
    let (told, complaints) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{told}\n{complaints}");
    for part in
        ["applied: 0001_directory", "ready", "ada@example.com", "reporting", "user.created", "bootstrap"]
    {
        assert!(told.contains(part), "{part} in {told}\n{complaints}");
    }
    let secret = |name: &str| std::fs::read_to_string(directory.path().join("secrets").join(name)).unwrap();
    let log = std::fs::read_to_string(directory.path().join("roster.log")).unwrap();
    assert!(secret("reporting-token").starts_with("rst_"));
    for name in ["first-token", "reporting-token"] {
        assert!(!log.contains(secret(name).trim()) && !told.contains(secret(name).trim()), "{name}");
    }
    assert!(log.contains("\"message\":\"ended\""), "{log}");
}
