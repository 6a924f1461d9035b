//! What a real cluster says: no warning under Pod Security `restricted`, and a release that works.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::render::{COMPONENTS, VALUES, chart, fed, kind, objects, overlay, with_components};
use crate::shell::{command, eventually, of_environment, outcome, run, told};

/// A namespace with the labels of the base's; it goes with this value.
struct Namespace(String);

impl Namespace {
    fn create(purpose: &str) -> Self {
        let name = format!("roster-{purpose}-{}", std::process::id());
        let base = objects(&overlay("local")).into_iter().find(|object| kind(object) == "Namespace");
        let mut object = base.unwrap();
        object["metadata"]["name"] = json!(name);
        let apply = ["apply", "--server-side", "--filename", "-"];
        fed("kubectl", &apply, &object.to_string());
        Self(name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        outcome("kubectl", &["delete", "namespace", &self.0, "--wait=false"]);
    }
}

/// The same objects elsewhere. The cluster's own objects get names that nobody else has.
fn moved(objects: Vec<Value>, namespace: &Namespace) -> String {
    let objects = objects.into_iter().filter(|object| kind(object) != "Namespace").map(|mut object| {
        if kind(&object) == "ClusterRoleBinding" {
            object["metadata"]["name"] = json!(namespace.0);
        } else {
            object["metadata"]["namespace"] = json!(namespace.0);
        }
        object
    });
    json!({ "apiVersion": "v1", "kind": "List", "items": objects.collect::<Vec<_>>() }).to_string()
}

/// CloudNativePG's kind, whose operator is not here, for as long as this value lives: its definition comes from the
/// operator's Go module, where there is a `go` that can fetch it. In a cluster that has the operator it is left alone.
struct Definition(Option<String>);

impl Definition {
    fn install() -> Self {
        const MODULE: &str = "github.com/cloudnative-pg/cloudnative-pg@v1.27.0";
        if has_kind(CLUSTERS) {
            println!("CloudNativePG's Cluster: checked against the definition that this cluster has");
            return Self(None);
        }
        let go = command("go", &["mod", "download", "-json", MODULE]).env("GO111MODULE", "on").output();
        let described = go.as_ref().ok().and_then(|go| serde_json::from_slice::<Value>(&go.stdout).ok());
        let directory = described.as_ref().and_then(|module| module["Dir"].as_str());
        let Some(directory) = directory else {
            let why = go.map_or_else(|error| format!("go: {error}"), |output| told(&output));
            println!("CloudNativePG's Cluster: NOT checked: {MODULE} cannot be fetched: {why}");
            return Self(None);
        };
        let path = format!("{directory}/config/crd/bases/postgresql.cnpg.io_clusters.yaml");
        let installed = Self(Some(path.clone()));
        run("kubectl", &["apply", "--server-side", "--filename", &path]);
        let served = || outcome("kubectl", &["get", CLUSTERS, "--all-namespaces"]).status.success();
        eventually(Duration::from_secs(30), "CloudNativePG's kind is served", served);
        println!("CloudNativePG's Cluster: checked against its definition in {MODULE}");
        installed
    }
}

impl Drop for Definition {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            outcome("kubectl", &["delete", "--filename", path]);
        }
    }
}

const CLUSTERS: &str = "clusters.postgresql.cnpg.io";

fn has_kind(name: &str) -> bool {
    outcome("kubectl", &["get", "customresourcedefinition", name]).status.success()
}

/// Objects of kinds that this cluster has; of the others, which is said. Where nothing may be skipped, only `Cluster` may
/// be unknown.
fn known(render: &str, objects: Vec<Value>) -> Vec<Value> {
    const KINDS: [(&str, &str); 5] = [
        ("Cluster", CLUSTERS),
        ("HTTPRoute", "httproutes.gateway.networking.k8s.io"),
        ("BackendTLSPolicy", "backendtlspolicies.gateway.networking.k8s.io"),
        ("ServiceMonitor", "servicemonitors.monitoring.coreos.com"),
        ("PrometheusRule", "prometheusrules.monitoring.coreos.com"),
    ];
    let (known, unknown): (Vec<Value>, Vec<Value>) = objects.into_iter().partition(|object| {
        let definition = KINDS.iter().find(|(name, _)| *name == kind(object));
        definition.is_none_or(|(_, definition)| has_kind(definition))
    });
    for object in unknown {
        let may_lack = of_environment("CI").as_deref() != Some("true") || kind(&object) == "Cluster";
        assert!(may_lack, "{render}: this cluster has no {}", kind(&object));
        println!("{render}: not asked, for this cluster has no {}", kind(&object));
    }
    known
}

