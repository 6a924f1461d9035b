//! Kustomize and Helm render equal objects where they overlap.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::generated::read;
use super::render::{PRODUCTION_VALUES, chart, kind, name, objects, overlay, with_components};

type Objects = BTreeMap<(String, String), Value>;

/// What tells an installer apart, and not what is installed.
const LABELS: [&str; 3] = ["app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart"];

/// Without the ends of names that say which release or which content it is.
pub(super) fn plain(name: &str) -> &str {
    const NAMES: [&str; 3] = ["roster-migrate", "roster-initial-data", "roster-issuers"];
    // The ends are a release, a digest or both: they have no fourth part of letters alone that names something else.
    NAMES.into_iter().find(|known| name.starts_with(&format!("{known}-"))).unwrap_or(name)
}

/// The same object whoever rendered it.
fn normalised(mut object: Value) -> Value {
    let wanted = plain(name(&object)).to_owned();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.remove("namespace");
    metadata.insert("name".to_owned(), json!(wanted));
    strip(&mut object);
    if let Some(toml) = object.pointer("/data/issuers.toml").and_then(Value::as_str) {
        let parsed: toml::Value = toml::from_str(toml).unwrap();
        object["data"]["issuers.toml"] = json!(format!("{parsed:?}"));
    }
    object.sort_all_objects();
    object
}

/// Takes away what may differ, at any depth.
fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => strip_members(members),
        Value::Array(items) => {
            // The chart's own test asks the database too.
            items.retain(|item| item != "roster-test");
            items.iter_mut().for_each(strip);
            // Variables, volumes and mounts are known by their names; their order says nothing.
            if items.iter().all(|item| item["name"].is_string()) {
                items.sort_by_key(|item| (item["name"].to_string(), item["mountPath"].to_string()));
            }
        }
        _ => {}
    }
}

fn strip_members(members: &mut Map<String, Value>) {
    for label in LABELS.into_iter().chain(["roster/issuers"]) {
        members.remove(label);
    }
    members.retain(|key, inner| {
        let empty = inner.is_null() || inner.as_object().is_some_and(Map::is_empty);
        !(empty && (key == "annotations" || key == "creationTimestamp"))
    });
    if let Some(Value::String(volume)) = members.get_mut("name") {
        *volume = plain(volume).to_owned();
    }
    members.values_mut().for_each(strip);
    members
        .retain(|key, inner| key != "annotations" || inner.as_object().is_none_or(|inner| !inner.is_empty()));
}

fn keyed(yaml: &str) -> Objects {
    let objects = objects(yaml).into_iter().map(normalised);
    objects.map(|object| ((kind(&object).to_owned(), name(&object).to_owned()), object)).collect()
}

/// Where the chart is otherwise on purpose.
struct Difference {
    object: (&'static str, &'static str),
    pointer: &'static str,
    kustomize: Value,
    helm: Value,
}

/// The base has its namespace to itself. A release may have neighbours there, which its policies must leave alone: neither
/// what they are denied, nor what a policy that picks them would leave them.
fn shared_namespace() -> Vec<Difference> {
    let release = |labels: Value| {
        let mut helm = labels;
        helm["app.kubernetes.io/instance"] = json!("roster");
        json!({ "matchLabels": helm })
    };
    let client = json!({ "roster-client": "true" });
    [
        ("roster-default-deny", json!({}), release(json!({}))),
        ("roster-dns", json!({}), release(json!({}))),
        ("roster-clients-here", json!({ "matchLabels": client }), release(client.clone())),
    ]
    .into_iter()
    .map(|(policy, kustomize, helm)| Difference {
        object: ("NetworkPolicy", policy),
        pointer: "/spec/podSelector",
        kustomize,
        helm,
    })
    .collect()
}

/// Asserts that each difference is there, and then takes it away.
fn even_out(kustomize: &mut Objects, helm: &mut Objects, differences: Vec<Difference>) {
    for Difference { object: (kind, name), pointer, kustomize: one, helm: other } in differences {
        let key = (kind.to_owned(), name.to_owned());
        for (objects, stated) in [(&mut *kustomize, one), (&mut *helm, other)] {
            let object = objects.get_mut(&key).unwrap_or_else(|| panic!("no {key:?}"));
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            let parent = object.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
            let found = parent.shift_remove(member).unwrap_or_default();
            assert_eq!(found, stated, "{key:?}, {pointer}");
        }
    }
}

