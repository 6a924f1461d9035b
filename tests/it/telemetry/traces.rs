//! Traces by OTLP: they arrive, the last one too, and a collector that is away costs no request its time.

use std::time::{Duration, Instant};

use super::collector::Collector;
use super::end;
use crate::support::{Database, Engine, Program, client, eventually, program, token_file};

/// The span of the caller.
const CALLER: u64 = 0x00f0_67aa_0ba9_02b7;

/// A service that sends its traces to an address.
async fn start(database: &Database, endpoint: &str, variables: &[(&str, &str)]) -> Program {
    let mut command = program(&["serve", "--database-url", &database.url, "--drain-seconds", "0"]);
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--ops-listen",
        "127.0.0.1:0",
        "--bootstrap-token-file",
        token_file(),
    ]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).envs(variables.iter().copied());
    Program::started(command).await
}

/// Asks with a trace of the caller's; gives the id of the program's own span.
async fn ask(program: &Program, path: &str, trace: u128) -> u64 {
    let request = client().get(format!("{}{path}", program.url));
    let response =
        request.header("traceparent", format!("00-{trace:032x}-{CALLER:016x}-01")).send().await.unwrap();
    let own = response.headers()["traceparent"].to_str().unwrap();
    assert_eq!(&own[..36], format!("00-{trace:032x}-"));
    assert_eq!(&own[52..], "-01");
    u64::from_str_radix(&own[36..52], 16).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_arrive_in_the_trace_of_the_caller() {
    let (collector, database) = (Collector::start("127.0.0.1").await, Database::create(Engine::Sqlite).await);
    let program =
        start(&database, &format!("http://{}", collector.address), &[("OTEL_BSP_SCHEDULE_DELAY", "100")])
            .await;
    let trace = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128;
    let span = ask(&program, "/users/1", trace).await;
    eventually(Duration::from_secs(10), "the span arrives", async || collector.span(span).is_some()).await;
    let found = collector.span(span).unwrap();
    assert_eq!((found.name.as_str(), found.trace, found.parent), ("GET /users/{id}", trace, CALLER));
    assert!(found.nanoseconds > 0 && found.nanoseconds < 60_000_000_000, "{found:?}");
    for (name, value) in
        [("http.request.method", "GET"), ("url.path", "/users/1"), ("http.response.status_code", "404")]
    {
        assert_eq!(found.attributes.get(name).map(String::as_str), Some(value), "{found:?}");
    }
    assert_eq!(found.resource.get("service.name").map(String::as_str), Some("roster"), "{found:?}");
    assert!(collector.heads().iter().all(|head| head.starts_with("post /v1/traces http/1.1\r\n")));
    assert!(collector.heads().iter().all(|head| head.contains("content-type: application/x-protobuf\r\n")));
    let lines = end(program).await;
    assert_eq!(super::requests(&lines)[0]["trace_id"], format!("{trace:032x}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_span_arrives_after_the_signal() {
    let (collector, database) = (Collector::start("127.0.0.1").await, Database::create(Engine::Sqlite).await);
    // An hour, so that nothing is sent before the end.
    let program =
        start(&database, &format!("http://{}", collector.address), &[("OTEL_BSP_SCHEDULE_DELAY", "3600000")])
            .await;
    let trace = 0x77_u128 << 64 | 0x1234_5678_9abc_def0;
    let span = ask(&program, "/users", trace).await;
    assert!(collector.spans().is_empty());
    end(program).await;
    let found = collector.span(span).unwrap();
    assert_eq!((found.name.as_str(), found.trace), ("GET /users", trace));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_no_time() {
    // One refuses connections, the other takes them and never answers.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [gone, mute.local_addr().unwrap()] {
        let database = Database::create(Engine::Sqlite).await;
        let small = [
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "32"),
        ];
        let mut program = start(&database, &format!("http://{address}"), &small).await;
        let log = program.drain_log();
        let (client, url) = (client(), format!("{}/users", program.url));
        for _ in 0..500 {
            let begun = Instant::now();
            assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
            // The exporter's own time-out is 10 s.
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        }
        program.signal("TERM");
        let ended = tokio::time::timeout(Duration::from_secs(15), program.child.wait()).await;
        assert!(ended.expect("it does not end").unwrap().success());
        let lines = log.await.unwrap();
        let complaints =
            lines.iter().filter(|line| line.contains("traces do not reach the collector")).count();
        assert!(complaints <= 1, "{complaints} lines about one absent collector");
    }
}

#[tokio::test]
async fn an_endpoint_with_tls_is_refused_at_the_start() {
    let mut command = program(&["serve", "--database-url", "sqlite:/nonexistent/roster.db"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:hunter2@collector.example:4318");
    let output = command.output().await.unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(2), Vec::new()));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("error: OTEL_EXPORTER_OTLP_ENDPOINT must begin with http://"), "{text}");
    assert!(text.lines().count() == 1 && !text.contains("hunter2"), "{text}");
}
