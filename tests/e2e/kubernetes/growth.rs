//! More callers bring more pods, which go again when they are not needed.

use std::time::{Duration, Instant};

use serde_json::json;

use super::installation::Installation;
use super::traffic::{Source, Traffic};
use crate::shell::{eventually, outcome};

/// As long as a node's numbers take to reach the controller, and to be acted on.
const LIMIT: Duration = Duration::from_mins(4);

/// By the autoscaler of the overlay for production.
#[test]
fn load_brings_more_replicas_and_its_end_fewer() {
    let roster = Installation::ready();
    let _scaler = Scaler(&roster);
    roster.kubectl(&["apply", "-f", "deploy/kubernetes/overlays/production/autoscaler.yaml"]);
    // Sooner than in the manifests, to save time.
    let policies = json!([{ "type": "Percent", "value": 100, "periodSeconds": 15 }]);
    let down = json!({ "scaleDown": { "stabilizationWindowSeconds": 15, "policies": policies } });
    let patch = json!({ "spec": { "behavior": down } }).to_string();
    roster.kubectl(&["patch", "hpa", "roster", "--type=merge", "--patch", &patch]);
    let spec = roster.ask(&["get", "hpa", "roster"])["spec"].clone();
    let least = spec["minReplicas"].as_u64().unwrap();
    let target = spec["metrics"][0]["containerResource"]["target"]["averageUtilization"].as_u64().unwrap();
    let replicas =
        || roster.ask(&["get", "deployment", "roster"])["status"]["readyReplicas"].as_u64().unwrap_or(0);
    let measured = || {
        let status = &roster.ask(&["get", "hpa", "roster"])["status"];
        status["currentMetrics"][0]["containerResource"]["current"]["averageUtilization"].as_u64()
    };
    let idle = || replicas() == least && measured().is_some_and(|percent| percent < target);
    eventually(LIMIT, "there are as many replicas as there have to be, with little to do", idle);

    let traffic = Traffic::start(&roster);
    let busy = Source::reading(&roster, None, "/users?limit=100", &["--think", "0", "--clients", "4"]);
    let start = Instant::now();
    eventually(LIMIT, "the load brings more replicas", || replicas() > least);
    let (most, percent) = (replicas(), measured().unwrap_or_default());
    let up = start.elapsed().as_secs_f64();
    let seen = busy.end();
    assert!(seen.failures.is_empty() && seen.ok > 1000, "{} ok, {:#?}", seen.ok, seen.failures);
    let down = eventually(LIMIT, "its end takes them away", || replicas() == least);
    roster.settled();
    let down = down.as_secs_f64();
    println!("load: from {least} to {most} replicas after {up:.0} s, at {percent} % of the requested CPU");
    println!("{} requests for 100 users each; {least} replicas again {down:.0} s later", seen.ok);
    traffic.end(&roster).print("replicas that follow the load").assert_none_failed();
}

/// Gone with this value; and the replicas are what they were.
struct Scaler<'a>(&'a Installation);

impl Drop for Scaler<'_> {
    fn drop(&mut self) {
        let within = |arguments: &[&str]| {
            let _ = outcome("kubectl", &[&["--namespace", &self.0.namespace][..], arguments].concat());
        };
        within(&["delete", "hpa", "roster", "--ignore-not-found"]);
        within(&["scale", "deployment/roster", "--replicas=2"]);
    }
}
