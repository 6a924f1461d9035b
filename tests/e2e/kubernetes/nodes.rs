//! Nodes: which there are, and how they are emptied, broken and mended.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::{ask, has, items, kubectl, setting};
use crate::shell::{eventually, of_environment, outcome, run};

/// How long a node may take to be well again after it was started.
const NODE: Duration = Duration::from_mins(3);

/// Names of the nodes on which pods may run.
pub(crate) fn nodes() -> Vec<String> {
    let all = ask(&["get", "nodes"]);
    let free = |node: &&Value| {
        let taints = node["spec"]["taints"].as_array();
        has(node, "Ready") && taints.is_none_or(|all| all.iter().all(|taint| taint["effect"] != "NoSchedule"))
    };
    items(&all)
        .iter()
        .filter(free)
        .map(|node| node["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

/// The address at which a node is known to the others.
pub(crate) fn address_of(node: &str) -> String {
    let path = "jsonpath={.status.addresses[?(@.type==\"InternalIP\")].address}";
    let all = kubectl(&["get", "node", node, "--output", path]);
    all.split(' ').next().unwrap().to_owned()
}

/// `kill`, `start`, `cut` or `join` of a node: by the command of the environment, or as kind's nodes, which are containers.
fn node(verb: &str, name: &str) {
    if of_environment("ROSTER_TEST_BREAK_NODE").is_some() {
        return setting("ROSTER_TEST_BREAK_NODE", "", &[verb, name]);
    }
    let change = match verb {
        "cut" => "--insert",
        "join" => "--delete",
        _ => return drop(run("docker", &[verb, name])),
    };
    // All packets, in and out. A node that leaves Docker's network instead comes back with whatever address is free.
    for (chain, side) in [("PREROUTING", "--in-interface"), ("POSTROUTING", "--out-interface")] {
        let rule = ["--table", "mangle", change, chain, side, "eth0", "--jump", "DROP"];
        run("docker", &[&["exec", name, "iptables"][..], &rule].concat());
    }
}

/// A node that is dead or cut off; mended with this value.
pub(crate) struct Broken {
    name: String,
    mend: &'static str,
    since: Instant,
    mended: bool,
}

impl Broken {
    /// The machine dies.
    pub(crate) fn kill(name: &str) -> Self {
        Self::new(name, "kill", "start")
    }

    /// The machine goes on and nobody can reach it.
    pub(crate) fn cut(name: &str) -> Self {
        Self::new(name, "cut", "join")
    }

    fn new(name: &str, verb: &str, mend: &'static str) -> Self {
        let broken = Self { name: name.to_owned(), mend, since: Instant::now(), mended: false };
        node(verb, name);
        broken
    }

    /// Waits until the cluster has seen it; returns how long that took from the fault.
    pub(crate) fn noticed(&self) -> Duration {
        let not_ready = || !has(&ask(&["get", "node", &self.name]), "Ready");
        eventually(NODE, &format!("{} is not ready", self.name), not_ready);
        self.since.elapsed()
    }

    /// Mends it, and waits until the cluster takes it for well.
    pub(crate) fn mend(mut self) -> Duration {
        self.mended = true;
        let start = Instant::now();
        node(self.mend, &self.name);
        // A node that was dead for a moment only may never have been called so.
        eventually(NODE, &format!("{} is ready", self.name), || {
            let lease =
                outcome("kubectl", &["wait", "--for=condition=Ready", "--timeout=1s", "node", &self.name]);
            lease.status.success() && !self.tainted()
        });
        start.elapsed()
    }

    fn tainted(&self) -> bool {
        ask(&["get", "node", &self.name])["spec"]["taints"].is_array()
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        if !self.mended {
            node(self.mend, &self.name);
        }
    }
}

/// A node on which nothing new is put until this value goes.
pub(crate) struct Closed {
    name: String,
}

impl Closed {
    fn cordon(name: &str) -> Self {
        kubectl(&["cordon", name]);
        Self { name: name.to_owned() }
    }

    /// Evicts those pods that the selector has, too.
    pub(crate) fn drain(name: &str, selector: &str) -> Self {
        let closed = Self::cordon(name);
        let selector = format!("--pod-selector={selector}");
        let rest = ["--ignore-daemonsets", "--delete-emptydir-data", "--timeout=180s"];
        kubectl(&[&["drain", name, &selector][..], &rest].concat());
        closed
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let _ = outcome("kubectl", &["uncordon", &self.name]);
        // A controller takes the taint away, a moment later.
        for _ in 0..100 {
            if nodes().contains(&self.name) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Sees to it that no Deployment has all its pods on one node, where one node is about to fail: the scheduler does not
/// promise it, and the faults before have driven pods together. Names and the Ingress have to outlive a node as well.
pub(crate) fn spread() {
    assert!(nodes().len() > 1, "this takes a cluster with two nodes for pods");
    drive_apart(|_, nodes| nodes.len() > 1 && nodes.iter().all(|node| *node == nodes[0]));
}

/// Sees to it that nothing that the whole cluster needs, such as its DNS, is only on a node that is about to fail.
pub(crate) fn spare(node: &str) {
    drive_apart(|namespace, nodes| namespace == "kube-system" && nodes.iter().all(|one| *one == node));
}

/// Puts one pod of each Deployment elsewhere whose namespace and whose pods' nodes say so.
fn drive_apart(together: impl Fn(&str, &[&str]) -> bool) {
    for deployment in items(&ask(&["get", "deployments", "--all-namespaces"])) {
        let namespace = deployment["metadata"]["namespace"].as_str().unwrap();
        let labels = deployment["spec"]["selector"]["matchLabels"].as_object().unwrap();
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap())).collect();
        let pods = ask(&["get", "pods", "--namespace", namespace, "--selector", &labels.join(",")]);
        let nodes: Vec<&str> =
            items(&pods).iter().filter_map(|pod| pod["spec"]["nodeName"].as_str()).collect();
        if nodes.is_empty() || !together(namespace, &nodes) {
            continue;
        }
        let closed = Closed::cordon(nodes[0]);
        let (pod, name) = (&items(&pods)[0]["metadata"]["name"], &deployment["metadata"]["name"]);
        kubectl(&["delete", "pod", "--namespace", namespace, pod.as_str().unwrap()]);
        let status = ["--timeout=180s", "--namespace", namespace, "deployment", name.as_str().unwrap()];
        kubectl(&[&["rollout", "status"][..], &status].concat());
        drop(closed);
    }
}
