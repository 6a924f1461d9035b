use std::collections::HashSet;

use super::*;
use crate::telemetry::testing::metrics;

#[tokio::test]
async fn every_family_is_there_once_and_ends_well() {
    let metrics = metrics();
    let endpoint = metrics.endpoint("GET", "/users/{id}");
    endpoint.answered(200, 0.0004);
    endpoint.response_bytes.inc_by(7);
    metrics.query("users.get", 0.003, true);
    metrics.query("users.get", 0.004, false);
    metrics.write("user.create");
    metrics.stream_cut("slow_reader");
    metrics.sample_pool(|| PoolSample { idle: 2, used: 3, max: 10 });
    metrics.sample_runtime(Handle::current());
    let text = metrics.encode();
    for line in [
        r#"http_server_requests_total{method="GET",route="/users/{id}",status="200"} 1"#,
        r#"http_server_request_duration_seconds_bucket{le="0.0005",method="GET",route="/users/{id}"} 1"#,
        r#"http_server_response_bytes_total{route="/users/{id}"} 7"#,
        "http_server_requests_in_flight 0",
        r#"roster_database_query_duration_seconds_count{operation="users.get"} 2"#,
        r#"roster_database_errors_total{operation="users.get"} 1"#,
        r#"roster_database_connections{state="idle"} 2.0"#,
        r#"roster_database_connections{state="used"} 3.0"#,
        "roster_database_connections_max 10.0",
        r#"roster_writes_total{action="user.create"} 1"#,
        r#"roster_streams_cut_total{reason="slow_reader"} 1"#,
        r#"roster_build_info{version="1.2.3",commit="abc",rustc="1.95.0",schema="2"} 1"#,
        "tokio_workers 1.0",
        "# TYPE process_cpu_seconds counter",
        "# TYPE process_resident_memory_bytes gauge",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    let types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    assert_eq!(types.iter().collect::<HashSet<_>>().len(), types.len(), "{types:?}");
}

#[test]
fn the_first_query_makes_its_error_counter() {
    let metrics = metrics();
    metrics.query("users.list", 0.1, true);
    assert!(metrics.encode().contains("roster_database_errors_total{operation=\"users.list\"} 0\n"));
}

#[test]
fn requests_in_flight_end_with_their_guard() {
    let metrics = metrics();
    let guard = metrics.endpoint("GET", UNMATCHED).begin();
    assert!(metrics.encode().contains("http_server_requests_in_flight 1\n"));
    drop(guard);
    assert!(metrics.encode().contains("http_server_requests_in_flight 0\n"));
}
