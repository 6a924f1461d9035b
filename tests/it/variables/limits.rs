//! How much, how often and how slowly.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::Serving;
use crate::asking::metric;
use crate::connections::{WHOLE_LIST, fill};
use crate::raw::Connection;
use crate::support::{assert_problem, client, client_of};

pub(super) async fn failed_credentials(name: &str) {
    let serving = Serving::with(&[(name, "2")]).await;
    let mut answers = Vec::new();
    for number in 0..4 {
        let stranger = client_of(Some(&format!("rst_nobody-{number}")));
        answers.push(stranger.get(serving.at("/users")).send().await.unwrap().status().as_u16());
    }
    assert_eq!((answers[0], answers[3]), (401, 429), "{answers:?}");
}

pub(super) async fn requests_per_second(name: &str) {
    for (limit, refuses) in [("1", true), ("0", false)] {
        let serving = Serving::with(&[(name, limit)]).await;
        let mut refused = 0;
        for _ in 0..20 {
            let status = client().get(serving.at("/users")).send().await.unwrap().status();
            refused += u32::from(status == 429);
        }
        assert_eq!(refused > 0, refuses, "{refused} with {limit}");
    }
}

pub(super) async fn header_timeout(name: &str) {
    let serving = Serving::with(&[(name, "300ms")]).await;
    let mut half = Connection::open(&serving.program.url).await.unwrap();
    half.send("GET /users HTTP/1.1\r\nhost: te").await.unwrap();
    half.rest(Duration::from_secs(5)).await;
    assert!(metric(&serving.program.ops, "roster_connections_head_timeout_total").await.unwrap() > 0.0);
}

pub(super) async fn idle_timeout(name: &str) {
    let serving = Serving::with(&[(name, "300ms")]).await;
    let mut idle = Connection::open(&serving.program.url).await.unwrap();
    assert_eq!(idle.post("/users", r#"{"name":"a"}"#).await.unwrap().status, 201);
    let (bytes, reset) = idle.rest(Duration::from_secs(5)).await;
    assert!(bytes.is_empty() && !reset, "{bytes:?}");
}

pub(super) async fn request_timeout(name: &str) {
    let serving = Serving::with(&[(name, "300ms")]).await;
    let mut other = SqliteConnection::connect(&serving.database.url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let start = Instant::now();
    let request = client().post(serving.at("/users")).json(&json!({ "name": "Ana" }));
    assert_eq!(request.send().await.unwrap().status(), 503);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

pub(super) async fn max_connections(name: &str) {
    let serving = Serving::with(&[(name, "1")]).await;
    let mut first = Connection::open(&serving.program.url).await.unwrap();
    assert_eq!(first.post("/users", r#"{"name":"a"}"#).await.unwrap().status, 201);
    let mut second = Connection::open(&serving.program.url).await.unwrap();
    let asked = second.post("/users", r#"{"name":"b"}"#);
    assert!(
        tokio::time::timeout(Duration::from_millis(500), asked).await.is_err(),
        "there is no room for it"
    );
    drop(first);
    let answer = tokio::time::timeout(Duration::from_secs(10), second.answer()).await;
    assert_eq!(answer.unwrap().unwrap().status, 201);
}

pub(super) async fn max_body_bytes(name: &str) {
    let serving = Serving::with(&[(name, "30")]).await;
    let create =
        async |user: &str| client().post(serving.at("/users")).json(&json!({ "name": user })).send().await;
    assert_eq!(create("Ana").await.unwrap().status(), 201);
    assert_problem(create(&"a".repeat(30)).await.unwrap(), 413, "too-large").await;
}

/// A client that reads a megabyte in a second is slow where ten are asked for, and quick enough otherwise.
pub(super) async fn min_drain_rate(name: &str) {
    // Judged after 10 s of waiting, which come later on a busy machine.
    for (rate, cut, patience) in [("10000000", true, 60), ("1024", false, 13)] {
        let serving = Serving::with(&[(name, rate)]).await;
        fill(&serving.program.url).await;
        let mut reader =
            TcpStream::connect(serving.program.url.strip_prefix("http://").unwrap()).await.unwrap();
        let token = format!("\r\nauthorization: Bearer {}\r\n\r\n", crate::support::ADMIN);
        let request = WHOLE_LIST.replace("\r\n\r\n", &token);
        tokio::io::AsyncWriteExt::write_all(&mut reader, request.as_bytes()).await.unwrap();
        let (mut part, start) = (vec![0; 20_000], Instant::now());
        while start.elapsed() < Duration::from_secs(patience)
            && reader.read(&mut part).await.is_ok_and(|read| read > 0)
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let counted = metric(&serving.program.ops, "roster_connections_slow_reader_total").await.unwrap();
        assert_eq!(counted > 0.0, cut, "{counted} with {rate} after {:?}", start.elapsed());
    }
}
