//! The chart's values: documented, held to a schema, and refused when they cannot work.

use std::fmt::Write as _;
use std::process::Output;

use serde_json::{Value, json};

use crate::shell::{outcome, run, told};

use super::generated::read;
use super::render::{KUBERNETES, chart, find, list, objects};

/// A value of values.yaml: its path, and the comment over it.
struct Documented {
    path: String,
    comment: String,
    default: String,
}

/// Reads values.yaml: each key of its first two levels has a comment. Deeper ones belong to Kubernetes.
fn documented() -> Vec<Documented> {
    let text = read("deploy/helm/roster/values.yaml");
    let (mut values, mut comment, mut parent) = (Vec::new(), String::new(), String::new());
    for line in text.lines() {
        let (indent, rest) = (line.len() - line.trim_start().len(), line.trim_start());
        if let Some(said) = rest.strip_prefix("# ") {
            said.clone_into(&mut comment);
        } else if let Some((key, default)) = rest.split_once(':').filter(|_| indent <= 2)
            && !key.starts_with('-')
        {
            if indent == 0 {
                key.clone_into(&mut parent);
            }
            let path = if indent == 0 { key.to_owned() } else { format!("{parent}.{key}") };
            // A key of Kubernetes below one of ours has no comment of its own.
            if indent == 0 || !comment.is_empty() {
                let default = default.trim().to_owned();
                values.push(Documented { path, comment: std::mem::take(&mut comment), default });
            }
        }
    }
    values
}

/// The chart's README: its beginning is kept by hand, its table is made from values.yaml.
pub(super) fn documentation() -> String {
    const MARK: &str = "<!-- The table is made from values.yaml. -->\n";
    let kept = read("deploy/helm/roster/README.md");
    let (start, _) = kept.split_once(MARK).expect("README.md has the mark before its table");
    let mut text = format!("{start}{MARK}\n| Value | Default | Meaning |\n|---|---|---|\n");
    for Documented { path, comment, default } in documented() {
        let meaning = comment.strip_prefix(&path).unwrap_or(&comment).trim().replace('|', "\\|");
        let default =
            if default.is_empty() || default == "|" { "…".to_owned() } else { format!("`{default}`") };
        writeln!(text, "| `{path}` | {default} | {meaning} |").unwrap();
    }
    text
}

/// The paths of a schema's properties, two levels deep, and the objects that are not closed.
fn properties(schema: &Value, path: &str, paths: &mut Vec<String>, open: &mut Vec<String>) {
    let Some(known) = schema["properties"].as_object() else { return };
    if schema["additionalProperties"] != Value::Bool(false) {
        open.push(path.to_owned());
    }
    for (key, inner) in known {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        paths.push(path.clone());
        properties(inner, &path, paths, open);
    }
}

#[test]
fn every_value_is_documented_and_in_the_schema() {
    let values = documented();
    assert!(values.len() > 60, "only {} values were found", values.len());
    for Documented { path, comment, .. } in &values {
        assert!(
            comment.starts_with(&format!("{path} ")),
            "the comment of {path} begins with its name: {comment:?}"
        );
        assert!(comment.ends_with('.') || comment.contains(": kubectl "), "{path}: {comment}");
    }
    let schema: Value = serde_json::from_str(&read("deploy/helm/roster/values.schema.json")).unwrap();
    let (mut paths, mut open) = (Vec::new(), Vec::new());
    properties(&schema, "", &mut paths, &mut open);
    assert!(open.is_empty(), "without additionalProperties: false: {open:?}");
    let known: Vec<&str> = values.iter().map(|value| value.path.as_str()).collect();
    // What a chart that contains this one may give to all its parts.
    let unknown: Vec<&String> = paths
        .iter()
        .filter(|path| {
            *path != "global"
                && !path.ends_with(".requests")
                && !path.ends_with(".limits")
                && !known.contains(&path.as_str())
        })
        .collect();
    assert!(unknown.is_empty(), "in the schema and not in values.yaml: {unknown:?}");
    let missing: Vec<&&str> =
        known.iter().filter(|path| !paths.iter().any(|known| known == **path)).collect();
    assert!(missing.is_empty(), "in values.yaml and not in the schema: {missing:?}");
}

