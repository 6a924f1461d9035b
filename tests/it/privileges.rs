//! What a role must be allowed for the service to run.

use std::sync::Arc;

use reqwest::Method;
use roster::clock::Clock;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::commands::call;
use crate::postgres_server::{PASSWORD, PostgresServer};
use crate::support::{Engine, Program, Server, assert_problem, client, parts};

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
    for printed in ["applied: ", "nothing to apply"] {
        let ended = call(&["migrate", "--grant-to", "app\"s"], &url).await;
        ended.assert_done();
        assert!(ended.stdout.starts_with(printed), "{}", ended.stdout);
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
