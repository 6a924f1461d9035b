//! Which pod may speak to which, by the selectors and ports of the NetworkPolicies; and what the other selectors find.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::render::{all, find, kind, list, name, objects, overlay, pod, with_components};

/// A pod as a NetworkPolicy sees it.
struct Peer {
    namespace: &'static str,
    labels: Value,
    /// Its named ports.
    ports: BTreeMap<String, i64>,
}

impl Peer {
    fn other(namespace: &'static str, labels: Value) -> Self {
        Self { namespace, labels, ports: BTreeMap::new() }
    }
}

fn peers(objects: &[Value]) -> BTreeMap<String, Peer> {
    let pods = objects.iter().filter_map(|object| Some((name(object).to_owned(), pod(object)?)));
    pods.map(|(name, pod)| {
        let containers = list(&pod["spec"]["containers"]).iter();
        let ports = containers
            .flat_map(|container| list(&container["ports"]))
            .map(|port| (port["name"].as_str().unwrap().to_owned(), port["containerPort"].as_i64().unwrap()));
        let ports = ports.collect();
        (name, Peer { namespace: "roster", labels: pod["metadata"]["labels"].clone(), ports })
    })
    .collect()
}

/// Whether a label selector picks these labels. An empty one picks all.
fn picks(selector: &Value, labels: &Value) -> bool {
    let mut equal = selector["matchLabels"].as_object().into_iter().flatten();
    equal.all(|(label, value)| labels[label] == *value)
        && list(&selector["matchExpressions"]).iter().all(|expression| {
            assert_eq!(expression["operator"], "In", "the only operator that is used");
            list(&expression["values"]).contains(&labels[expression["key"].as_str().unwrap()])
        })
}

/// Whether one side's policies let a connection through; `destination` is whose port it is.
fn lets(policies: &[&Value], side: &str, here: &Peer, there: &Peer, destination: &Peer, port: i64) -> bool {
    let kind = if side == "ingress" { "Ingress" } else { "Egress" };
    let mut mine = policies.iter().filter(|policy| {
        list(&policy["spec"]["policyTypes"]).contains(&json!(kind))
            && here.namespace == "roster"
            && picks(&policy["spec"]["podSelector"], &here.labels)
    });
    let Some(first) = mine.next() else { return true };
    std::iter::once(first).chain(mine).flat_map(|policy| list(&policy["spec"][side])).any(|rule| {
        let ports = list(&rule["ports"]);
        let through =
            ports.is_empty() || ports.iter().any(|one| number(&one["port"], destination) == Some(port));
        let ends = list(&rule[if side == "ingress" { "from" } else { "to" }]);
        through && (ends.is_empty() || ends.iter().any(|end| is_end(end, there)))
    })
}

fn number(port: &Value, of: &Peer) -> Option<i64> {
    port.as_i64().or_else(|| of.ports.get(port.as_str()?).copied())
}

fn is_end(end: &Value, peer: &Peer) -> bool {
    let namespace = match end.get("namespaceSelector") {
        None => peer.namespace == "roster",
        Some(selector) => picks(selector, &json!({ "kubernetes.io/metadata.name": peer.namespace })),
    };
    namespace && end.get("podSelector").is_none_or(|selector| picks(selector, &peer.labels))
}

fn may(objects: &[Value], from: &Peer, to: &Peer, port: i64) -> bool {
    let policies: Vec<&Value> = objects.iter().filter(|object| kind(object) == "NetworkPolicy").collect();
    lets(&policies, "egress", from, to, to, port) && lets(&policies, "ingress", to, from, to, port)
}

