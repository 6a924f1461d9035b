//! Rendering by the programs that people use, and reading what comes out.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::shell::{command, root, run};

/// The components that an overlay may add to `local`, and `local` itself.
pub(super) const COMPONENTS: [&[&str]; 10] = [
    &[],
    &["gateway"],
    &["monitoring"],
    &["tls"],
    &["external-database"],
    &["cloudnative-pg"],
    &["sqlite-single"],
    &["gateway", "monitoring", "external-database"],
    &["gateway-tls", "outside-issuer"],
    &["sqlite-single", "monitoring", "tls"],
];

/// Values of the chart that are tried, and files of values.
pub(super) const VALUES: [(&str, &[&str]); 6] = [
    ("default", &[]),
    (
        "everything",
        &[
            "initialData.enabled=true",
            "clusterIssuer.enabled=true",
            "clusterIssuer.roles.shop:sync=writer",
            "monitoring.enabled=true",
            "monitoring.labels.release=prometheus",
            "tls.enabled=true",
            "ingress.tlsSecret=door",
            "ingress.className=nginx",
            "service.type=LoadBalancer",
            "autoscaling.enabled=true",
            "database.authoritySecret=authority",
            "database.storageClass=fast",
            "imagePullSecrets[0].name=registry",
            "settings.ROSTER_LOG=debug",
            "extraEnv[0].name=OTEL_SERVICE_NAME,extraEnv[0].value=people",
            "priorityClassName=high",
            "nodeSelector.disk=ssd",
            "podAnnotations.a=b",
            "podLabels.c=d",
        ],
    ),
    (
        "external",
        &[
            "database.kind=external",
            "gateway.enabled=true",
            "ingress.enabled=false",
            "serviceAccount.create=false",
        ],
    ),
    ("sqlite", &["database.kind=sqlite", "replicas=1", "networkPolicy.enabled=false"]),
    (
        "gateway",
        &[
            "gateway.enabled=true",
            "ingress.enabled=false",
            "tls.enabled=true",
            "tls.authority=authority",
            "networkPolicy.ingressFrom[0].ipBlock.cidr=192.0.2.0/24",
            "networkPolicy.dnsTo[0].ipBlock.cidr=169.254.20.10/32",
            "networkPolicy.issuersTo[0].ipBlock.cidr=0.0.0.0/0",
        ],
    ),
    ("production", &[PRODUCTION_VALUES]),
];

pub(super) const PRODUCTION_VALUES: &str = "deploy/helm/roster/values-production.yaml";

/// For a helm that was built without the version of a Kubernetes, and asks no cluster.
pub(super) const KUBERNETES: [&str; 2] = ["--kube-version", "1.36.0"];

/// An overlay over `local` with more components, as text.
pub(super) fn with_components(components: &[&str]) -> String {
    if components.is_empty() {
        return overlay("local");
    }
    let mut more = "namespace: roster\ncomponents:\n".to_owned();
    for component in components {
        more.extend(["  - ../../components/", component, "\n"]);
    }
    over("local", &more)
}

/// An overlay over another, with more in its kustomization, as text.
pub(super) fn over(base: &str, more: &str) -> String {
    let overlays = root().join("deploy/kubernetes/overlays");
    let directory = tempfile::Builder::new().prefix("test-").tempdir_in(overlays).unwrap();
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../{base}]\n{more}"
    );
    std::fs::write(directory.path().join("kustomization.yaml"), text).unwrap();
    run("kubectl", &["kustomize", directory.path().to_str().unwrap()])
}

/// An overlay, as text.
pub(super) fn overlay(name: &str) -> String {
    run("kubectl", &["kustomize", &format!("deploy/kubernetes/overlays/{name}")])
}

/// The chart with values and files of values, as a release called `roster`, as text.
pub(super) fn chart(values: &[&str]) -> String {
    let mut arguments = vec!["template", "roster", "deploy/helm/roster", "--namespace", "roster"];
    arguments.extend(KUBERNETES);
    for value in values {
        arguments.extend([if value.contains('=') { "--set" } else { "--values" }, value]);
    }
    run("helm", &arguments)
}

/// The objects of a text. kubectl turns them into JSON, without asking a cluster.
pub(super) fn objects(yaml: &str) -> Vec<Value> {
    let json =
        fed("kubectl", &["annotate", "--local", "--filename", "-", "--output", "json", "roster-"], yaml);
    serde_json::Deserializer::from_str(&json).into_iter().map(Result::unwrap).collect()
}

/// The stdout of a command that is fed a text and has to succeed without a word on stderr.
pub(super) fn fed(program: &str, arguments: &[&str], input: &str) -> String {
    let mut command = command(program, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{program} {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// Every set of objects that is tried, with a name.
pub(super) fn all() -> Vec<(String, Vec<Value>)> {
    let mut all: Vec<(String, Vec<Value>)> = COMPONENTS
        .iter()
        .map(|components| {
            let name = [&["kustomize", "local"], *components].concat().join("-");
            (name, objects(&with_components(components)))
        })
        .collect();
    all.push(("kustomize-production".to_owned(), objects(&overlay("production"))));
    all.extend(VALUES.iter().map(|(name, values)| (format!("helm-{name}"), objects(&chart(values)))));
    all
}

pub(super) fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap()
}

pub(super) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// The template of an object's pods, or the object itself when it is a pod.
pub(super) fn pod(object: &Value) -> Option<&Value> {
    match kind(object) {
        "Deployment" | "StatefulSet" | "Job" => Some(&object["spec"]["template"]),
        "Pod" => Some(object),
        _ => None,
    }
}

/// The one object of a kind and a name.
pub(super) fn find<'a>(objects: &'a [Value], wanted: &str, called: &str) -> &'a Value {
    let found = objects.iter().find(|object| kind(object) == wanted && name(object) == called);
    found.unwrap_or_else(|| panic!("no {wanted} {called}"))
}

/// The elements of an array, or none.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
