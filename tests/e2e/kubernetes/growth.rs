//! More callers bring more pods.

use std::time::{Duration, Instant};

use super::cluster::apply;
use super::installation::{Installation, loaded};
use super::traffic::{fresh, pod};
use crate::shell::{eventually, outcome};

/// As long as a node's numbers take to reach the controller, and to be acted on.
const LIMIT: Duration = Duration::from_mins(4);

/// By the autoscaler of the overlay for production.
#[test]
fn load_brings_more_replicas() {
    let roster = Installation::ready();
    let scaler = Scaler { roster: &roster, client: fresh("busy") };
    roster.kubectl(&["apply", "-f", "deploy/kubernetes/overlays/production/autoscaler.yaml"]);
    let least = roster.ask(&["get", "hpa", "roster"])["spec"]["minReplicas"].as_u64().unwrap();
    let replicas =
        || roster.ask(&["get", "deployment", "roster"])["status"]["readyReplicas"].as_u64().unwrap_or(0);
    eventually(LIMIT, "there are as many replicas as there have to be", || replicas() == least);
    let measured = || {
        let status = &roster.ask(&["get", "hpa", "roster"])["status"];
        status["currentMetrics"][0]["resource"]["current"]["averageUtilization"].as_u64()
    };
    eventually(LIMIT, "the cluster measures the pod", || measured().is_some());
    let image = loaded("roster-load:dev", "");
    let url = format!("http://roster.{}", roster.namespace);
    let arguments = [&url, "--get", "/users?limit=100", "--think", "0", "--clients", "4", "--seconds", "600"];
    let mut arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    arguments.extend(["--token-file", "/token/first-token"].map(str::to_owned));
    apply(&pod(&roster.namespace, &scaler.client, None, &image, &arguments));
    let start = Instant::now();
    eventually(LIMIT, "the load brings more replicas", || replicas() > least);
    println!(
        "load: from {least} to {} replicas after {:.0} s, at {} % of the requested CPU",
        replicas(),
        start.elapsed().as_secs_f64(),
        measured().unwrap_or_default()
    );
}

/// Gone with this value; and the replicas are what they were.
struct Scaler<'a> {
    roster: &'a Installation,
    client: String,
}

impl Drop for Scaler<'_> {
    fn drop(&mut self) {
        let within = |arguments: &[&str]| {
            let _ = outcome("kubectl", &[&["--namespace", &self.roster.namespace][..], arguments].concat());
        };
        within(&["delete", "hpa", "roster", "--ignore-not-found"]);
        within(&["delete", "pod", &self.client, "--ignore-not-found", "--wait=false"]);
        within(&["scale", "deployment/roster", "--replicas=2"]);
    }
}