#[test]
fn pods_may_speak_to_whom_they_must_and_to_nobody_else() {
    let objects = objects(&overlay("local"));
    let pods = peers(&objects);
    let (server, database) = (&pods["roster"], &pods["roster-database"]);
    let (migrate, import) = (&pods["roster-migrate-dev"], &pods["roster-initial-data-dev"]);
    let door = Peer::other("kube-system", json!({ "app.kubernetes.io/name": "traefik" }));
    let names = Peer::other("kube-system", json!({ "k8s-app": "kube-dns" }));
    let client = Peer::other("shop", json!({ "roster-client": "true" }));
    let neighbour = Peer::other("roster", json!({ "roster-client": "true" }));
    let stranger = Peer::other("shop", json!({ "app": "shop" }));
    let local = Peer::other("roster", json!({ "app": "shell" }));
    let internet = Peer::other("elsewhere", json!({}));
    let cases = [
        (server, database, 5432, true),
        (migrate, database, 5432, true),
        (import, database, 5432, true),
        (&door, server, 8080, true),
        (&client, server, 8080, true),
        (&neighbour, server, 8080, true),
        (server, &names, 53, true),
        (server, &internet, 443, true),
        (server, &internet, 6443, true),
        (&stranger, server, 8080, false),
        (&local, server, 8080, false),
        (&client, server, 9090, false),
        (&door, server, 9090, false),
        (&client, database, 5432, false),
        (&local, database, 5432, false),
        (database, server, 8080, false),
        (database, &internet, 443, false),
        (migrate, server, 8080, false),
        (server, &internet, 25, false),
    ];
    for (from, to, port, expected) in cases {
        let (one, other) = (&from.labels, &to.labels);
        assert_eq!(may(&objects, from, to, port), expected, "{one} to {other}, port {port}");
    }
}

#[test]
fn prometheus_may_ask_the_ops_port_where_it_is_to() {
    let prometheus = Peer::other("monitoring", json!({ "app.kubernetes.io/name": "prometheus" }));
    for (components, expected) in [(&[][..], false), (&["monitoring"], true)] {
        let objects = objects(&with_components(components));
        let server = &peers(&objects)["roster"];
        assert_eq!(may(&objects, &prometheus, server, 9090), expected, "{components:?}");
        assert_eq!(may(&objects, server, &prometheus, 4318), expected, "{components:?}");
        assert!(!may(&objects, &prometheus, server, 8080), "{components:?}");
    }
}

/// A selector with a typing error finds nothing, and nothing tells.
#[test]
fn every_selector_finds_what_it_is_for() {
    for (render, objects) in all() {
        let pods = peers(&objects);
        for object in &objects {
            let place = format!("{render}: {} {}", kind(object), name(object));
            let spec = &object["spec"];
            match kind(object) {
                "Service" => {
                    let selector = json!({ "matchLabels": spec["selector"] });
                    let found: Vec<&Peer> =
                        pods.values().filter(|pod| picks(&selector, &pod.labels)).collect();
                    assert_eq!(found.len(), 1, "{place}");
                    for port in list(&spec["ports"]) {
                        assert!(number(&port["targetPort"], found[0]).is_some(), "{place}: {port}");
                    }
                }
                "PodDisruptionBudget" | "Deployment" | "StatefulSet" => {
                    let found = pods.values().filter(|pod| picks(&spec["selector"], &pod.labels)).count();
                    assert_eq!(found, 1, "{place}");
                }
                "ServiceMonitor" => {
                    let named = |object: &&Value| {
                        kind(object) == "Service" && picks(&spec["selector"], &object["metadata"]["labels"])
                    };
                    let ports =
                        objects.iter().filter(named).flat_map(|service| list(&service["spec"]["ports"]));
                    assert_eq!(
                        ports.filter(|port| port["name"] == spec["endpoints"][0]["port"]).count(),
                        1,
                        "{place}"
                    );
                }
                "Ingress" => {
                    let backend = &spec["rules"][0]["http"]["paths"][0]["backend"]["service"];
                    let service = find(&objects, "Service", backend["name"].as_str().unwrap());
                    let port = &backend["port"]["name"];
                    assert!(
                        list(&service["spec"]["ports"]).iter().any(|one| one["name"] == *port),
                        "{place}"
                    );
                    assert_ne!(port, "ops", "{place}");
                }
                "HTTPRoute" => {
                    let backend = &spec["rules"][0]["backendRefs"][0];
                    let service = find(&objects, "Service", backend["name"].as_str().unwrap());
                    assert_eq!(service["spec"]["ports"][0]["port"], backend["port"], "{place}");
                }
                _ => {}
            }
        }
    }
}
