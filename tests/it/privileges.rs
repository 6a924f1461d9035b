//! What a role must be allowed for the service to run.

use std::sync::Arc;

use reqwest::Method;
use roster::clock::Clock;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

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
