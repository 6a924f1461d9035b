//! Prometheus really scrapes and judges; traces arrive where they are sent.

use std::time::Duration;

use serde_json::Value;

use super::collector::Collector;
use super::stack::{SOON, Stack, get};
use crate::shell::{self, eventually};

/// A query's value, when it has exactly one.
fn value(stack: &Stack, query: &str) -> Option<f64> {
    let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
    // 503 until it has read what it kept.
    let answer = get(stack.prometheus, &format!("/api/v1/query?query={encoded}"), None).ok();
    let (_, body) = answer.filter(|(status, _)| *status == 200)?;
    match body["data"]["result"].as_array()?.as_slice() {
        [only] => only["value"][1].as_str()?.parse().ok(),
        _ => None,
    }
}

/// All rules that Prometheus has loaded.
fn rules(stack: &Stack) -> Vec<Value> {
    let Ok((200, body)) = get(stack.prometheus, "/api/v1/rules", None) else { return Vec::new() };
    let groups = body["data"]["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// The state of an alert: `inactive`, `pending` or `firing`.
fn state(stack: &Stack, alert: &str) -> String {
    let rules = rules(stack);
    let rule = rules.iter().find(|rule| rule["name"] == alert);
    rule.map_or_else(String::new, |rule| rule["state"].as_str().unwrap().to_owned())
}

#[test]
fn prometheus_scrapes_and_judges() {
    let stack = Stack::new();
    stack.up(&[]);
    let token = stack.token();
    stack.up(&["prometheus"]);
    eventually(SOON, "the server is scraped", || value(&stack, "up{job=\"roster\"}") == Some(1.0));
    for _ in 0..20 {
        assert_eq!(stack.status("/users/1", Some(&token)), Some(200));
    }
    for (query, expected) in [
        ("roster_ready", 1.0),
        ("roster_database_up", 1.0),
        ("sum(roster_users)", 100.0),
        ("http_server_requests_total{method=\"GET\",route=\"/users/{id}\",status=\"200\"}", 20.0),
    ] {
        eventually(SOON, query, || value(&stack, query) == Some(expected));
    }
    let text = std::fs::read_to_string(shell::root().join("deploy/prometheus/alerts.yaml")).unwrap();
    let wanted = text.matches("- alert: ").count() + text.matches("- record: ").count();
    let evaluated = |rule: &Value| {
        rule["health"] == "ok" && !rule["lastEvaluation"].as_str().unwrap().starts_with("0001")
    };
    eventually(Duration::from_mins(1), "every rule was evaluated", || {
        let rules = rules(&stack);
        rules.len() == wanted && rules.iter().all(evaluated)
    });
    // A rate is what changes between two scrapes, and the rule is looked at every 30 s.
    eventually(3 * SOON, "a recorded rate", || {
        assert_eq!(stack.status("/users/1", Some(&token)), Some(200));
        value(&stack, "roster:requests:rate5m").is_some_and(|rate| rate > 0.0)
    });
    assert_eq!(state(&stack, "RosterDatabaseDown"), "inactive");
    stack.run(&["kill", "db"]);
    eventually(SOON, "the alert waits", || state(&stack, "RosterDatabaseDown") == "pending");
    eventually(Duration::from_secs(100), "the alert fires", || {
        state(&stack, "RosterDatabaseDown") == "firing"
    });
    stack.run(&["start", "db"]);
    eventually(SOON, "the alert ends", || state(&stack, "RosterDatabaseDown") == "inactive");
}

#[test]
fn traces_reach_a_receiver() {
    let mut stack = Stack::new();
    stack.up(&[]);
    let token = stack.token();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // On all addresses: containers come by the gateway of their network.
    let collector = runtime.block_on(Collector::start("0.0.0.0"));
    let gateway = stack.gateway();
    stack.set("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{gateway}:{}", collector.address.port()));
    stack.up(&[]);
    assert_eq!(stack.status("/users/1", Some(&token)), Some(200));
    let find = || collector.spans().into_iter().find(|span| span.name == "GET /users/{id}");
    eventually(SOON, "the span arrives", || find().is_some());
    let span = find().unwrap();
    assert_eq!(span.attributes.get("http.response.status_code").map(String::as_str), Some("200"), "{span:?}");
    assert_eq!(span.resource.get("service.name").map(String::as_str), Some("roster"), "{span:?}");
    assert!(span.trace != 0 && span.id != 0 && span.parent == 0 && span.nanoseconds > 0, "{span:?}");
    assert!(collector.span(span.id).is_some());
    assert!(collector.heads().iter().all(|head| head.starts_with("post /v1/traces http/1.1\r\n")));
}

#[test]
fn every_profile_is_well_formed() {
    let stack = Stack::new();
    stack.run(&["--profile", "*", "config", "--quiet"]);
    let services = |arguments: &[&str]| -> Vec<String> {
        let mut names: Vec<String> = stack.run(arguments).lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(services(&["config", "--services"]), ["db", "migrate", "secrets", "seed", "web"]);
    let watched = services(&["--env-file", "deploy/telemetry.env", "config", "--services"]);
    assert_eq!(watched, ["db", "grafana", "jaeger", "migrate", "prometheus", "secrets", "seed", "web"]);
    let told = stack.run(&["--env-file", "deploy/telemetry.env", "config", "--format", "json"]);
    let config: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(config["services"]["web"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"], "http://jaeger:4318");
    // Whatever is mounted from here is here: the engine would make an empty directory of it.
    for (name, service) in config["services"].as_object().unwrap() {
        for mount in
            service["volumes"].as_array().into_iter().flatten().filter(|mount| mount["type"] == "bind")
        {
            let source = mount["source"].as_str().unwrap();
            assert!(std::path::Path::new(source).exists(), "{name}: {source}");
        }
    }
}
