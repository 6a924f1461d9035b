//! Which pod may speak to which, by the selectors and ports of the NetworkPolicies.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::render::{all, kind, list, name, pod};
use super::same::plain;

/// A pod as a NetworkPolicy sees it; outside the cluster, where there are no labels, in a namespace without a name.
pub(super) struct Peer {
    namespace: &'static str,
    pub(super) labels: Value,
    /// Its named ports.
    ports: BTreeMap<String, i64>,
}

impl Peer {
    fn other(namespace: &'static str, labels: Value) -> Self {
        Self { namespace, labels, ports: BTreeMap::new() }
    }
}

pub(super) fn peers(objects: &[Value]) -> BTreeMap<String, Peer> {
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
pub(super) fn picks(selector: &Value, labels: &Value) -> bool {
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

pub(super) fn number(port: &Value, of: &Peer) -> Option<i64> {
    port.as_i64().or_else(|| of.ports.get(port.as_str()?).copied())
}

fn is_end(end: &Value, peer: &Peer) -> bool {
    if peer.namespace.is_empty() || end.get("ipBlock").is_some() {
        return peer.namespace.is_empty() && end.get("ipBlock").is_some();
    }
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

/// What a render has that connections come from, in words.
const RENDERS: [(&str, &str); 17] = [
    ("kustomize-local", "kustomize own-database cluster-issuer"),
    ("kustomize-local-gateway", "kustomize own-database cluster-issuer"),
    ("kustomize-local-monitoring", "kustomize own-database cluster-issuer monitoring"),
    ("kustomize-local-tls", "kustomize own-database cluster-issuer"),
    ("kustomize-local-external-database", "kustomize outside-database cluster-issuer"),
    ("kustomize-local-cloudnative-pg", "kustomize operator-database cluster-issuer"),
    ("kustomize-local-sqlite-single", "kustomize cluster-issuer"),
    (
        "kustomize-local-gateway-monitoring-external-database",
        "kustomize outside-database cluster-issuer monitoring",
    ),
    ("kustomize-local-gateway-tls-outside-issuer", "kustomize own-database cluster-issuer outside-issuer"),
    ("kustomize-local-sqlite-single-monitoring-tls", "kustomize cluster-issuer monitoring"),
    ("kustomize-production", "kustomize outside-database monitoring"),
    ("helm-default", "own-database"),
    ("helm-everything", "own-database cluster-issuer monitoring load-balancer"),
    ("helm-external", "outside-database"),
    ("helm-sqlite", "no-policies"),
    ("helm-gateway", "own-database outside-issuer outside-door node-dns"),
    ("helm-production", "outside-database monitoring"),
];

/// The pods of a render and others that are near, by name.
fn neighbourhood(objects: &[Value]) -> BTreeMap<String, Peer> {
    const OTHERS: [(&str, &str, [&str; 2]); 9] = [
        ("door", "kube-system", ["app.kubernetes.io/name", "traefik"]),
        ("other door", "ingress-nginx", ["app.kubernetes.io/name", "ingress-nginx"]),
        ("names", "kube-system", ["k8s-app", "kube-dns"]),
        ("metrics", "kube-system", ["k8s-app", "metrics-server"]),
        ("prometheus", "monitoring", ["app.kubernetes.io/name", "prometheus"]),
        ("client", "shop", ["roster-client", "true"]),
        ("stranger", "shop", ["app", "shop"]),
        ("client here", "roster", ["roster-client", "true"]),
        ("stranger here", "roster", ["app", "shell"]),
    ];
    // The names of Jobs go on.
    let mut peers: BTreeMap<String, Peer> =
        peers(objects).into_iter().map(|(name, peer)| (plain(&name).to_owned(), peer)).collect();
    for (name, namespace, [label, value]) in OTHERS {
        peers.insert(name.to_owned(), Peer::other(namespace, json!({ label: value })));
    }
    peers.insert("outside".to_owned(), Peer::other("", json!({})));
    let instance = json!({ "cnpg.io/cluster": "roster-database" });
    peers.insert("instance".to_owned(), Peer::other("roster", instance));
    peers
}

/// Who speaks to whom by which port, and whether that is to be, in a render that has these things.
fn cases(has: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str, i64, bool)> {
    let alone = has("kustomize");
    let anywhere = has("load-balancer");
    let mut cases = vec![
        ("roster", "names", 53, !has("node-dns")),
        ("roster", "outside", 53, has("node-dns")),
        ("roster", "outside", 443, has("cluster-issuer") || has("outside-issuer")),
        ("roster", "outside", 6443, has("cluster-issuer")),
        ("roster", "outside", 5432, has("outside-database")),
        ("roster", "outside", 25, false),
        ("roster", "prometheus", 4318, has("monitoring")),
        ("prometheus", "roster", 9090, has("monitoring")),
        ("prometheus", "roster", 8080, anywhere),
        ("door", "roster", 8080, anywhere || !has("outside-door")),
        ("other door", "roster", 8080, anywhere || !has("outside-door")),
        ("outside", "roster", 8080, anywhere || has("outside-door")),
        ("metrics", "roster", 8080, anywhere),
        ("client", "roster", 8080, true),
        ("client here", "roster", 8080, true),
        ("stranger", "roster", 8080, anywhere),
        ("stranger here", "roster", 8080, anywhere && !alone),
        // Neighbours in a namespace that is not the installation's own are let be.
        ("stranger here", "outside", 443, !alone),
        ("client here", "outside", 443, !alone),
        ("stranger here", "names", 53, true),
    ];
    cases.extend(["client", "door", "stranger here"].map(|from| (from, "roster", 9090, false)));
    let databases = [("own-database", "roster-database"), ("operator-database", "instance")];
    for (_, database) in databases.into_iter().filter(|(thing, _)| has(thing)) {
        cases.extend(
            ["roster", "roster-migrate", "roster-initial-data"].map(|from| (from, database, 5432, true)),
        );
        cases.extend(["client", "stranger here"].map(|from| (from, database, 5432, false)));
        cases.push((database, "roster", 8080, false));
        // The operator's instances ask the API server who leads.
        cases.push((database, "outside", 443, database == "instance"));
    }
    cases
}

#[test]
fn pods_may_speak_to_whom_they_must_and_to_nobody_else() {
    let renders = all();
    assert_eq!(renders.len(), RENDERS.len(), "each render has its line");
    for (render, objects) in renders {
        let (_, things) = RENDERS.iter().find(|(name, _)| *name == render).expect(&render);
        let has = |thing: &str| things.split(' ').any(|one| one == thing);
        let policies = objects.iter().filter(|object| kind(object) == "NetworkPolicy").count();
        assert_eq!(policies == 0, has("no-policies"), "{render}");
        let peers = neighbourhood(&objects);
        let mut asked = 0;
        for (from, to, port, expected) in cases(has).into_iter().filter(|_| policies > 0) {
            if let (Some(one), Some(other)) = (peers.get(from), peers.get(to)) {
                assert_eq!(
                    may(&objects, one, other, port),
                    expected,
                    "{render}: {from} to {to}, port {port}"
                );
                asked += 1;
            }
        }
        assert!(asked >= 20 || policies == 0, "{render}: only {asked} connections");
    }
}

/// The chart's own test pods reach what they ask, whatever the values.
#[test]
fn test_pods_are_let_through() {
    let mut seen = 0;
    for (render, objects) in all() {
        let peers = peers(&objects);
        for (test, to, port) in
            [("roster-test-users", "roster", 8080), ("roster-test-schema", "roster-database", 5432)]
        {
            if let (Some(from), Some(to)) = (peers.get(test), peers.get(to)) {
                assert!(may(&objects, from, to, port), "{render}: {test}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 8, "{seen} connections of test pods");
}
