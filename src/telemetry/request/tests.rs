use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use tracing::subscriber::{DefaultGuard, set_default};

use super::super::assemble;
use super::super::logs::Style;
use super::super::testing::{Captured, app, metrics, request, send};
use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn logged(filter: &str) -> (Captured, DefaultGuard) {
    let captured = Captured::default();
    let (subscriber, _) = assemble(Style::Json, filter, None, captured.clone()).unwrap();
    (captured, set_default(subscriber))
}

fn header(response: &Response, name: HeaderName) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_line_with_ids_and_no_query_string() {
    let (captured, _guard) = logged("info");
    let app = app(metrics(), false);
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let headers = [("x-request-id", "req-1"), ("traceparent", &traceparent), ("cookie", "secret=1")];
    let response = send(&app, request("/users/7?email=ada@example.org", &headers)).await;
    assert_eq!(header(&response, REQUEST_ID), "req-1");
    let echoed = header(&response, TRACEPARENT);
    assert!(echoed.starts_with(&format!("00-{TRACE}-")) && echoed.ends_with("-01") && echoed != traceparent);
    let lines = captured.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line["request_id"] == "req-1" && line["trace_id"] == TRACE));
    let line = &lines[1];
    assert_eq!((&line["target"], &line["level"]), (&"roster::request".into(), &"INFO".into()));
    assert_eq!((&line["method"], &line["route"]), (&"GET".into(), &"/users/{id}".into()));
    assert_eq!((&line["path"], &line["status"]), (&"/users/7".into(), &200.into()));
    assert!(line["duration_ms"].as_f64().is_some_and(|ms| ms < 1000.0) && line.get("error").is_none());
    assert!(!captured.text().contains("ada@") && !captured.text().contains("secret"));
}

#[tokio::test]
async fn request_ids_that_could_do_harm_are_replaced() {
    let (captured, _guard) = logged("info");
    let app = app(metrics(), false);
    let (longest, too_long) = ("a".repeat(128), "a".repeat(129));
    for good in ["x", "A-b_c.9", &longest] {
        let response = send(&app, request("/users/7", &[("x-request-id", good)])).await;
        assert_eq!(header(&response, REQUEST_ID), good);
    }
    let mut made = Vec::new();
    for bad in ["", "a b", "a\"b", "é", "a/b", &too_long] {
        let response = send(&app, request("/users/7", &[("x-request-id", bad)])).await;
        made.push(header(&response, REQUEST_ID));
    }
    let twice = send(&app, request("/users/7", &[("x-request-id", "a"), ("x-request-id", "b")])).await;
    made.push(header(&twice, REQUEST_ID));
    assert!(made.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())), "{made:?}");
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 7);
    assert_eq!(captured.lines().len(), 20);
}

#[tokio::test]
async fn server_errors_are_errors_with_their_report_and_ids_under_any_filter() {
    let (captured, _guard) = logged("error");
    let app = app(metrics(), false);
    let response = send(&app, request("/broken", &[("x-request-id", "r")])).await;
    assert!(response.extensions().get::<ErrorReport>().is_none());
    send(&app, request("/users/7", &[])).await;
    let lines = captured.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["level"], &lines[0]["error"]), (&"ERROR".into(), &"database\nis away".into()));
    assert_eq!((&lines[0]["status"], &lines[0]["request_id"]), (&503.into(), &"r".into()));
}

#[tokio::test]
async fn streams_are_counted_to_their_end() {
    let (captured, _guard) = logged("info");
    let metrics = metrics();
    let app = app(Arc::clone(&metrics), false);
    let response = send(&app, request("/stream", &[("x-request-id", "s")])).await;
    assert!(metrics.encode().contains("http_server_requests_in_flight 1\n"));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 15);
    let text = metrics.encode();
    assert!(text.contains("http_server_requests_in_flight 0\n"));
    assert!(text.contains("http_server_response_bytes_total{route=\"/stream\"} 15\n"), "{text}");
    let lines = captured.lines();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line["request_id"] == "s"), "{lines:?}");
}

#[tokio::test]
async fn a_client_that_leaves_and_a_panic_are_told_too() {
    let (captured, _guard) = logged("info");
    let metrics = metrics();
    let app = app(Arc::clone(&metrics), false);
    let answer = tokio::time::timeout(Duration::from_millis(20), send(&app, request("/never", &[]))).await;
    assert!(answer.is_err());
    let panicking = app.clone();
    // A thread of its own, so that the panic reaches neither this test nor its output.
    let subscriber = tracing::dispatcher::get_default(Clone::clone);
    let handle = std::thread::spawn(move || {
        let _guard = tracing::dispatcher::set_default(&subscriber);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(send(&panicking, request("/panic", &[])));
    });
    assert!(handle.join().is_err());
    let statuses: Vec<_> = captured.lines().iter().map(|line| line["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(499), Some(500)]);
    let text = metrics.encode();
    assert!(text.contains(r#"http_server_requests_total{method="GET",route="/never",status="499"} 1"#));
    assert!(text.contains("http_server_requests_in_flight 0\n"));
}

#[tokio::test]
async fn ten_thousand_random_urls_make_few_labels() {
    let metrics = metrics();
    let app: Router = app(Arc::clone(&metrics), false);
    let ids = RequestIds::seeded(7);
    for number in 0..10_000 {
        let drawn = ids.draw();
        let path = match number % 3 {
            0 => format!("/{:x}/{:x}", drawn.request, drawn.span),
            1 => format!("/users/{:x}?{:x}", drawn.request, drawn.span),
            _ => format!("/users/{:x}/{:x}", drawn.request, drawn.span),
        };
        let mut request = request(&path, &[]);
        if number % 5 == 0 {
            *request.method_mut() = format!("M{number}").parse().unwrap();
        }
        let status = send(&app, request).await.status();
        assert!([StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&status));
    }
    let text = metrics.encode();
    let series = text.lines().filter(|line| line.starts_with("http_server_requests_total")).count();
    assert_eq!(series, 4, "{text}");
    assert!(text.contains(UNMATCHED) && text.contains("OTHER") && text.len() < 32_000);
}
