//! Imports and the schema: in a cluster, the Jobs that migrate and import begin at the same time.

use std::process::Stdio;
use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::commands::call;
use crate::postgres_server::free_port;
use crate::support::{Database, Engine, program, signal};

#[tokio::test]
async fn an_import_that_waits_for_ever_waits_for_the_schema_too() {
    let database = Database::create(Engine::Postgres).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users.csv");
    std::fs::write(&file, "name\nAna\n").unwrap();
    let import = ["import", file.to_str().unwrap(), "--quiet", "--database-wait"];
    let url = [("ROSTER_DATABASE_URL", database.url.as_str())];
    let impatient = call(&[&import[..], &["1s"]].concat(), &url).await;
    impatient.assert_refused("run roster migrate first");
    let patient = [&import[..], &["0"]].concat();
    let migrate = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&["migrate"], &url).await.code, 0);
    };
    let (ended, ()) = tokio::join!(call(&patient, &url), migrate);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.ends_with("waiting for roster migrate\n"), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(ended.stdout.contains("created: 1,"), "{ended:?}");
}

/// What waits for another process may be done by the time that the signal comes.
#[tokio::test]
async fn a_migration_that_is_stopped_promises_nothing() {
    let database = Database::create(Engine::Postgres).await;
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    other.execute("SELECT pg_advisory_lock(x'726f73746572'::bigint)").await.unwrap();
    let mut command = program(&["migrate"]);
    command.env("ROSTER_DATABASE_URL", &database.url);
    let told = stopped(command).await;
    let expected =
        "error: stopped by a signal: roster migrate --check tells whether the steps were applied\n";
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_migration_that_waits_says_for_what() {
    let url = format!("postgres://ana@127.0.0.1:{}/people", free_port());
    let ended = call(&["migrate", "--database-wait", "7s"], &[("ROSTER_DATABASE_URL", &url)]).await;
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!((ended.code, lines.len()), (2, 2), "{ended:?}");
    assert!(lines[0].starts_with("not done yet: the database can't be used: "), "{ended:?}");
    assert!(lines[1].starts_with("error: the database could not be used within 7 s: "), "{ended:?}");
    assert!(lines.iter().all(|line| line.contains("refused")), "{ended:?}");
}

/// What a command says that SIGTERM finds waiting.
async fn stopped(mut command: tokio::process::Command) -> String {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    signal(child.id().unwrap(), "TERM");
    let output = tokio::time::timeout(Duration::from_secs(10), child.wait_with_output()).await;
    let output = output.expect("it goes on waiting").unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{told}");
    told
}

/// An export that waits for a lock, and has a file to write or not.
#[tokio::test]
async fn an_export_that_waits_ends_at_a_signal() {
    let database = Database::create(Engine::Postgres).await;
    database.store().await.close().await;
    let mut other = PgConnection::connect(&database.url).await.unwrap();
    other.execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users.csv");
    let to_file = ["--output", file.to_str().unwrap()];
    for (output, left) in [(&to_file[..], "no file was written"), (&[], "stdout has a part of it")] {
        let mut command = program(&[&["export", "--quiet"], output].concat());
        command.env("ROSTER_DATABASE_URL", &database.url);
        assert_eq!(stopped(command).await, format!("error: stopped by a signal: {left}\n"));
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    other.close().await.unwrap();
}

/// As the first process of a container, a program hears no signal that it does not ask for.
#[tokio::test]
async fn what_waits_ends_at_a_signal() {
    let database = Database::create(Engine::Postgres).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users.csv");
    std::fs::write(&file, "name\nAna\n").unwrap();
    let unreachable = format!("postgres://ana@127.0.0.1:{}/people", free_port());
    let waiting = [
        (vec!["import", file.to_str().unwrap()], &database.url),
        (vec!["export"], &database.url),
        (vec!["migrate"], &unreachable),
        (vec!["token", "list"], &unreachable),
        (vec!["token", "list"], &database.url),
    ];
    for (arguments, url) in waiting {
        let mut command = program(&arguments);
        command.args(["--database-wait", "0"]).env("ROSTER_DATABASE_URL", url);
        let told = stopped(command).await;
        assert!(told.ends_with("error: stopped by a signal: nothing was changed\n"), "{arguments:?}: {told}");
    }
}