/// `fed` fails at the first warning: Pod Security's, or one of the API server about a field.
#[test]
fn nothing_that_is_applied_is_warned_of() {
    let (namespace, _definition) = (Namespace::create("apply"), Definition::install());
    let mut renders: Vec<(String, String)> =
        COMPONENTS.iter().map(|list| (list.join(" and "), with_components(list))).collect();
    renders.push(("production".to_owned(), overlay("production")));
    renders.extend(VALUES.iter().map(|(name, values)| (format!("chart, {name}"), chart(values))));
    for (render, yaml) in renders {
        let objects = known(&render, objects(&yaml));
        let apply = ["apply", "--server-side", "--dry-run=server", "--filename", "-"];
        let count = objects.iter().filter(|object| kind(object) != "Namespace").count();
        let said = fed("kubectl", &apply, &moved(objects, &namespace));
        assert_eq!(said.lines().count(), count, "{render}: {said}");
    }
}

/// Secrets, the chart, its own tests; then away with it.
fn install(release: &str, purpose: &str, secrets: &[&str], values: &[&str]) {
    let namespace = Namespace::create(purpose);
    let start = Instant::now();
    run("deploy/kubernetes/make-secrets", &[secrets, &[&namespace.0, release]].concat());
    let mut arguments = vec!["install", release, "deploy/helm/roster", "--namespace", &namespace.0];
    arguments.extend([
        "--wait",
        "--timeout",
        "180s",
        "--set",
        "image.tag=dev",
        "--set",
        "ingress.enabled=false",
    ]);
    arguments.extend(values.iter().flat_map(|value| ["--set", *value]));
    let installed = outcome("helm", &arguments);
    let pods = ["get", "pods", "--namespace", &namespace.0];
    // Warnings come on stderr, as they do to `fed`.
    let well = installed.status.success() && installed.stderr.is_empty();
    assert!(well, "{}\n{}", told(&installed), told(&outcome("kubectl", &pods)));
    println!("helm install, {purpose}: all replicas are ready after {:.1} s", start.elapsed().as_secs_f64());
    let tested = outcome("helm", &["test", release, "--namespace", &namespace.0, "--timeout", "120s"]);
    assert!(tested.status.success(), "{}", told(&tested));
    run("helm", &["uninstall", release, "--namespace", &namespace.0, "--wait"]);
    let left = run(
        "kubectl",
        &["get", "deployments,services,networkpolicies", "--namespace", &namespace.0, "-o", "name"],
    );
    assert_eq!(left, "");
}

/// Under another name than the chart's, which its objects and its Secrets have then.
#[test]
fn the_chart_installs_and_passes_its_own_tests() {
    install("people", "chart", &[], &["initialData.enabled=true", "clusterIssuer.enabled=true"]);
}

#[test]
fn the_chart_installs_on_sqlite() {
    install("roster", "sqlite", &["--sqlite"], &["database.kind=sqlite", "replicas=1"]);
}

/// The same passwords stand in several Secrets, so that new ones beside old ones fit no database.
#[test]
fn secrets_are_made_all_or_none() {
    let namespace = Namespace::create("secrets");
    let make = || outcome("deploy/kubernetes/make-secrets", &[&namespace.0, "people"]);
    let kept = || {
        let arguments = ["get", "secrets", "--namespace", &namespace.0];
        run("kubectl", &[&arguments[..], &["-o", "jsonpath={.items[*].data}"]].concat())
    };
    assert!(make().status.success(), "{}", told(&make()));
    let first = kept();
    let again = make();
    assert!(again.status.success() && told(&again).contains("already"), "{}", told(&again));
    assert_eq!(kept(), first);

    run("kubectl", &["delete", "secret", "people-owner", "--namespace", &namespace.0]);
    let left = kept();
    let refused = make();
    assert_eq!(refused.status.code(), Some(1), "{}", told(&refused));
    let said =
        "lacks Secrets of people: people-owner; restore them, or delete the others (people-database people)";
    assert!(told(&refused).contains(said), "{}", told(&refused));
    assert_eq!(kept(), left);
}

/// A kubectl that fails is no answer, and nothing is made.
#[test]
fn secrets_are_not_missing_where_no_cluster_answers() {
    let mut make = command("deploy/kubernetes/make-secrets", &["roster", "people"]);
    let output = make.env("KUBECONFIG", "/dev/null").output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{}", told(&output));
}
