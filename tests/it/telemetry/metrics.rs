//! `/metrics`: what has to be there, in the format of its media type, with labels that clients cannot multiply.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{Client, Method};
use roster::routes;
use serde_json::json;

use super::openmetrics::Exposition;
use crate::support::{Server, both, client};

pub(super) async fn scrape(client: &Client, ops: &str) -> Exposition {
    let response = client.get(format!("{ops}/metrics")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    Exposition::read(&response.text().await.unwrap())
}

both! {
    async fn all_that_was_promised_is_measured(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        for path in ["/users/1", "/users/1", "/users/2", "/users", "/users?limit=1", "/nothing"] {
            server.get(path).await.bytes().await.unwrap();
        }
        let metrics = scrape(&server.client, &server.ops).await;
        let requests = |method, route, status| {
            let labels = [("method", method), ("route", route), ("status", status)];
            metrics.sum("http_server_requests_total", &labels)
        };
        assert_eq!(requests("POST", "/users", "201"), Some(1.0));
        assert_eq!(requests("GET", "/users/{id}", "200"), Some(2.0));
        assert_eq!(requests("GET", "/users/{id}", "404"), Some(1.0));
        assert_eq!(requests("GET", "/users", "200"), Some(2.0));
        assert_eq!(requests("GET", "unmatched", "404"), Some(1.0));
        let by_id = [("method", "GET"), ("route", "/users/{id}")];
        assert_eq!(metrics.sum("http_server_request_duration_seconds_count", &by_id), Some(3.0));
        assert!(metrics.sum("http_server_request_duration_seconds_sum", &by_id) > Some(0.0));
        assert!(metrics.sum("http_server_response_bytes_total", &by_id[1..]) > Some(0.0));
        assert_eq!(metrics.sum("http_server_requests_in_flight", &[]), Some(0.0));
        assert!(metrics.sum("roster_database_query_duration_seconds_count", &[]) >= Some(5.0));
        assert_eq!(metrics.sum("roster_database_errors_total", &[]), Some(0.0));
        assert_eq!(metrics.sum("roster_writes_total", &[("action", "user.created")]), Some(1.0));
        assert!(metrics.sum("roster_database_connections_max", &[]) >= Some(1.0));
        for state in ["used", "idle"] {
            assert!(metrics.sum("roster_database_connections", &[("state", state)]).is_some(), "{state}");
        }
        for name in [
            "roster_connections_open", "roster_connections_accepted_total", "tokio_workers", "tokio_alive_tasks",
            "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_threads",
            "process_start_time_seconds", "roster_build_info",
        ] {
            assert!(metrics.sum(name, &[]) > Some(0.0), "{name}");
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_odd_methods_add_no_labels() {
    let seed: u64 = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let server = Server::start(crate::support::Engine::Sqlite).await;
    let mut word = |longest: u8| -> String {
        let length = random.random_range(1..=longest);
        (0..length).map(|_| char::from(random.random_range(b'A'..=b'Z'))).collect()
    };
    for number in 0..2000 {
        let method = match number % 4 {
            0 => Method::from_bytes(word(12).as_bytes()).unwrap(),
            1 => Method::TRACE,
            2 => Method::OPTIONS,
            _ => Method::GET,
        };
        let path = match number % 3 {
            0 => format!("/users/{}", word(20)),
            1 => format!("/{}/{}?{}={}", word(20), word(20), word(9), word(9)),
            _ => "/users".to_owned(),
        };
        let response =
            client_of(&server).request(method, format!("{}{path}", server.url)).send().await.unwrap();
        assert!(response.status().as_u16() < 500, "seed {seed}");
    }
    let metrics = scrape(&client(), &server.ops).await;
    let mut known: BTreeSet<&str> = routes::public().iter().map(|route| route.path).collect();
    known.insert("unmatched");
    let found = metrics.values_of("route");
    assert!(found.is_subset(&known) && found.contains("unmatched"), "seed {seed}: {found:?}");
    let methods = BTreeSet::from([
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "OTHER",
    ]);
    let found = metrics.values_of("method");
    assert!(found.is_subset(&methods) && found.contains("OTHER"), "seed {seed}: {found:?}");
    server.stop().await;
}

fn client_of(server: &Server) -> &Client {
    &server.client
}
