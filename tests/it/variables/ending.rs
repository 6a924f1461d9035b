//! How it ends, and what it says meanwhile.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use super::{Serving, serve};
use crate::postgres_server::free_port;
use crate::raw::Connection;
use crate::support::{Database, Engine, client, eventually, signal};

/// How long the program takes to end after SIGTERM.
async fn end(serving: &mut Serving) -> Duration {
    let start = Instant::now();
    serving.program.signal("TERM");
    let ended = tokio::time::timeout(Duration::from_secs(20), serving.program.child.wait()).await;
    assert_eq!(ended.expect("it ends").unwrap().code(), Some(0));
    start.elapsed()
}

pub(super) async fn drain_seconds(name: &str) {
    for seconds in [0, 2] {
        let mut serving = Serving::with(&[(name, &seconds.to_string())]).await;
        let (took, least) = (end(&mut serving).await, Duration::from_secs(seconds));
        assert!(took >= least && took < least + Duration::from_secs(2), "{seconds} s: {took:?}");
    }
}

/// Half a request holds up the end for as long as it may.
pub(super) async fn shutdown_seconds(name: &str) {
    let mut serving = Serving::with(&[(name, "1")]).await;
    let mut half = Connection::open(&serving.program.url).await.unwrap();
    let head = "POST /users HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    half.send(head).await.unwrap();
    eventually(Duration::from_secs(5), "it is under way", async || {
        crate::asking::metric(&serving.program.ops, "roster_connections_open").await.unwrap() > 0.0
    })
    .await;
    let took = end(&mut serving).await;
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(5), "{took:?}");
}

pub(super) async fn log_format(name: &str) {
    for (format, is_json) in [("json", true), ("pretty", false)] {
        let database = Database::create(Engine::Sqlite).await;
        let mut child = serve(&database.url, &[(name, format)]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&line).is_ok(), is_json, "{line}");
    }
}

pub(super) async fn log(name: &str) {
    for (level, silent) in [("error", true), ("info", false)] {
        let (database, ops) = (Database::create(Engine::Sqlite).await, format!("127.0.0.1:{}", free_port()));
        let mut command = serve(&database.url, &[(name, level), ("ROSTER_OPS_LISTEN", &ops)]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let ready = format!("http://{ops}/readyz");
        eventually(Duration::from_secs(10), "ready", async || {
            client().get(&ready).send().await.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        signal(child.id().unwrap(), "TERM");
        let mut told = String::new();
        child.stdout.take().unwrap().read_to_string(&mut told).await.unwrap();
        assert_eq!(told.is_empty(), silent, "{told}");
    }
}
