//! Who reaches what, where the cluster's network enforces NetworkPolicies.

use std::time::{Duration, Instant};

use serde_json::json;

use super::cluster::{Namespace, apply, kubectl};
use super::installation::{Installation, LIMIT, name_of};
use super::pod::pod;
use super::traffic::fresh;
use crate::shell::{eventually, outcome, told};

/// Within this time a network that enforces a policy does it.
const EFFECT: Duration = Duration::from_secs(10);

/// Without enforcement everybody reaches everything: that the addresses are right is seen then, too.
#[test]
fn only_clients_reach_the_api_and_nobody_else_the_rest() {
    let roster = Installation::ready();
    let elsewhere = Namespace::fresh("elsewhere");
    kubectl(&["create", "namespace", &elsewhere.0]);
    let enforced = is_enforced(&roster);
    let said = if enforced { "enforced" } else { "not enforced here, so what they deny was not tried" };
    println!("NetworkPolicies: {said}");

    let here = roster.namespace.as_str();
    let (api, database) = (format!("roster.{here}"), format!("roster-database.{here}"));
    for (namespace, is_client) in
        [(here, true), (here, false), (elsewhere.0.as_str(), true), (&elsewhere.0, false)]
    {
        let client = Client::new(namespace, is_client);
        for (host, port, allowed) in [(&api, 80, is_client), (&api, 9090, false), (&database, 5432, false)] {
            let what = format!("{namespace}, client: {is_client}, to {host}:{port}, allowed: {allowed}");
            eventually(LIMIT, &what, || client.reaches(host, port) == (allowed || !enforced));
        }
    }
}

/// Whether a policy that denies everything has an effect on a pod that reached Roster before.
fn is_enforced(roster: &Installation) -> bool {
    let namespace = Namespace::fresh("denied");
    kubectl(&["create", "namespace", &namespace.0]);
    let api = roster.ask(&["get", "service", "roster"])["spec"]["clusterIP"].as_str().unwrap().to_owned();
    let client = Client::new(&namespace.0, true);
    eventually(LIMIT, "a client reaches Roster", || client.reaches(&api, 80));
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": { "name": "nothing", "namespace": namespace.0 },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress", "Egress"] },
    });
    apply(&policy);
    let start = Instant::now();
    let mut reached = true;
    while reached && start.elapsed() < EFFECT {
        reached = client.reaches(&api, 80);
    }
    !reached
}

/// A pod that connects to others; gone with this value.
struct Client<'a> {
    namespace: &'a str,
    name: String,
}

impl<'a> Client<'a> {
    /// With the label of Roster's clients, or without.
    fn new(namespace: &'a str, is_client: bool) -> Self {
        let mut object = pod(namespace, &fresh("caller"), None, "postgres:17", &["infinity".to_owned()]);
        object["spec"]["containers"][0]["command"] = json!(["sleep"]);
        object["spec"]["containers"][0]["volumeMounts"] = json!([]);
        object["spec"]["volumes"] = json!([]);
        if !is_client {
            object["metadata"]["labels"].as_object_mut().unwrap().remove("roster-client");
        }
        apply(&object);
        let client = Self { namespace, name: name_of(&object) };
        let ready = ["wait", "--for=condition=Ready", "--timeout=180s", "pod", &client.name];
        kubectl(&[&["--namespace", namespace][..], &ready].concat());
        client
    }

    /// Whether a connection is made within 3 s. That its name is known is asked apart.
    fn reaches(&self, host: &str, port: u16) -> bool {
        let within = ["exec", &self.name, "--namespace", self.namespace, "--"];
        let name = [&within[..], &["getent", "ahosts", host]].concat();
        eventually(LIMIT, "the name is known", || outcome("kubectl", &name).status.success());
        let connect = format!("</dev/tcp/{host}/{port}");
        let output = outcome("kubectl", &[&within[..], &["timeout", "3", "bash", "-c", &connect]].concat());
        let text = told(&output);
        // Most networks drop what they deny, some refuse it; and 124 is how `timeout` tells that it was too long.
        let denied = output.status.code() == Some(124) || text.contains("Connection refused");
        assert!(output.status.success() || denied, "{text}");
        output.status.success()
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        let rest = ["delete", "pod", &self.name, "--wait=false", "--ignore-not-found"];
        let _ = outcome("kubectl", &[&["--namespace", self.namespace][..], &rest].concat());
    }
}