/// Asserts equality, except for objects that only Kustomize is to have, and for stated differences.
fn assert_same(kustomize: &str, helm: &[&str], only_kustomize: &[(&str, &str)], more: Vec<Difference>) {
    let (mut kustomize, mut helm) = (keyed(kustomize), keyed(&chart(helm)));
    let owned = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(kind, name)| ((*kind).to_owned(), (*name).to_owned())).collect()
    };
    let missing: Vec<_> = kustomize.keys().filter(|key| !helm.contains_key(*key)).cloned().collect();
    assert_eq!(missing, owned(only_kustomize), "only by Kustomize");
    let added: Vec<_> = helm.keys().filter(|key| !kustomize.contains_key(*key)).collect();
    let tests = added.iter().all(|(kind, name)| kind == "Pod" && name.starts_with("roster-test-"));
    assert!(tests, "only by Helm: {added:?}");
    even_out(&mut kustomize, &mut helm, shared_namespace().into_iter().chain(more).collect());
    for (key, one) in &kustomize {
        if let Some(other) = helm.get(key) {
            let (one, other) = (format!("{one:#}"), format!("{other:#}"));
            let lines = one.lines().zip(other.lines()).filter(|(one, other)| one != other);
            let different: Vec<_> = lines.take(10).collect();
            assert!(one == other, "{key:?}: Kustomize first, Helm second: {different:#?}");
        }
    }
}

/// What the overlay `local` is as values, but for its database, people and door.
const LOCAL: [&str; 4] = [
    "image.tag=dev",
    "clusterIssuer.enabled=true",
    "clusterIssuer.roles.roster:roster-reader=reader",
    "clusterIssuer.roles.roster:roster-writer=writer",
];

/// What belongs to a cluster on a laptop, and not to a chart.
const ONLY_LOCAL: [(&str, &str); 4] = [
    ("ClusterRoleBinding", "roster-issuer-keys"),
    ("Namespace", "roster"),
    ("ServiceAccount", "roster-reader"),
    ("ServiceAccount", "roster-writer"),
];

/// The base's people, as a value.
fn people() -> String {
    format!("initialData.csv={}", read("deploy/kubernetes/base/users.csv").replace(',', "\\,"))
}

fn local_values<'a>(people: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let database = ["database.storage=1Gi", "initialData.enabled=true", people];
    [&LOCAL[..], &database, more].concat()
}

#[test]
fn the_local_overlay_is_the_chart() {
    let people = people();
    assert_same(
        &overlay("local"),
        &local_values(&people, &["ingress.host=roster.local"]),
        &ONLY_LOCAL,
        Vec::new(),
    );
}

#[test]
fn the_gateway_is_the_charts() {
    let (people, gateway) = (people(), ["ingress.enabled=false", "gateway.enabled=true"]);
    let plain = with_components(&["gateway"]);
    assert_same(&plain, &local_values(&people, &gateway), &ONLY_LOCAL, Vec::new());
    let encrypted = [&gateway[..], &["tls.enabled=true", "tls.authority=roster-authority"]].concat();
    let plain = with_components(&["gateway-tls"]);
    assert_same(&plain, &local_values(&people, &encrypted), &ONLY_LOCAL, Vec::new());
}

#[test]
fn the_outside_issuer_is_the_charts() {
    let people = people();
    let peers =
        ["networkPolicy.issuersTo[0].ipBlock.cidr=0.0.0.0/0", "networkPolicy.issuersTo[1].ipBlock.cidr=::/0"];
    let helm = local_values(&people, &[&peers[..], &["ingress.host=roster.local"]].concat());
    assert_same(&with_components(&["outside-issuer"]), &helm, &ONLY_LOCAL, Vec::new());
}

#[test]
fn one_replica_on_sqlite_is_the_charts() {
    let values = ["database.kind=sqlite", "replicas=1", "database.storage=1Gi", "ingress.host=roster.local"];
    // What Kustomize applied is taken away by name; a release is uninstalled, and must not take the people with it.
    let volume = Difference {
        object: ("PersistentVolumeClaim", "roster-data"),
        pointer: "/metadata/annotations",
        kustomize: Value::Null,
        helm: json!({ "helm.sh/resource-policy": "keep" }),
    };
    assert_same(
        &with_components(&["sqlite-single"]),
        &[&LOCAL[..], &values].concat(),
        &ONLY_LOCAL,
        vec![volume],
    );
}

#[test]
fn the_production_overlay_is_the_chart() {
    let digest = format!("image.digest=sha256:{}", "0".repeat(64));
    let helm = [PRODUCTION_VALUES, "image.repository=registry.example.com/roster", &digest];
    assert_same(&overlay("production"), &helm, &[("Namespace", "roster")], Vec::new());
}
