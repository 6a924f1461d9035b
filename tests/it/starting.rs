//! How the program starts, waits, and refuses to start.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::commands::{Ended, SECRET, call, end};
use crate::postgres_server::{PASSWORD, PostgresServer, Stop, free_port};
use crate::support::{
    Database, Engine, Program, assert_problem, both, client, eventually, program, signal, token_file,
};

/// `serve` on free ports, to its end.
async fn refused(database_url: &str, more: &[&str]) -> Ended {
    let mut arguments = vec!["serve", "--database-url", database_url];
    for (flag, any) in [("--listen", "127.0.0.1:0"), ("--ops-listen", "127.0.0.1:0")] {
        if !more.contains(&flag) {
            arguments.extend([flag, any]);
        }
    }
    arguments.extend(more);
    call(&arguments, &[]).await
}

#[tokio::test]
async fn serve_takes_any_address_and_any_host() {
    let database = Database::create(Engine::Sqlite).await;
    let server = Program::serve(&database.url, &["--listen", "0.0.0.0:0"]).await;
    let (_, port) = server.url.rsplit_once(':').unwrap();
    let request = client().get(format!("http://127.0.0.1:{port}/users")).header("host", "roster.example.com");
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/x.db", directory.path().display());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--ops-listen"] {
        refused(&url, &[flag, &address]).await.assert_refused(&format!("can't listen on {address}: Address"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_that_refuses_is_not_waited_for() {
    let server = PostgresServer::with_passwords();
    let good = server.url("postgres");
    let wrong_password = good.replace(PASSWORD, SECRET);
    let wrong_user = good.replace("//postgres:", "//nobody:");
    for (url, cause) in [
        (wrong_password, "password authentication failed for user \"postgres\""),
        (wrong_user, "password authentication failed for user \"nobody\""),
        (server.url("nothing_here"), "database \"nothing_here\" does not exist"),
    ] {
        let start = Instant::now();
        let ended = refused(&url, &["--database-wait", "20s"]).await;
        ended.assert_refused(cause);
        assert!(!ended.stderr.contains(PASSWORD) && !ended.stdout.contains(PASSWORD), "{ended:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        call(&["migrate", "--check", "--database-url", &url], &[]).await.assert_refused(cause);
    }
}

#[tokio::test]
async fn an_unusable_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("directory")).unwrap();
    fs::write(at("text"), "no database, but long enough to be looked at: ".repeat(100)).unwrap();
    for (path, cause) in [
        (at("missing/x.db"), format!("the directory {} does not exist", at("missing").display())),
        (at("directory"), "is a directory, not a file".to_owned()),
        (at("text"), "file is not a database".to_owned()),
    ] {
        let ended = refused(&format!("sqlite:{}", path.display()), &[]).await;
        ended.assert_refused(&cause);
        assert!(ended.stderr.contains(path.to_str().unwrap()), "{ended:?}");
    }
    assert!(!at("missing").exists());
    assert!(fs::read_to_string(at("text")).unwrap().starts_with("no database"));
}

/// Root may write everywhere, so then it is another user who starts the program.
#[tokio::test]
async fn a_file_without_permission_is_named() {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let closed = directory.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
    // A copy, since the other user may not be allowed to where the program was built.
    let copy = directory.path().join("roster");
    fs::copy(env!("CARGO_BIN_EXE_roster"), &copy).unwrap();
    let mut command = tokio::process::Command::new(&copy);
    command.env_clear().current_dir("/").kill_on_drop(true).stdin(Stdio::null());
    if root {
        command.uid(65534).gid(65534);
    }
    let url = format!("sqlite:{}/x.db", closed.display());
    command.args(["serve", "--database-url", &url, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
    let ended = end(command).await;
    ended.assert_refused("unable to open database file");
    assert!(ended.stderr.contains(closed.to_str().unwrap()), "{ended:?}");
}

#[tokio::test]
async fn an_unreachable_server_is_waited_for_as_long_as_told() {
    let url = format!("postgres://ana:{SECRET}@127.0.0.1:{}/people", free_port());
    let start = Instant::now();
    let ended = refused(&url, &["--database-wait", "1s"]).await;
    assert!((1..10).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    ended.assert_refused("the database could not be used within 1 s: ");
    assert!(ended.stderr.contains("Connection refused"), "{ended:?}");
}

/// A program that waits for its database; its ports are known because it was told them.
struct Waiting {
    child: Child,
    url: String,
    ops: String,
    client: Client,
}

impl Waiting {
    async fn start(database_url: &str, wait: &str) -> Self {
        let (public, ops) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
        let mut command = program(&["serve", "--database-url", database_url, "--database-wait", wait]);
        command.args(["--listen", &public, "--ops-listen", &ops, "--bootstrap-token-file", token_file()]);
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let waiting =
            Self { child, url: format!("http://{public}"), ops: format!("http://{ops}"), client: client() };
        eventually(Duration::from_secs(10), "the ops port answers", async || {
            waiting.status("livez").await == Some(StatusCode::OK)
        })
        .await;
        waiting
    }

    async fn status(&self, path: &str) -> Option<StatusCode> {
        let response = self.client.get(format!("{}/{path}", self.ops)).send().await;
        response.ok().map(|response| response.status())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_limit_it_waits_alive_and_unready() {
    let server = PostgresServer::new();
    server.stop(Stop::Fast);
    let waiting = Waiting::start(&server.url("postgres"), "0").await;
    for _ in 0..20 {
        assert_eq!(waiting.status("livez").await, Some(StatusCode::OK));
        for path in ["readyz", "readyz?exclude=database"] {
            assert_eq!(waiting.status(path).await, Some(StatusCode::SERVICE_UNAVAILABLE));
        }
        assert_eq!(waiting.status("readyz?exclude=all").await, Some(StatusCode::UNPROCESSABLE_ENTITY));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let early = waiting.client.get(format!("{}/users", waiting.url)).send().await;
    assert!(early.unwrap_err().is_connect(), "the public port is closed until it can answer");
    server.start();
    eventually(Duration::from_secs(10), "ready", async || {
        waiting.status("readyz").await == Some(StatusCode::OK)
    })
    .await;
    let users = waiting.client.get(format!("{}/users", waiting.url)).send().await.unwrap();
    assert_eq!((users.status(), users.text().await.unwrap().as_str()), (StatusCode::OK, "[]"));
}

#[tokio::test]
async fn a_signal_ends_the_waiting() {
    for name in ["TERM", "INT"] {
        let url = format!("postgres://ana@127.0.0.1:{}/people", free_port());
        let mut waiting = Waiting::start(&url, "0").await;
        signal(waiting.child.id().unwrap(), name);
        let ended = tokio::time::timeout(Duration::from_secs(3), waiting.child.wait()).await;
        assert_eq!(ended.expect("ends soon").unwrap().code(), Some(0), "{name}");
    }
}

both! {
    async fn why_it_is_unready_is_in_the_log_from_the_start(engine) {
        let database = Database::create(engine).await;
        let mut command = program(&["serve", "--database-url", &database.url, "--migrate", "off"]);
        command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
        command.args(["--bootstrap-token-file", token_file()]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = async {
            loop {
                let line: Value = serde_json::from_str(&log.next_line().await.unwrap().unwrap()).unwrap();
                if line["message"] == "not ready" {
                    return line["reason"].to_string();
                }
            }
        };
        let reason = tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
        assert!(reason.contains("0001_directory"), "{reason}");
    }

    async fn without_migrations_it_is_unready_until_the_schema_is_there(engine) {
        let database = Database::create(engine).await;
        let server = Program::serve(&database.url, &["--migrate", "off"]).await;
        let client = client();
        let ready = async || client.get(format!("{}/readyz?exclude=database", server.ops)).send().await.unwrap();
        let unready = ready().await;
        assert_eq!(unready.status(), 503);
        assert!(unready.text().await.unwrap().contains("0001_directory"));
        let user = json!({ "name": "Ana" });
        for (method, path) in [
            (Method::GET, "/users"),
            (Method::GET, "/users?limit=1"),
            (Method::GET, "/users/1"),
            (Method::GET, "/changes"),
            (Method::POST, "/users"),
            (Method::PATCH, "/users/1"),
            (Method::DELETE, "/users/1"),
        ] {
            let request = client.request(method.clone(), format!("{}{path}", server.url));
            let request = if method == Method::GET { request } else { request.json(&user) };
            let problem = assert_problem(request.send().await.unwrap(), 503, "unavailable").await;
            assert!(!problem.to_string().contains("table"), "{method} {path}: {problem}");
        }
        assert_eq!(call(&["migrate", "--database-url", &database.url], &[]).await.code, 0);
        eventually(Duration::from_secs(2), "ready", async || ready().await.status() == 200).await;
        // The first token follows.
        let make = async || client.post(format!("{}/users", server.url)).json(&user).send().await.unwrap().status();
        eventually(Duration::from_secs(5), "made", async || make().await == 201).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_servers_at_once_make_one_schema() {
    let database = Database::create(Engine::Postgres).await;
    let servers = futures_util::future::join_all((0..5).map(|_| Program::serve(&database.url, &[]))).await;
    let client = client();
    for server in &servers {
        assert_eq!(client.get(format!("{}/readyz", server.ops)).send().await.unwrap().status(), 200);
    }
    for (number, server) in servers.iter().enumerate() {
        let user = json!({ "name": format!("user {number}") });
        // The first token follows.
        let make =
            async || client.post(format!("{}/users", server.url)).json(&user).send().await.unwrap().status();
        eventually(Duration::from_secs(5), "made", async || make().await == 201).await;
    }
    let mut admin = PgConnection::connect(&database.url).await.unwrap();
    let steps: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM schema_migrations").fetch_all(&mut admin).await.unwrap();
    assert_eq!(steps, (1..).take(steps.len()).collect::<Vec<i64>>());
    let epochs: i64 =
        sqlx::query_scalar("SELECT count(*) FROM journal_epochs").fetch_one(&mut admin).await.unwrap();
    assert_eq!(epochs, 1);
}

/// Whoever writes meanwhile waits behind it, so it must not wait for long at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_waits_for_a_lock_does_not_hold_up_writers() {
    const FIRST: &str = include_str!("../../migrations/postgres/0001_directory.sql");
    let database = Database::create(Engine::Postgres).await;
    let mut reader = PgConnection::connect(&database.url).await.unwrap();
    // As the first release left it.
    sqlx::raw_sql(FIRST).execute(&mut reader).await.unwrap();
    let list = "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, name text, checksum text, applied_at bigint)";
    sqlx::raw_sql(list).execute(&mut reader).await.unwrap();
    let applied = "INSERT INTO schema_migrations \
                   VALUES (1, '0001_directory', encode(sha256(convert_to($1, 'UTF8')), 'hex'), 0)";
    sqlx::query(applied).bind(FIRST).execute(&mut reader).await.unwrap();

    sqlx::raw_sql("BEGIN; SELECT count(*) FROM journal").execute(&mut reader).await.unwrap();
    let url = database.url.clone();
    let migrating =
        tokio::spawn(async move { call(&["migrate"], &[("ROSTER_DATABASE_URL", url.as_str())]).await });
    let mut writer = PgConnection::connect(&database.url).await.unwrap();
    let (begun, mut longest) = (Instant::now(), Duration::ZERO);
    while begun.elapsed() < Duration::from_secs(6) {
        let start = Instant::now();
        let write = "BEGIN; LOCK TABLE journal IN ROW EXCLUSIVE MODE; COMMIT";
        sqlx::raw_sql(write).execute(&mut writer).await.unwrap();
        longest = longest.max(start.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("a writer waited for {longest:?} at most");
    assert!(longest > Duration::from_millis(500), "the migration was not in the way");
    assert!(longest < Duration::from_secs(4) && !migrating.is_finished());
    sqlx::raw_sql("COMMIT").execute(&mut reader).await.unwrap();
    let ended = migrating.await.unwrap();
    assert!(ended.code == 0 && ended.stdout.contains("applied: 0002_callers"), "{ended:?}");
}
