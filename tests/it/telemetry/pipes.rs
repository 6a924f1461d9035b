//! Whoever reads the log may be slow or gone: that costs lines, and no requests.

use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::process::Command;

use super::start;
use crate::support::{Program, client};

/// Sends requests from a few clients; each must be answered.
async fn send(program: &Program, count: usize) {
    const CLIENTS: usize = 4;
    let senders = (0..CLIENTS).map(|_| {
        let (client, url) = (client(), format!("{}/nothing", program.url));
        tokio::spawn(async move {
            for _ in 0..count / CLIENTS {
                assert_eq!(client.get(&url).send().await.unwrap().status(), 404);
            }
        })
    });
    for sender in join_all(senders).await {
        sender.unwrap();
    }
}

async fn lines_dropped(program: &Program) -> u64 {
    let text = client().get(format!("{}/metrics", program.ops)).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("roster_log_lines_dropped_total "));
    line.unwrap().parse().unwrap()
}

/// A stuck reader delays the end by no more than the flush may take.
async fn ends(program: &mut Program) {
    program.signal("TERM");
    let ended = tokio::time::timeout(Duration::from_secs(20), program.child.wait()).await;
    assert!(ended.expect("it does not end").unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pipe_stops_nothing() {
    let (mut program, _database) = start(&[]).await;
    // The queue and the pipe hold fewer lines than these.
    send(&program, 10_000).await;
    assert!(lines_dropped(&program).await > 0);
    let ready = client().get(format!("{}/readyz", program.ops)).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    ends(&mut program).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_stops_nothing() {
    let (mut program, _database) = start(&[]).await;
    // Another pipe takes the place of the log's, whose last reader is gone with it.
    let mut other = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    let empty = tokio::io::BufReader::new(other.stdout.take().unwrap());
    drop(std::mem::replace(&mut program.log, tokio::io::AsyncBufReadExt::lines(empty)));
    send(&program, 400).await;
    // The writer notices when it has lines to write, a little later.
    let limit = Duration::from_secs(10);
    crate::support::eventually(limit, "lines are counted as lost", async || {
        lines_dropped(&program).await > 0
    })
    .await;
    ends(&mut program).await;
}
