//! What is done to a healthy service every week: no request fails.

use std::time::{Duration, Instant};

use super::cluster::items;
use super::installation::{Installation, name_of};
use super::nodes::{Closed, nodes, spread};
use super::ops::Ops;
use super::traffic::Traffic;
use crate::shell::eventually;

const SELECTOR: &str = "app.kubernetes.io/name=roster";

#[test]
fn five_rollouts_fail_no_request() {
    let roster = Installation::ready();
    let traffic = Traffic::start(&roster);
    let start = Instant::now();
    for round in 1..=5 {
        let before: Vec<String> = roster.pods().iter().map(name_of).collect();
        if round == 5 {
            roster.kubectl(&["rollout", "restart", "deployment/roster"]);
        } else {
            let image = format!("roster={}", roster.images[round % 2]);
            roster.kubectl(&["set", "image", "deployment/roster", &image]);
        }
        roster.rolled_out();
        let left: Vec<String> =
            roster.staying().iter().map(name_of).filter(|name| before.contains(name)).collect();
        assert!(left.is_empty(), "rollout {round} left {left:?}");
    }
    roster.settled();
    let seconds = start.elapsed().as_secs_f64();
    traffic.end(&roster).print(&format!("5 rollouts in {seconds:.0} s")).assert_none_failed();
}

#[test]
fn a_drain_of_each_node_fails_no_request() {
    let roster = Installation::ready();
    let traffic = Traffic::start(&roster);
    for node in nodes() {
        let drained = Closed::drain(&node, SELECTOR);
        let here = || roster.pods().iter().any(|pod| pod["spec"]["nodeName"] == *node);
        eventually(Duration::from_mins(1), "the drained node has no pods of Roster", || !here());
        roster.settled();
        assert!(!here(), "the scheduler put a pod on a drained node");
        drop(drained);
    }
    traffic.end(&roster).print("a drain of each node").assert_none_failed();
}

#[test]
fn scaling_fails_no_request() {
    let roster = Installation::ready();
    let traffic = Traffic::start(&roster);
    let start = Instant::now();
    for replicas in [1, 10, 2] {
        roster.scale(replicas);
    }
    let seconds = start.elapsed().as_secs_f64();
    let what = format!("2 to 1 to 10 to 2 replicas in {seconds:.0} s");
    traffic.end(&roster).print(&what).assert_none_failed();
}

/// A pod that goes says so on its ops port and in its log, and is healed.
#[test]
fn a_deleted_pod_drains_and_is_replaced() {
    let roster = Installation::ready();
    spread();
    roster.settled();
    let traffic = Traffic::start(&roster);
    let pod = name_of(&roster.pods()[0]);
    let log = Follow::new(&roster, &pod);
    let ops = Ops::of(&roster, &pod);
    assert_eq!((ops.get("/readyz").0, ops.get("/livez").0), (200, 200));
    let metrics = ops.get("/metrics").1;
    assert!(metrics.contains("http_server_requests_total{method=\"POST\",route=\"/users\""), "{metrics}");
    let start = Instant::now();
    roster.kubectl(&["delete", "pod", &pod, "--wait=false"]);
    eventually(Duration::from_secs(10), "the Service looks away from the pod", || !in_service(&roster, &pod));
    let away = start.elapsed();
    let unready =
        eventually(Duration::from_secs(15), "the pod says that it drains", || ops.get("/readyz").0 == 503);
    assert_eq!(ops.get("/livez").0, 200, "a pod that drains is alive");
    let healed = roster.settled();
    println!(
        "a pod deleted: out of the Service after {:.1} s, unready {:.1} s later, replaced and gone {:.1} s later",
        away.as_secs_f64(),
        unready.as_secs_f64(),
        healed.as_secs_f64()
    );
    let pods = roster.pods();
    assert!(pods.iter().all(|other| name_of(other) != pod));
    assert_ne!(pods[0]["spec"]["nodeName"], pods[1]["spec"]["nodeName"], "both pods would die with one node");
    traffic.end(&roster).print("a pod deleted").assert_none_failed();
    let log = log.end();
    for message in ["shutting down", "ended"] {
        assert!(log.contains(&format!("\"message\":\"{message}\"")), "the pod did not log {message:?}");
    }
    assert!(
        log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
        "not JSON alone"
    );
}

/// Whether new connections are led to a pod.
fn in_service(roster: &Installation, pod: &str) -> bool {
    let slices = roster.ask(&["get", "endpointslices", "--selector", "kubernetes.io/service-name=roster"]);
    let endpoints = items(&slices).iter().filter_map(|slice| slice["endpoints"].as_array());
    endpoints.flatten().any(|one| one["targetRef"]["name"] == *pod && one["conditions"]["ready"] == true)
}

/// `kubectl logs --follow` of a pod, into a file.
struct Follow {
    child: std::process::Child,
    file: tempfile::NamedTempFile,
}

impl Follow {
    fn new(roster: &Installation, pod: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        let arguments = ["--namespace", &roster.namespace, "logs", "--follow", pod];
        let child =
            crate::shell::command("kubectl", &arguments).stdout(file.reopen().unwrap()).spawn().unwrap();
        Self { child, file }
    }

    /// What was logged up to the pod's end.
    fn end(mut self) -> String {
        let ended = || self.child.try_wait().unwrap().is_some();
        eventually(Duration::from_secs(30), "the log ends with its pod", ended);
        std::fs::read_to_string(self.file.path()).unwrap()
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
