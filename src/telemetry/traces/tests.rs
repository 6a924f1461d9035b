use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use tracing::info_span;
use tracing::subscriber::set_default;

use super::super::logs::Style;
use super::super::testing::{Captured, app, metrics, request, send};
use super::super::{Telemetry, assemble, sink};
use super::*;

const TRACE: [u8; 16] = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
const PARENT: [u8; 8] = 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes();
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The head and the body of each POST that arrives.
fn collector() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let (arrived, bodies) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let arrived = arrived.clone();
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                while let Some(post) = read_post(&mut stream) {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                    if arrived.send(post).is_err() {
                        break;
                    }
                }
            });
        }
    });
    (endpoint, bodies)
}

fn read_post(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn telemetry(endpoint: String) -> (Telemetry, Captured, tracing::subscriber::DefaultGuard) {
    let captured = Captured::default();
    let config = OtlpConfig { endpoint: Some(endpoint), version: "1.2.3".to_owned() };
    let (subscriber, traces) = assemble(Style::Json, "info", Some(&config), captured.clone()).unwrap();
    let (_, lines, dropped) = sink::open(std::io::stdout()).unwrap();
    (Telemetry { lines: Some(lines), dropped, traces }, captured, set_default(subscriber))
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn spans_arrive_at_shutdown_with_the_callers_trace_and_the_logged_one() {
    let (endpoint, posts) = collector();
    let (telemetry, captured, _guard) = telemetry(endpoint);
    let metrics = metrics();
    telemetry.register(&metrics);
    let app = app(metrics.clone(), telemetry.traced());
    let with_parent = send(&app, request("/users/7", &[("traceparent", TRACEPARENT)])).await;
    let alone = send(&app, request("/users/8", &[])).await;
    drop((with_parent, alone));
    info_span!(target: "roster::test", "the-last-span").in_scope(|| ());
    let started = Instant::now();
    telemetry.shutdown();
    assert!(started.elapsed() < Duration::from_secs(2));
    let (head, body) = posts.recv_timeout(Duration::from_secs(2)).unwrap();
    assert!(head.starts_with("post /v1/traces ") && head.contains("content-type: application/x-protobuf"));
    for part in
        [&TRACE[..], &PARENT, b"GET /users/{id}", b"the-last-span", b"service.name", b"roster", b"1.2.3"]
    {
        assert!(contains(&body, part), "{part:?}");
    }
    let lines = captured.lines();
    let own = lines.last().unwrap()["trace_id"].as_str().unwrap();
    let own = u128::from_str_radix(own, 16).unwrap().to_be_bytes();
    assert!(own != TRACE && contains(&body, &own));
    assert!(lines[..2].iter().all(|line| line["trace_id"] == TRACEPARENT[3..35]), "{lines:?}");
    let text = metrics.encode();
    assert!(
        text.contains("roster_spans_exported_total 3\n") && text.contains("roster_spans_lost_total 0\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_parent_that_is_not_sampled_is_honoured() {
    let (endpoint, posts) = collector();
    let (telemetry, captured, _guard) = telemetry(endpoint);
    let app = app(metrics(), true);
    let unsampled = TRACEPARENT.replace("-01", "-00");
    let response = send(&app, request("/users/7", &[("traceparent", &unsampled)])).await;
    assert!(response.headers()["traceparent"].to_str().unwrap().ends_with("-00"));
    assert_eq!(captured.lines()[1]["trace_id"], TRACEPARENT[3..35]);
    telemetry.shutdown();
    assert!(posts.recv_timeout(Duration::from_millis(100)).is_err());
}

/// Neither a collector that refuses nor one that takes and never answers holds up start, requests or end.
#[tokio::test]
async fn an_absent_or_stuck_collector_costs_nothing_but_spans() {
    let refusing = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let stuck = TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [refusing, stuck.local_addr().unwrap()] {
        let started = Instant::now();
        let (telemetry, _captured, _guard) = telemetry(format!("http://{address}/v1/traces"));
        let app = app(metrics(), true);
        for _ in 0..3_000 {
            send(&app, request("/users/7", &[])).await;
        }
        let requests = started.elapsed();
        // Waiting for the collector would take ten seconds each time that the queue of 2,048 is full.
        assert!(requests < Duration::from_mins(1), "{requests:?}");
        let counts = telemetry.traces.as_ref().unwrap().counts.clone();
        telemetry.shutdown();
        let end = started.elapsed().checked_sub(requests).unwrap();
        assert!(end < Duration::from_secs(5), "{end:?}");
        assert_eq!(counts.exported(), 0);
    }
}

#[test]
fn a_wrong_endpoint_is_an_error_value() {
    let config = OtlpConfig { endpoint: Some("not a url".to_owned()), version: String::new() };
    let error = Traces::start(&config).unwrap_err();
    assert!(error.contains("not a url"), "{error}");
}
