//! Which database, and how it is used.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::Serving;
use crate::asking::metric;
use crate::commands::call;
use crate::postgres_server::free_port;
use crate::support::{Database, Engine, assert_problem, client, eventually};

pub(super) async fn url(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("people.db");
    assert_eq!(call(&["migrate"], &[(name, &format!("sqlite:{}", file.display()))]).await.code, 0);
    assert!(file.exists());
}

pub(super) async fn url_in_a_file(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    let (file, secret) = (directory.path().join("people.db"), directory.path().join("url"));
    std::fs::write(&secret, format!("sqlite:{}\n", file.display())).unwrap();
    assert_eq!(call(&["migrate"], &[(name, secret.to_str().unwrap())]).await.code, 0);
    assert!(file.exists());
}

pub(super) async fn wait(name: &str) {
    let url = format!("postgres://ana@127.0.0.1:{}/people", free_port());
    for wait in [100, 2000] {
        let start = Instant::now();
        let ended = call(&["migrate"], &[("ROSTER_DATABASE_URL", &url), (name, &format!("{wait}ms"))]).await;
        let (took, wait) = (start.elapsed(), Duration::from_millis(wait));
        assert!(
            ended.code == 2 && took >= wait && took < wait + Duration::from_secs(2),
            "{took:?} {ended:?}"
        );
    }
}

pub(super) async fn connections(name: &str) {
    let serving = Serving::on(Database::create(Engine::Postgres).await, &[(name, "7")]).await;
    let most = metric(&serving.program.ops, "roster_database_connections_max").await.unwrap();
    assert!((most - 7.0).abs() < f64::EPSILON, "{most}");
}

pub(super) async fn connection_timeout(name: &str) {
    let variables = [("ROSTER_DATABASE_CONNECTIONS", "1"), (name, "200ms")];
    let serving = Serving::on(Database::create(Engine::Postgres).await, &variables).await;
    let mut other = PgConnection::connect(&serving.database.url).await.unwrap();
    other.execute("BEGIN; LOCK TABLE users").await.unwrap();
    let (user, url) = (json!({ "name": "Ana" }), serving.at("/users"));
    let first = tokio::spawn(client().post(&url).json(&user).send());
    // The one connection is taken by the first request at some time, or by the second; both ask for it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    assert_problem(client().get(&url).send().await.unwrap(), 503, "unavailable").await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    other.execute("COMMIT").await.unwrap();
    assert_eq!(first.await.unwrap().unwrap().status(), 201);
}

pub(super) async fn migrate(name: &str) {
    let serving = Serving::with(&[(name, "off")]).await;
    let ready =
        async || client().get(format!("{}/readyz", serving.program.ops)).send().await.unwrap().status();
    assert_eq!(ready().await, 503);
    assert_eq!(call(&["migrate"], &[("ROSTER_DATABASE_URL", &serving.database.url)]).await.code, 0);
    eventually(Duration::from_secs(5), "ready", async || ready().await == 200).await;
}

pub(super) async fn read_only(name: &str) {
    // The schema and the first token are written before.
    let mut before = Serving::with(&[]).await;
    before.program.child.kill().await.unwrap();
    let serving = Serving::on(before.database, &[(name, "yes")]).await;
    let request = client().request(Method::POST, serving.at("/users")).json(&json!({ "name": "Ana" }));
    assert_problem(request.send().await.unwrap(), 503, "read-only").await;
}
