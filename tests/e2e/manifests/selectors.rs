//! What selectors and references find.

use serde_json::{Value, json};

use super::connections::{Peer, number, peers, picks};
use super::render::{all, find, kind, list, name, objects, with_components};

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
                _ => {}
            }
        }
    }
}

/// The named port of a Service that a route sends to; there is one for each reference.
fn routed(objects: &[Value], render: &str) -> Vec<String> {
    let routes = objects.iter().filter(|object| kind(object) == "HTTPRoute");
    let backends =
        routes.flat_map(|route| list(&route["spec"]["rules"])).flat_map(|rule| list(&rule["backendRefs"]));
    let ports = backends.map(|backend| {
        let service = find(objects, "Service", backend["name"].as_str().unwrap());
        let port = list(&service["spec"]["ports"]).iter().find(|one| one["port"] == backend["port"]);
        let port = port.unwrap_or_else(|| panic!("{render}: the Service has no port {}", backend["port"]));
        port["name"].as_str().unwrap().to_owned()
    });
    ports.collect()
}

/// A Gateway sends to a port that is there, and speaks as the pods do: TLS, when a policy says so and whom to believe.
#[test]
fn routes_lead_to_a_port_that_speaks_as_they_do() {
    let mut seen = Vec::new();
    for (render, objects) in all() {
        let ports = routed(&objects, &render);
        let policies: Vec<&Value> =
            objects.iter().filter(|object| kind(object) == "BackendTLSPolicy").collect();
        let encrypted = ports.iter().filter(|port| *port == "https").count();
        assert_eq!(policies.len(), encrypted, "{render}: {ports:?}");
        for policy in policies {
            assert_eq!(
                policy["spec"]["targetRefs"],
                json!([{ "group": "", "kind": "Service", "name": "roster", "sectionName": "https" }]),
                "{render}"
            );
            assert!(policy["spec"]["validation"]["hostname"].is_string(), "{render}");
        }
        seen.extend(ports);
    }
    assert!(seen.iter().all(|port| port == "http" || port == "https"), "{seen:?}");
    let encrypted = seen.iter().filter(|port| *port == "https").count();
    assert!(encrypted >= 2 && seen.len() > encrypted, "{seen:?}");
}

/// A route names its port by number, which either component may be the one to set.
#[test]
fn gateway_and_tls_agree_in_either_order() {
    for pair in [["gateway", "tls"], ["tls", "gateway"]] {
        let objects = objects(&with_components(&pair));
        assert_eq!(routed(&objects, &format!("{pair:?}")), ["https"], "{pair:?}");
    }
}