/// What the schema refuses, so that `helm lint` does too.
const OUTSIDE_THE_SCHEMA: [(&str, &str); 9] = [
    ("database.storage=5K", "does not match pattern"),
    ("replica=3", "additional properties 'replica' not allowed"),
    ("image.tga=1", "additional properties 'tga' not allowed"),
    ("database.kind=mysql", "value must be one of 'statefulset', 'external', 'sqlite'"),
    ("image.digest=sha256:12", "does not match pattern"),
    ("replicas=two", "want integer"),
    ("clusterIssuer.roles.shop:sync=owner", "value must be one of 'reader', 'writer'"),
    ("networkPolicy.ingressFrom[0].cidr=192.0.2.0/24", "additional properties 'cidr' not allowed"),
    ("networkPolicy.dnsPort=dns", "got string, want integer"),
];

/// What values that are good by themselves cannot be together.
const NOT_TOGETHER: [(&str, &str); 19] = [
    (
        "database.kind=sqlite",
        "replicas: an SQLite file has one program that writes to it, so there can be no second replica, and 2 are asked for",
    ),
    (
        "database.kind=sqlite,replicas=1,autoscaling.enabled=true",
        "autoscaling.enabled: an SQLite file has one program that writes to it, so there can be no second replica",
    ),
    ("database.kind=sqlite,replicas=1,initialData.enabled=true", "on a volume that only the server has"),
    ("replicas=16", "16 replicas and one more in a rollout, with 10 + 2 connections each, are 204"),
    ("autoscaling.enabled=true,autoscaling.maxReplicas=20", "are 252, and database.maxConnections is 200"),
    ("autoscaling.enabled=true,database.kind=external", "are 132, and database.maxConnections is 100"),
    ("autoscaling.minReplicas=11", "autoscaling.minReplicas is larger than autoscaling.maxReplicas"),
    ("gateway.enabled=true", "set ingress.enabled to false"),
    ("settings.LOG=debug", "settings are variables whose names begin with ROSTER_"),
    (
        "settings.ROSTER_IDLE_TIMEOUT=5s",
        "settings.ROSTER_IDLE_TIMEOUT: the chart sets this variable itself; use idleTimeout",
    ),
    ("settings.ROSTER_TLS_CERT=/tls/tls.crt", "use tls.enabled and tls.secret"),
    (
        "clusterIssuer.enabled=true,settings.ROSTER_OIDC_ISSUERS_FILE=/etc/issuers.toml",
        "set clusterIssuer.enabled to false and have the cluster in your own file",
    ),
    (
        "extraEnv[0].name=ROSTER_DRAIN_SECONDS",
        "has the variable ROSTER_DRAIN_SECONDS already; use drainSeconds",
    ),
    ("extraEnv[0].name=ROSTER_LOG_FORMAT", "has the variable ROSTER_LOG_FORMAT already; use settings"),
    (
        "settings.ROSTER_LOG=debug,extraEnv[0].name=ROSTER_LOG",
        "has the variable ROSTER_LOG already; use one of settings and extraEnv",
    ),
    (
        "settings.ROSTER_LISTEN=[::]:8181",
        "settings.ROSTER_LISTEN: the chart sets this variable itself; use 8080",
    ),
    ("extraEnv[0].name=TZ,extraEnv[1].name=TZ", "has the variable TZ already; use one of the two"),
    ("fullnameOverride=a.b", "the name a.b is not that of a Service"),
    ("fullnameOverride=a-name-that-is-a-good-deal-longer-than-that", "has more than 40 characters"),
];

/// The chart rendered or linted with values, by a helm that asks no cluster.
fn tried(verb: &[&str], values: &str) -> Output {
    outcome("helm", &[verb, &["deploy/helm/roster", "--set", values], &KUBERNETES].concat())
}

