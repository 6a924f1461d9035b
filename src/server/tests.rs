//! The server through real sockets, with limits of fractions of a second.

mod client;
mod tls;

use super::*;
use client::{Client, GET, HALF_HEAD, limits, ms, start};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::Instant,
};

#[tokio::test]
async fn a_slow_head_is_cut_and_counted() {
    let server = start(limits()).await;
    let mut client = server.connect().await;
    let begun = Instant::now();
    let slow = async {
        for byte in GET.as_bytes() {
            if client.0.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(ms(20)).await;
        }
    };
    slow.await;
    assert!(client.rest().await.0.is_empty());
    assert!(begun.elapsed() < ms(1500));
    assert_eq!(server.stats.head_timeouts(), 1);
    assert_eq!(server.connect().await.hello().await.lines().next(), Some("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_head_has_its_own_time_on_an_old_connection_and_behind_a_pipelined_request() {
    let server = start(limits()).await;
    let mut kept = server.connect().await;
    kept.hello().await;
    sleep(ms(300)).await;
    kept.send(HALF_HEAD).await;
    let mut pipelined = server.connect().await;
    pipelined.send(&format!("{GET}{GET}{HALF_HEAD}")).await;
    let mut late = server.connect().await;
    late.send("POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n").await;
    sleep(ms(50)).await;
    late.send(&format!("ab{HALF_HEAD}")).await;
    let begun = Instant::now();
    assert!(kept.rest().await.0.is_empty());
    let answers = String::from_utf8(pipelined.rest().await.0).unwrap();
    assert_eq!(answers.matches("hello").count(), 2);
    late.rest().await;
    assert!(begun.elapsed() < ms(1000), "{:?}", begun.elapsed());
    assert_eq!(server.stats.head_timeouts(), 3);
}

#[tokio::test]
async fn idle_connections_live_until_the_idle_timeout() {
    let server = start(Limits { idle_timeout: ms(900), ..limits() }).await;
    let mut client = server.connect().await;
    client.hello().await;
    assert!(client.is_open_after(ms(500)).await);
    client.hello().await;
    assert!(client.is_open_after(ms(500)).await);
    let (read, reset) = client.rest().await;
    assert!(read.is_empty() && !reset);
    assert_eq!(server.stats.head_timeouts(), 0);
}

#[tokio::test]
async fn request_bodies_are_not_heads() {
    let server = start(limits()).await;
    let mut client = server.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n").await;
    for _ in 0..3 {
        sleep(ms(150)).await;
        client.send("ab").await;
    }
    client.read_until("\r\n\r\n6").await;
    client.send("POST /length HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for part in ["2\r\nab", "\r\n1\r", "\nc\r\n0\r\n", "\r\n"] {
        sleep(ms(150)).await;
        client.send(part).await;
    }
    client.read_until("\r\n\r\n3").await;
    assert!(client.is_open_after(ms(300)).await);
    client.hello().await;
    assert_eq!(server.stats.head_timeouts(), 0);
}

#[tokio::test]
async fn an_unread_request_body_does_not_begin_a_head() {
    let server = start(limits()).await;
    // More than hyper reads at first: the rest comes when the response is finished.
    for length in [2, 12_000] {
        let mut client = server.connect().await;
        let body = "x".repeat(length);
        client
            .send(&format!("POST /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"))
            .await;
        client.read_until("\r\n\r\n").await;
        assert!(client.is_open_after(ms(400)).await, "{length}");
        client.hello().await;
    }
    assert_eq!(server.stats.head_timeouts(), 0);
}

#[tokio::test]
async fn slow_readers_are_cut_and_fast_ones_get_everything() {
    let server = start(limits()).await;
    let mut slow = server.connect_small().await;
    slow.send("GET /big HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut fast = server.connect().await;
    fast.send("GET /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let (read, reset) = fast.rest().await;
    assert!(read.len() > 8 << 20 && !reset);
    let cut = async {
        while server.stats.open() > 0 {
            sleep(ms(20)).await;
        }
    };
    timeout(ms(2000), cut).await.expect("the slow reader is cut");
    assert_eq!(server.stats.slow_readers(), 1);
    let (read, reset) = slow.rest().await;
    assert!(read.len() < 8 << 20 && reset);
}

#[tokio::test]
async fn a_steady_reader_above_the_least_rate_is_not_cut() {
    let server = start(Limits { min_drain_rate: 20_000, drain_window: ms(500), ..limits() }).await;
    let mut client = server.connect().await;
    client.send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut buffer = vec![0; 10_000];
    let end = Instant::now() + ms(1500);
    while Instant::now() < end {
        client.0.read_exact(&mut buffer).await.unwrap();
        sleep(ms(25)).await;
    }
    assert_eq!(server.stats.slow_readers(), 0);
}

#[tokio::test]
async fn a_slow_source_is_not_a_slow_reader() {
    let server = start(limits()).await;
    let mut client = server.connect_small().await;
    client.send("GET /trickle HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(client.read_until("0\r\n\r\n").await.matches("drop").count(), 8);
    assert_eq!(server.stats.slow_readers(), 0);
}

#[tokio::test]
async fn connections_above_the_cap_wait() {
    let server = start(Limits { max_connections: 1, ..limits() }).await;
    let mut first = server.connect().await;
    first.hello().await;
    let mut second = server.connect().await;
    second.send(GET).await;
    assert!(second.is_open_after(ms(150)).await);
    assert_eq!((server.stats.accepted(), server.stats.open()), (1, 1));
    drop(first);
    second.read_until("hello").await;
    assert_eq!(server.stats.accepted(), 2);
}

#[tokio::test]
async fn the_drain_serves_and_closes_then_all_ends() {
    let (header_timeout, drain, deadline) = (ms(1000), ms(600), ms(4000));
    let server =
        start(Limits { header_timeout, drain, deadline, idle_timeout: ms(60_000), ..limits() }).await;
    let (mut idle, mut kept, mut fresh, mut unused) =
        (server.connect().await, server.connect().await, server.connect().await, server.connect().await);
    assert!(!idle.hello().await.contains("connection: close"));
    kept.hello().await;
    let (address, stats) = (server.address, Arc::clone(&server.stats));
    server.trigger.trigger();
    let stopping = tokio::spawn(server.stop());
    let connect = || async { Client(TcpStream::connect(address).await.unwrap()) };
    assert!(kept.hello().await.contains("connection: close"));
    assert!(kept.rest().await.0.is_empty());
    let (mut new, mut half, mut working) = (connect().await, connect().await, connect().await);
    half.send(HALF_HEAD).await;
    working.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(new.hello().await.contains("connection: close"));
    assert!(idle.rest().await.0.is_empty());
    assert!(TcpStream::connect(address).await.is_err());
    assert!(fresh.hello().await.contains("connection: close"), "its client has heard nothing of the end");
    assert!(!stopping.is_finished());
    assert!(String::from_utf8(working.rest().await.0).unwrap().starts_with("HTTP/1.1 200 OK"));
    assert!(half.rest().await.0.is_empty() && unused.rest().await.0.is_empty());
    let (outcome, took) = stopping.await.unwrap();
    assert_eq!((outcome, stats.head_timeouts()), (Outcome { cut: 0 }, 1));
    assert!(took >= ms(1000) && took < ms(3000), "{took:?}");
}

#[tokio::test]
async fn without_a_drain_an_idle_server_ends_at_once() {
    let server = start(limits()).await;
    let mut idle = server.connect().await;
    idle.hello().await;
    let (outcome, took) = server.stop().await;
    assert_eq!(outcome, Outcome { cut: 0 });
    assert!(took < ms(800), "{took:?}");
}

#[tokio::test]
async fn the_deadline_cuts_what_does_not_end() {
    let server = start(Limits { deadline: ms(300), min_drain_rate: 0, ..limits() }).await;
    let stats = Arc::clone(&server.stats);
    let mut client = server.connect_small().await;
    client.send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.read_until("\r\n\r\n").await;
    let (outcome, took) = server.stop().await;
    assert_eq!((outcome, stats.cut_at_deadline()), (Outcome { cut: 1 }, 1));
    assert!(took >= ms(300) && took < ms(1500), "{took:?}");
    let (read, reset) = client.rest().await;
    assert!(reset && !read.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_broken_body_never_looks_complete() {
    let server = start(limits()).await;
    for version in ["1.1", "1.0"] {
        let mut client = server.connect().await;
        client.send(&format!("GET /broken HTTP/{version}\r\nhost: x\r\n\r\n")).await;
        client.read_until("first").await;
        let (read, reset) = client.rest().await;
        assert!(reset && !read.ends_with(b"0\r\n\r\n"), "{version}");
    }
    server.connect().await.hello().await;
}
