//! The cluster that `KUBECONFIG` names: asked by kubectl, and broken by commands of its own.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::shell::{command, eventually, outcome, run, told};

/// How long a node may take to be well again after it was started.
const NODE: Duration = Duration::from_mins(3);

/// kubectl's trimmed stdout.
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    run("kubectl", arguments)
}

/// What kubectl answers as JSON.
pub(crate) fn ask(arguments: &[&str]) -> Value {
    let text = kubectl(&[arguments, &["--output", "json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

/// kubectl with a text on its stdin.
pub(crate) fn kubectl_with(arguments: &[&str], input: &str) -> Output {
    let mut command = command("kubectl", arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Applies an object, or several as a List.
pub(crate) fn apply(object: &Value) {
    let output =
        kubectl_with(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &object.to_string());
    assert!(output.status.success(), "{object}: {}", told(&output));
}

/// Items of a list that kubectl gave.
pub(crate) fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

/// Whether a condition such as `Ready` is `True`.
pub(crate) fn has(object: &Value, condition: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == condition && one["status"] == "True"))
}

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

/// Brings an image of the local engine to the nodes.
pub(crate) fn load_image(image: &str) {
    setting("ROSTER_TEST_LOAD_IMAGE", "kind load docker-image", &[image]);
}

/// A command that the environment names, or its default.
fn setting(name: &str, default: &str, arguments: &[&str]) {
    let words = of_environment(name).unwrap_or_else(|| default.to_owned());
    let mut words = words.split_whitespace();
    let output =
        Command::new(words.next().unwrap()).args(words).args(arguments).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(output.status.success(), "{name} {arguments:?}: {}", told(&output));
}

#[expect(clippy::disallowed_methods, reason = "tests are told what to use by their environment")]
fn of_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// `kill`, `start`, `cut` or `join` of a node: by the command of the environment, or as kind's nodes, which are containers.
fn node(verb: &str, name: &str) {
    if of_environment("ROSTER_TEST_BREAK_NODE").is_some() {
        return setting("ROSTER_TEST_BREAK_NODE", "", &[verb, name]);
    }
    let words: &[&str] = match verb {
        "kill" | "start" => &[verb],
        "cut" => &["network", "disconnect", "kind"],
        _ => &["network", "connect", "kind"],
    };
    run("docker", &[words, &[name]].concat());
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
    for deployment in items(&ask(&["get", "deployments", "--all-namespaces"])) {
        let namespace = deployment["metadata"]["namespace"].as_str().unwrap();
        let labels = deployment["spec"]["selector"]["matchLabels"].as_object().unwrap();
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap())).collect();
        let pods = ask(&["get", "pods", "--namespace", namespace, "--selector", &labels.join(",")]);
        let nodes: BTreeSet<&str> =
            items(&pods).iter().filter_map(|pod| pod["spec"]["nodeName"].as_str()).collect();
        let Some((node, pod)) = nodes.first().zip(items(&pods).first()) else { continue };
        if nodes.len() > 1 || items(&pods).len() < 2 {
            continue;
        }
        let closed = Closed::cordon(node);
        let (pod, name) = (&pod["metadata"]["name"], &deployment["metadata"]["name"]);
        kubectl(&["delete", "pod", "--namespace", namespace, pod.as_str().unwrap()]);
        let status = ["--timeout=180s", "--namespace", namespace, "deployment", name.as_str().unwrap()];
        kubectl(&[&["rollout", "status"][..], &status].concat());
        drop(closed);
    }
}
