//! Statements that take too long on SQLite, which has no process of its own to cancel them in.

use std::time::{Duration, Instant};

use roster::clock::Clock;
use sqlx::SqliteConnection;
use sqlx::{Connection as _, Executor as _};

use crate::support::{Engine, Server, assert_problem, client, eventually};

/// Far more work for one request than `--request-timeout` allows.
const USERS: &str = "WITH RECURSIVE numbers(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 14000) \
     INSERT INTO users (name, name_key, profile, created_at, updated_at) \
     SELECT 'user ' || n, 'user ' || n, '{\"a\":' || n || ',\"text\":\"' || hex(zeroblob(500)) || '\"}', 0, 0 \
     FROM numbers";

async fn server() -> Server {
    let limits = ["--request-timeout", "1s", "--database-timeout", "1s"];
    let server = Server::with(Engine::Sqlite, &limits, Clock::System).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(server.database.path());
    SqliteConnection::connect_with(&options).await.unwrap().execute(USERS).await.unwrap();
    server
}

fn heavy() -> String {
    let any: Vec<String> = (0..100).map(|number| format!("profile.a eq {}", 20_000 + number)).collect();
    format!("/users?filter={}", any.join(" or ").replace(' ', "%20"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn end_at_the_limit() {
    let server = server().await;
    let start = Instant::now();
    assert_problem(server.get(&heavy()).await, 503, "unavailable").await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn end_when_the_client_is_gone() {
    let server = server().await;
    let url = format!("{}{}", server.url, heavy());
    let store = server.service.as_ref().unwrap().store().clone();
    for _ in 0..3 {
        let asked: Vec<_> = (0..12)
            .map(|_| {
                let request = client().get(&url).timeout(Duration::from_millis(300));
                tokio::spawn(async move { request.send().await.is_err() })
            })
            .collect();
        for gone in asked {
            assert!(gone.await.unwrap(), "the request is a heavy one");
        }
    }
    let gone = Instant::now();
    let works = async || server.get("/users?limit=1").await.status() == 200;
    eventually(Duration::from_secs(2), "other requests are answered", works).await;
    eventually(Duration::from_secs(2), "no statement runs on", async || store.connections().0 == 0).await;
    println!("free again after {:?}", gone.elapsed());
    let response = server.client.get(format!("{}/readyz", server.ops)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn do_not_make_the_service_unready() {
    let server = server().await;
    let url = format!("{}{}", server.url, heavy());
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let request = client().get(&url).send();
            tokio::spawn(async move { request.await.unwrap().status().as_u16() })
        })
        .collect();
    while asked.iter().any(|request| !request.is_finished()) {
        let response = server.client.get(format!("{}/readyz", server.ops)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for request in asked {
        assert_eq!(request.await.unwrap(), 503);
    }
    server.stop().await;
}
