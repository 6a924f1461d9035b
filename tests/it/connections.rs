//! What a client may hold up, and how a server ends that clients hold up.

use std::time::{Duration, Instant};

use roster::clock::Clock;
use serde_json::{Value, json};

use crate::asking::metric;
use crate::raw::Connection;
use crate::support::{Database, Engine, Program, Server, client, eventually};

/// More than the buffers of the system take of an answer that nobody reads.
const USERS: usize = 400;
const PROFILE: usize = 60_000;
pub(crate) const WHOLE_LIST: &str = "GET /users?fields=profile HTTP/1.1\r\nhost: localhost\r\n\r\n";

pub(crate) async fn fill(url: &str) {
    let text = "x".repeat(PROFILE);
    let client = client();
    for part in 0..USERS / 10 {
        let operations: Vec<Value> = (0..10)
            .map(|number| json!({ "op": "create", "body": { "name": format!("{part}-{number}"), "profile": { "text": text } } }))
            .collect();
        let batch = client.post(format!("{url}/users/batch")).json(&json!({ "operations": operations }));
        assert_eq!(batch.send().await.unwrap().status(), 200);
    }
}

/// A connection whose answer has begun and is not read on.
async fn stuck(url: &str) -> Connection {
    let mut connection = Connection::open(url).await.unwrap();
    connection.send(WHOLE_LIST).await.unwrap();
    assert_eq!(connection.first_byte().await.unwrap(), b'H');
    connection
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deadline_cuts_and_counts_what_is_unfinished() {
    let database = Database::create(Engine::Sqlite).await;
    let mut server =
        Program::serve(&database.url, &["--drain-seconds", "0", "--shutdown-seconds", "1"]).await;
    fill(&server.url).await;
    let log = server.drain_log();
    let mut stuck = stuck(&server.url).await;
    let start = Instant::now();
    server.signal("TERM");
    let ended = tokio::time::timeout(Duration::from_secs(10), server.child.wait()).await;
    assert_eq!(ended.expect("ends at the deadline").unwrap().code(), Some(0));
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    let lines = log.await.unwrap();
    let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!((&last["message"], &last["connections_cut"]), (&json!("ended"), &json!(1)), "{last}");
    let (bytes, reset) = stuck.rest(Duration::from_secs(5)).await;
    assert!(reset && bytes.len() < USERS * PROFILE && !bytes.ends_with(b"\r\n0\r\n\r\n"), "{}", bytes.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_the_deadline_cuts_is_not_one_whose_client_left() {
    let database = Database::create(Engine::Sqlite).await;
    let mut server =
        Program::serve(&database.url, &["--drain-seconds", "0", "--shutdown-seconds", "1"]).await;
    let log = server.drain_log();
    let half = "POST /users HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let mut cut = Connection::open(&server.url).await.unwrap();
    cut.send(half).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.signal("TERM");
    let ended = tokio::time::timeout(Duration::from_secs(10), server.child.wait()).await;
    assert_eq!(ended.expect("ends at the deadline").unwrap().code(), Some(0));
    let lines: Vec<Value> =
        log.await.unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "request" && line["method"] == "POST")
        .map(|line| (line["status"].as_u64().unwrap(), line["error"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(503, "cut at the deadline of the shutdown")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_at_once() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let database = Database::create(Engine::Sqlite).await;
        let mut server = Program::serve(&database.url, &["--drain-seconds", "60"]).await;
        server.signal("TERM");
        eventually(Duration::from_secs(3), "draining", async || {
            client().get(format!("{}/readyz", server.ops)).send().await.unwrap().status() == 503
        })
        .await;
        let users = client().get(format!("{}/users", server.url)).send().await.unwrap();
        assert_eq!(
            (users.status().as_u16(), &users.headers()["connection"]),
            (200, &"close".parse().unwrap())
        );
        server.signal(name);
        let ended = tokio::time::timeout(Duration::from_secs(2), server.child.wait()).await;
        assert_eq!(ended.expect("ends at once").unwrap().code(), Some(code));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_cut() {
    let server = Server::start(Engine::Sqlite).await;
    fill(&server.url).await;
    let mut stuck = stuck(&server.url).await;
    eventually(Duration::from_secs(30), "cut", async || {
        metric(&server.ops, "roster_connections_slow_reader_total").await.unwrap() > 0.0
    })
    .await;
    let (bytes, reset) = stuck.rest(Duration::from_secs(5)).await;
    assert!(reset && bytes.len() < USERS * PROFILE, "{}", bytes.len());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_head_is_not_waited_for() {
    let server = Server::with(Engine::Sqlite, &["--header-timeout", "1s"], Clock::System).await;
    let mut half = Connection::open(&server.url).await.unwrap();
    half.send("GET /users HTTP/1.1\r\nhost: te").await.unwrap();
    let start = Instant::now();
    half.rest(Duration::from_secs(10)).await;
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
    assert!(metric(&server.ops, "roster_connections_head_timeout_total").await.unwrap() > 0.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_an_unread_body_announces_the_close() {
    let server = Server::start(Engine::Sqlite).await;
    let mut connection = Connection::open(&server.url).await.unwrap();
    let read = connection.post("/users", r#"{"name":"Ada"}"#).await.unwrap();
    assert_eq!((read.status, read.closes()), (201, false));
    let unwanted = connection.post("/nowhere", "{}").await.unwrap();
    assert_eq!((unwanted.status, unwanted.closes()), (404, false));
    // The head alone: its answer does not wait for the body.
    let head = "POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 14\r\n\r\n";
    connection.send(head).await.unwrap();
    let unread = connection.answer().await.unwrap();
    assert_eq!((unread.status, unread.closes()), (404, true));
    assert_eq!(connection.rest(Duration::from_secs(10)).await, (Vec::new(), false));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_head_does_not_hold_up_the_end() {
    let database = Database::create(Engine::Sqlite).await;
    let limits = ["--drain-seconds", "0", "--shutdown-seconds", "2", "--header-timeout", "60s"];
    let mut server = Program::serve(&database.url, &limits).await;
    let mut half = Connection::open(&server.url).await.unwrap();
    half.send("GET /users HTTP/1.1\r\nhost: te").await.unwrap();
    eventually(Duration::from_secs(5), "open", async || {
        metric(&server.ops, "roster_connections_open").await.unwrap() > 0.0
    })
    .await;
    server.signal("TERM");
    let ended = tokio::time::timeout(Duration::from_secs(15), server.child.wait()).await;
    assert_eq!(ended.expect("ends at the deadline").unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_cap_wait_their_turn() {
    let server = Server::with(Engine::Sqlite, &["--max-connections", "2"], Clock::System).await;
    let mut first = Connection::open(&server.url).await.unwrap();
    let mut second = Connection::open(&server.url).await.unwrap();
    assert_eq!(first.post("/users", r#"{"name":"a"}"#).await.unwrap().status, 201);
    assert_eq!(second.post("/users", r#"{"name":"b"}"#).await.unwrap().status, 201);
    let mut third = Connection::open(&server.url).await.unwrap();
    let asked =
        tokio::time::timeout(Duration::from_millis(500), third.post("/users", r#"{"name":"c"}"#)).await;
    assert!(asked.is_err(), "nobody has room for the third");
    assert!(metric(&server.ops, "roster_connections_open").await.unwrap() < 2.5);
    drop(first);
    let answer = tokio::time::timeout(Duration::from_secs(10), third.answer()).await;
    assert_eq!(answer.expect("the third gets the room").unwrap().status, 201);
    server.stop().await;
}
