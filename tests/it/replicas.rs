//! The way in to several replicas, by which `cargo xtask test` runs other modules once more: requests reach all of
//! them, and what one has acknowledged the other shows.

use reqwest::Method;
use serde_json::json;

use crate::support::replicas::wanted;
use crate::support::{Server, both};

/// Requests with this method that a service has counted.
async fn requests(server: &Server, ops: &str, method: &Method) -> f64 {
    let text = server.client.get(format!("{ops}/metrics")).send().await.unwrap().text().await.unwrap();
    let counts = text.lines().filter(|line| {
        line.starts_with("http_server_requests_total{") && line.contains(&format!("method=\"{method}\""))
    });
    counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

both! {
    async fn every_replica_gets_requests_and_shows_all_writes(engine) {
        const USERS: u32 = 60;
        let server = Server::start(engine).await;
        for number in 0..USERS {
            let user = server.create(&json!({ "name": format!("user {number}") })).await;
            let seen = server.get(&format!("/users/{}", user["id"])).await;
            assert_eq!(seen.status(), 200, "{user}");
        }
        let expected = if engine == Engine::Postgres { wanted() } else { 1 };
        let all = server.all_ops();
        assert_eq!(all.len(), expected);
        let mut sum = 0.0;
        for ops in &all {
            let counted = requests(&server, ops, &Method::POST).await;
            assert!(counted > 0.0, "{ops} had no request");
            sum += counted;
        }
        assert!((sum - f64::from(USERS)).abs() < 0.5, "{sum} of {USERS}");
    }
}
