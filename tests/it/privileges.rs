//! What a role must be allowed for the service to run.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use roster::clock::Clock;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::commands::call;
use crate::postgres_server::{PASSWORD, PostgresServer};
use crate::support::{
    Database, Engine, Program, Server, assert_problem, client, eventually, parts, program, signal,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_takes_the_privilege_to_read_and_no_more() {
    let server = PostgresServer::with_passwords();
    let owner = server.url("postgres");
    let full = Program::serve(&owner, &[]).await;
    let created = client().post(format!("{}/users", full.url)).json(&json!({ "name": "Ana" })).send();
    assert_eq!(created.await.unwrap().status(), 201);
    let role = format!(
        "CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"
    );
    PgConnection::connect(&owner).await.unwrap().execute(AssertSqlSafe(role)).await.unwrap();
    let reader = owner.replace("//postgres:", "//reader:");
    let read_only = Program::serve(&reader, &["--read-only"]).await;
    for path in ["/users", "/users/1", "/users?filter=active%20eq%20true&count=exact", "/changes"] {
        let response = client().get(format!("{}{path}", read_only.url)).send().await.unwrap();
        assert_eq!(parts(response).await.0, 200, "{path}");
    }
    let refused = client().post(format!("{}/users", read_only.url)).json(&json!({ "name": "Bea" })).send();
    assert_problem(refused.await.unwrap(), 503, "read-only").await;
}

/// A copy of the database on another server has transaction numbers of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_server_begins_an_epoch_unless_it_only_reads() {
    const EPOCHS: &str = "SELECT count(*) FROM journal_epochs";
    let server = Server::start(Engine::Postgres).await;
    let database = server.database.clone();
    server.stop().await;
    let mut direct = PgConnection::connect(&database.url).await.unwrap();
    direct.execute("UPDATE journal_epochs SET server = 'another'").await.unwrap();
    for (arguments, epochs) in [(&["--read-only=true"][..], 1_i64), (&[][..], 2), (&[][..], 2)] {
        let server = Server::on(Arc::clone(&database), arguments, Clock::System).await;
        assert_eq!(server.request(Method::GET, "/users").send().await.unwrap().status(), 200);
        let found: i64 = sqlx::query_scalar(EPOCHS).fetch_one(&mut direct).await.unwrap();
        assert_eq!(found, epochs, "{arguments:?}");
        server.stop().await;
    }
}

/// Nobody has begun an epoch there, and a server that only reads does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_on_a_server_that_the_journal_does_not_know_says_so() {
    let database = Database::create(Engine::Postgres).await;
    Program::serve(&database.url, &[]).await;
    for (server, told) in [(None, false), (Some("UPDATE journal_epochs SET server = 'another'"), true)] {
        if let Some(statement) = server {
            PgConnection::connect(&database.url).await.unwrap().execute(statement).await.unwrap();
        }
        let mut command = program(&["serve", "--read-only", "--database-url", &database.url]);
        command.args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--drain-seconds", "0"]);
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        signal(child.id().unwrap(), "TERM");
        let log = String::from_utf8(child.wait_with_output().await.unwrap().stdout).unwrap();
        assert!(log.contains("\"listening\""), "{log}");
        let warnings = log.matches("a server that its journal does not know").count();
        assert_eq!(warnings, usize::from(told), "{log}");
    }
}

/// The first token is asked for again and again, for rights may be given meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_token_that_may_not_be_written_is_told_once() {
    let server = PostgresServer::with_passwords();
    let owner = server.url("postgres");
    call(&["migrate"], &[("ROSTER_DATABASE_URL", owner.as_str())]).await.assert_done();
    let mut direct = PgConnection::connect(&owner).await.unwrap();
    let role = format!(
        "CREATE ROLE late LOGIN PASSWORD '{PASSWORD}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO late"
    );
    direct.execute(AssertSqlSafe(role)).await.unwrap();
    let mut service = Program::serve(
        &owner.replace("//postgres:", "//late:"),
        &["--migrate", "off", "--drain-seconds", "0"],
    )
    .await;
    let log = service.drain_log();
    tokio::time::sleep(Duration::from_secs(3)).await;
    direct.execute("GRANT SELECT, INSERT, UPDATE ON tokens, journal TO late").await.unwrap();
    eventually(Duration::from_secs(20), "the token is given", async || {
        all(&mut direct, "SELECT name FROM tokens").await == ["bootstrap"]
    })
    .await;
    service.signal("TERM");
    let lines = log.await.unwrap();
    let told = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!(told("the first token is given"), 1, "{lines:?}");
    // One may have been told before the log was read.
    assert!(told("\"level\":\"WARN\"") <= 1, "{lines:?}");
}

async fn all(direct: &mut PgConnection, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(direct).await.unwrap()
}

/// As in a cluster: a Job migrates as the owner, servers have another role.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrate_gives_a_serving_role_what_it_takes_and_no_more() {
    const READABLE: &str = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace \
         AND relkind IN ('r', 'v') AND NOT has_table_privilege('app\"s', oid, 'SELECT')";
    const CHANGEABLE: &str = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace \
         AND relkind = 'r' AND has_table_privilege('app\"s', oid, 'UPDATE') ORDER BY 1";
    const DELETABLE: &str = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace \
         AND relkind = 'r' AND has_table_privilege('app\"s', oid, 'DELETE') ORDER BY 1";
    let server = PostgresServer::with_passwords();
    let owner = server.url("postgres");
    let mut direct = PgConnection::connect(&owner).await.unwrap();
    let role = format!("CREATE ROLE \"app\"\"s\" LOGIN PASSWORD '{PASSWORD}'");
    direct.execute(AssertSqlSafe(role)).await.unwrap();
    let url = [("ROSTER_DATABASE_URL", owner.as_str())];
    call(&["migrate", "--grant-to", "nobody"], &url).await.assert_refused("role \"nobody\" does not exist");
    let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(all(&mut direct, tables).await, [""; 0], "it is one transaction");
    for printed in ["applied: ", "nothing to apply; "] {
        let ended = call(&["migrate", "--grant-to", "app\"s"], &url).await;
        ended.assert_done();
        let rights = "; rights given to app\"s\n";
        assert!(ended.stdout.starts_with(printed) && ended.stdout.ends_with(rights), "{}", ended.stdout);
    }
    assert_eq!(all(&mut direct, READABLE).await, [""; 0], "a table that RIGHTS does not name");
    assert_eq!(all(&mut direct, CHANGEABLE).await, ["idempotency_keys", "tokens", "users"]);
    assert_eq!(all(&mut direct, DELETABLE).await, ["idempotency_keys", "users"]);
    let serving = owner.replace("//postgres:", "//app%22s:");
    let service = Program::serve(&serving, &["--migrate", "off"]).await;
    let created = client().post(format!("{}/users", service.url)).json(&json!({ "name": "Ana" }));
    assert_eq!(created.send().await.unwrap().status(), 201);
    let deleted = client().delete(format!("{}/users/1", service.url)).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    call(&["migrate", "--check"], &[("ROSTER_DATABASE_URL", serving.as_str())]).await.assert_done();
    let sqlite = [("ROSTER_DATABASE_URL", "sqlite:x.db")];
    call(&["migrate", "--grant-to", "app"], &sqlite).await.assert_refused("SQLite has no roles");
}
