//! The first token of a new database.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::status;
use crate::commands::call;
use crate::support::{ADMIN, Database, Engine, Program, both, client_of, parts, program};

fn file(directory: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Ends a server; gives the lines of its log from after its start.
async fn end(mut program: Program) -> Vec<Value> {
    let log = program.drain_log();
    program.signal("TERM");
    assert!(program.child.wait().await.unwrap().success());
    log.await.unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

both! {
    async fn a_file_has_the_first_token_and_no_later_one(engine) {
        let database = Database::create(engine).await;
        let directory = tempfile::tempdir().unwrap();
        // Users do not make it old: a directory may be filled before anybody can call.
        let people = file(&directory, "people.csv", "name,email\nAna,\n");
        assert_eq!(call(&["migrate", "--database-url", &database.url], &[]).await.code, 0);
        assert_eq!(call(&["import", &people, "--quiet", "--database-url", &database.url], &[]).await.code, 0);
        let quick = ["--drain-seconds", "0"];
        let first = Program::serve(&database.url, &quick).await;
        assert_eq!(status(&first.url, ADMIN).await, 200);
        assert_eq!(client_of(Some(ADMIN)).delete(format!("{}/tokens/1", first.url)).send().await.unwrap().status(), 204);
        assert_eq!(status(&first.url, ADMIN).await, 401);
        end(first).await;
        // A database whose only token is revoked is not new.
        let other = file(&directory, "token", "another-token-of-at-least-32-characters\n");
        let second = Program::serve(&database.url, &[&quick[..], &["--bootstrap-token-file", &other]].concat()).await;
        for secret in [ADMIN, "another-token-of-at-least-32-characters"] {
            assert_eq!(status(&second.url, secret).await, 401);
        }
        end(second).await;
    }

    async fn without_a_terminal_the_two_ways_are_told_once(engine) {
        let database = Database::create(engine).await;
        let mut command = program(&["serve", "--database-url", &database.url]);
        command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--drain-seconds", "0"]);
        command.stderr(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        crate::support::signal(child.id().unwrap(), "TERM");
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
        assert!(child.wait().await.unwrap().success());
        let told: Vec<&str> = text.lines().filter(|line| line.contains("ROSTER_BOOTSTRAP_TOKEN_FILE")).collect();
        assert!(told.len() == 1 && told[0].contains("roster token create") && !text.contains("rst_"), "{text}");
    }

    async fn on_a_terminal_it_is_shown_once(engine) {
        let database = Database::create(engine).await;
        let mut secrets = Vec::new();
        for _ in 0..2 {
            let line = format!(
                "exec timeout -s TERM 4 {} serve --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 --drain-seconds 0 --database-url {}",
                env!("CARGO_BIN_EXE_roster"), database.url
            );
            // It gives the program a terminal of its own.
            let output = tokio::process::Command::new("script")
                .args(["-q", "-e", "-c", &line, "/dev/null"])
                .env_clear().env("PATH", "/usr/bin:/bin")
                .stdin(std::process::Stdio::null())
                .output().await.unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let found: Vec<String> =
                text.split_whitespace().filter(|word| word.starts_with("rst_")).map(str::to_owned).collect();
            secrets.push((found, text));
        }
        assert_eq!((secrets[0].0.len(), secrets[1].0.len()), (1, 0), "{secrets:?}");
        let server = Program::serve(&database.url, &["--drain-seconds", "0"]).await;
        let me = client_of(Some(&secrets[0].0[0])).get(format!("{}/me", server.url)).send().await.unwrap();
        assert_eq!(parts(me).await.1["role"], json!("admin"));
        end(server).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_servers_one_gives_the_first_token() {
    let database = Database::create(Engine::Postgres).await;
    let directory = tempfile::tempdir().unwrap();
    let secret = |number: usize| format!("token-number-{number}-of-at-least-32-characters");
    let files: Vec<String> =
        (0..5).map(|number| file(&directory, &format!("token{number}"), &secret(number))).collect();
    let arguments: Vec<[&str; 2]> =
        files.iter().map(|path| ["--bootstrap-token-file", path.as_str()]).collect();
    let starting = arguments.iter().map(|arguments| Program::serve(&database.url, arguments));
    let servers = futures_util::future::join_all(starting).await;
    let mut good = 0;
    for number in 0..5 {
        let mut answers = Vec::new();
        for server in &servers {
            answers.push(status(&server.url, &secret(number)).await.as_u16());
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        good += usize::from(answers[0] == 200);
    }
    assert_eq!(good, 1);
}

#[tokio::test]
async fn a_file_that_has_no_token_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("roster.db").display());
    let path = |name, text| file(&directory, name, text);
    for (file, cause) in [
        (path("short", "correct-battery"), "must have 32 to 256 characters, not 15"),
        (path("long", &"correct-battery".repeat(20)), "must have 32 to 256 characters, not 300"),
        (path("spaces", "correct-battery correct-battery staple"), "visible ASCII"),
        (path("empty", ""), "is empty"),
        (directory.path().join("missing").to_str().unwrap().to_owned(), "No such file"),
    ] {
        let ended = call(&["serve", "--database-url", &url, "--bootstrap-token-file", &file], &[]).await;
        ended.assert_refused(cause);
        assert!(ended.stderr.contains("--bootstrap-token-file"), "{ended:?}");
    }
    assert!(!directory.path().join("roster.db").exists());
}
