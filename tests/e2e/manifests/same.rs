//! Kustomize and Helm render equal objects where they overlap.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::generated::read;
use super::render::{chart, kind, name, objects, overlay};

type Objects = BTreeMap<(String, String), Value>;

/// What tells an installer apart, and not what is installed.
const LABELS: [&str; 3] = ["app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart"];

/// Without the ends of names that say which release or which content it is.
fn plain(name: &str) -> &str {
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

/// Asserts equality, except for objects that only the one or the other is to have.
fn assert_same(kustomize: &Objects, helm: &Objects, only_kustomize: &[(&str, &str)]) {
    let owned = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(kind, name)| ((*kind).to_owned(), (*name).to_owned())).collect()
    };
    let missing: Vec<_> = kustomize.keys().filter(|key| !helm.contains_key(*key)).cloned().collect();
    assert_eq!(missing, owned(only_kustomize), "only by Kustomize");
    let more: Vec<_> = helm.keys().filter(|key| !kustomize.contains_key(*key)).collect();
    let tests = more.iter().all(|(kind, name)| kind == "Pod" && name.starts_with("roster-test-"));
    assert!(tests, "only by Helm: {more:?}");
    for (key, one) in kustomize {
        if let Some(other) = helm.get(key) {
            let (one, other) = (format!("{one:#}"), format!("{other:#}"));
            let lines = one.lines().zip(other.lines()).filter(|(one, other)| one != other);
            let different: Vec<_> = lines.take(10).collect();
            assert!(one == other, "{key:?}: Kustomize first, Helm second: {different:#?}");
        }
    }
}

#[test]
fn the_local_overlay_is_the_chart() {
    let csv = read("deploy/kubernetes/base/users.csv");
    let csv = format!("initialData.csv={}", csv.replace(',', "\\,"));
    let helm = chart(&[
        "image.tag=dev",
        "initialData.enabled=true",
        &csv,
        "ingress.host=roster.local",
        "database.storage=1Gi",
        "clusterIssuer.enabled=true",
        "clusterIssuer.roles.roster:roster-reader=reader",
        "clusterIssuer.roles.roster:roster-writer=writer",
    ]);
    assert_same(
        &keyed(&overlay("local")),
        &keyed(&helm),
        &[
            ("ClusterRoleBinding", "roster-issuer-keys"),
            ("Namespace", "roster"),
            ("ServiceAccount", "roster-reader"),
            ("ServiceAccount", "roster-writer"),
        ],
    );
}

#[test]
fn the_production_overlay_is_the_chart() {
    let helm = chart(&[
        "image.repository=registry.example.com/roster",
        &format!("image.digest=sha256:{}", "0".repeat(64)),
        "autoscaling.enabled=true",
        "database.kind=external",
        "database.authoritySecret=roster-database-ca",
        "tls.enabled=true",
        "ingress.tlsSecret=roster-tls",
        "monitoring.enabled=true",
    ]);
    assert_same(&keyed(&overlay("production")), &keyed(&helm), &[("Namespace", "roster")]);
}
