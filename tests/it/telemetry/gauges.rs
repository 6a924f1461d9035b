//! What `/metrics` says of the directory, its feed and its database.

use std::time::Duration;

use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::metrics::scrape;
use crate::postgres_server::{PostgresServer, Stop};
use crate::support::{Engine, Program, Server, both, client, eventually};

/// Longer than the time between two measurements.
const MEASURED: Duration = Duration::from_secs(20);

async fn value(ops: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    scrape(&client(), ops).await.sum(name, labels)
}

both! {
    async fn users_are_counted(engine) {
        let server = Server::start(engine).await;
        for (name, active) in [("Ana", true), ("Bo", true), ("Cy", false)] {
            server.create(&json!({ "name": name, "active": active })).await;
        }
        eventually(MEASURED, "the count of users", async || {
            let active = value(&server.ops, "roster_users", &[("active", "true")]).await;
            active == Some(2.0) && value(&server.ops, "roster_users", &[("active", "false")]).await == Some(1.0)
        })
        .await;
        for (name, expected) in [
            ("roster_ready", 1.0),
            ("roster_database_up", 1.0),
            ("roster_lookups_waiting", 0.0),
            ("roster_lookups_waiting_max", 8192.0),
            ("roster_connections_max", 10_000.0),
        ] {
            assert_eq!(value(&server.ops, name, &[]).await, Some(expected), "{name}");
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_of_a_file_is_told() {
    let server = Server::start(Engine::Sqlite).await;
    let [file, left, all] = [
        value(&server.ops, "roster_database_file_bytes", &[]).await,
        value(&server.ops, "roster_database_disk_available_bytes", &[]).await,
        value(&server.ops, "roster_database_disk_bytes", &[]).await,
    ]
    .map(Option::unwrap);
    assert!(file >= 4096.0 && left > file && all >= left, "{file} {left} {all}");
    let log = std::fs::metadata(format!("{}-wal", server.database.path().display())).unwrap().len();
    assert!(log > 0, "the write-ahead log is part of it");
    server.stop().await;
    let server = Server::start(Engine::Postgres).await;
    assert_eq!(value(&server.ops, "roster_database_file_bytes", &[]).await, None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_lags_behind_a_long_transaction() {
    let server = PostgresServer::new();
    let program = Program::serve(&server.url("postgres"), &["--drain-seconds", "0"]).await;
    let lag = async || value(&program.ops, "roster_feed_lag_seconds", &[]).await;
    let create = async |name: &str| {
        let request = client().post(format!("{}/users", program.url)).json(&json!({ "name": name }));
        assert_eq!(request.send().await.unwrap().status(), 201);
    };
    create("before").await;
    eventually(MEASURED, "no lag", async || lag().await == Some(0.0)).await;
    let mut other = PgConnection::connect(&server.url("postgres")).await.unwrap();
    other.execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    create("held back").await;
    eventually(MEASURED, "lag", async || lag().await > Some(0.0)).await;
    let first = lag().await;
    eventually(MEASURED, "more lag", async || lag().await > first).await;
    other.execute("COMMIT").await.unwrap();
    eventually(MEASURED, "no lag any more", async || lag().await == Some(0.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_seen() {
    let server = PostgresServer::new();
    let program = Program::serve(&server.url("postgres"), &["--drain-seconds", "0"]).await;
    let both = async |expected: f64| {
        let metrics = scrape(&client(), &program.ops).await;
        ["roster_ready", "roster_database_up"].iter().all(|name| metrics.sum(name, &[]) == Some(expected))
    };
    assert!(both(1.0).await);
    server.stop(Stop::Immediate);
    eventually(MEASURED, "down", async || both(0.0).await).await;
    eventually(MEASURED, "old counts go away", async || {
        value(&program.ops, "roster_users", &[]).await.is_none()
    })
    .await;
    server.start();
    eventually(MEASURED, "up again", async || both(1.0).await).await;
    eventually(MEASURED, "counts again", async || value(&program.ops, "roster_users", &[]).await.is_some())
        .await;
    let mut other = PgConnection::connect(&server.url("postgres")).await.unwrap();
    other.execute("DELETE FROM schema_migrations WHERE version = 2").await.unwrap();
    eventually(MEASURED, "the schema lacks a step", async || {
        let up = value(&program.ops, "roster_database_up", &[]).await;
        up == Some(1.0) && value(&program.ops, "roster_ready", &[]).await == Some(0.0)
    })
    .await;
}