/// Every refusal is a sentence. Lint goes by the schema alone: it takes no notice of what templates refuse.
#[test]
fn what_cannot_work_is_refused_with_the_reason() {
    let schema = OUTSIDE_THE_SCHEMA.map(|(values, reason)| (values, reason, true));
    let checks = NOT_TOGETHER.map(|(values, reason)| (values, reason, false));
    for (values, reason, linted) in schema.into_iter().chain(checks) {
        let mut outputs = vec![tried(&["template", "roster"], values)];
        if linted {
            outputs.push(tried(&["lint"], values));
        }
        for output in outputs {
            let text = told(&output);
            assert!(!output.status.success() && text.contains(reason), "{values}: {text}");
        }
    }
    let output = outcome("helm", &[&["lint", "--strict", "deploy/helm/roster"], &KUBERNETES[..]].concat());
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn an_older_kubernetes_is_refused() {
    let arguments = ["template", "roster", "deploy/helm/roster", "--kube-version"];
    let [old, least] =
        ["1.29.14", "1.30.0"].map(|version| outcome("helm", &[&arguments[..], &[version]].concat()));
    assert!(
        !old.status.success() && told(&old).contains("requires kubeVersion: >=1.30.0-0"),
        "{}",
        told(&old)
    );
    assert!(least.status.success(), "{}", told(&least));
}

/// The variables of the server that a setting may replace are there once, with the setting's value.
#[test]
fn a_setting_wins_over_what_is_only_a_default() {
    let objects = objects(&chart(&["settings.ROSTER_LOG_FORMAT=text"]));
    let deployment = find(&objects, "Deployment", "roster");
    let env = list(&deployment["spec"]["template"]["spec"]["containers"][0]["env"]);
    let formats: Vec<&Value> = env.iter().filter(|one| one["name"] == "ROSTER_LOG_FORMAT").collect();
    assert_eq!(formats, [&json!({ "name": "ROSTER_LOG_FORMAT", "value": "text" })]);
}

/// A release's notes, with no cluster changed.
fn notes(values: &str) -> String {
    let arguments = ["install", "people", "deploy/helm/roster", "--dry-run=client", "--set", values];
    let text = run("helm", &arguments);
    text.split_once("NOTES:").expect("there are notes").1.to_owned()
}

#[test]
fn notes_warn_of_a_door_without_tls() {
    let plain = notes("ingress.host=people.example.com");
    assert!(plain.contains("http://people.example.com/users"), "{plain}");
    assert!(plain.contains("tokens travel in the clear; set ingress.tlsSecret"), "{plain}");
    assert!(plain.contains("deployment/people\n"), "{plain}");
    let encrypted = notes("ingress.tlsSecret=door");
    assert!(encrypted.contains("https://") && !encrypted.contains("WARNING"), "{encrypted}");
    let behind = notes("tls.enabled=true");
    assert!(behind.contains("http://roster.example.com/users") && behind.contains("WARNING"), "{behind}");
    assert!(behind.contains("(tls.enabled) only begins behind it"), "{behind}");
    assert!(behind.contains("with Traefik, see \"TLS up to the pod\""), "{behind}");
    assert!(notes("ingress.enabled=false,gateway.enabled=true").contains("WARNING"));
    assert!(!notes("ingress.enabled=false").contains("WARNING"));
}

#[test]
fn notes_call_a_pod_as_it_speaks() {
    let plain = notes("ingress.enabled=false");
    assert!(plain.contains(" http://127.0.0.1:8080/users"), "{plain}");
    let encrypted = notes("ingress.enabled=false,tls.enabled=true,tls.authority=ours");
    assert!(encrypted.contains("configmap --namespace default ours"), "{encrypted}");
    let call = "curl --cacert ca.crt --connect-to ::127.0.0.1:8080 -H \"Authorization: Bearer $TOKEN\" \
                https://people.default.svc/users";
    assert!(encrypted.contains(call), "{encrypted}");
}

#[test]
fn notes_tell_of_issuers_that_no_policy_lets_the_server_ask() {
    let issuer = "ingress.enabled=false,settings.ROSTER_OIDC_ISSUER=https://issuer.example.com";
    let unreachable = notes(issuer);
    assert!(unreachable.contains("set networkPolicy.issuersTo"), "{unreachable}");
    let peers = "networkPolicy.issuersTo[0].ipBlock.cidr=192.0.2.0/24";
    assert!(!notes(&format!("{issuer},{peers}")).contains("WARNING"));
}
