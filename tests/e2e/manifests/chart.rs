//! The chart's values: documented, held to a schema, and refused when they cannot work.

use std::fmt::Write as _;

use serde_json::Value;

use crate::shell::{outcome, run, told};

use super::generated::read;

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

#[test]
fn what_cannot_work_is_refused_with_the_reason() {
    let refused = [
        (
            "database.kind=sqlite",
            "value must be one of 0, 1, 'no more, for an SQLite file has one program that writes to it'",
        ),
        ("database.kind=sqlite,replicas=1,autoscaling.enabled=true", "so there can be no second replica"),
        ("database.kind=sqlite,replicas=1,initialData.enabled=true", "on a volume that only the server has"),
        ("replicas=16", "16 replicas and one more in a rollout, with 10 + 2 connections each, are 204"),
        (
            "autoscaling.enabled=true,autoscaling.maxReplicas=20",
            "are 252, and database.maxConnections is 200",
        ),
        ("autoscaling.minReplicas=11", "autoscaling.minReplicas is larger than autoscaling.maxReplicas"),
        ("gateway.enabled=true", "set ingress.enabled to false"),
        ("settings.LOG=debug", "settings are variables whose names begin with ROSTER_"),
        ("fullnameOverride=a-name-that-is-a-good-deal-longer-than-that", "has more than 40 characters"),
        ("replica=3", "additional properties 'replica' not allowed"),
        ("image.tga=1", "additional properties 'tga' not allowed"),
        ("database.kind=mysql", "value must be one of 'statefulset', 'external', 'sqlite'"),
        ("image.digest=sha256:12", "does not match pattern"),
        ("replicas=two", "want integer"),
        ("clusterIssuer.roles.shop:sync=owner", "value must be one of 'reader', 'writer'"),
    ];
    for (values, reason) in refused {
        let output = outcome("helm", &["template", "roster", "deploy/helm/roster", "--set", values]);
        assert!(!output.status.success() && told(&output).contains(reason), "{values}: {}", told(&output));
        // Lint goes by the schema alone: it takes no notice of what templates refuse.
        if !told(&output).contains("checks.yaml") {
            let output = outcome("helm", &["lint", "deploy/helm/roster", "--set", values]);
            assert!(
                !output.status.success() && told(&output).contains(reason),
                "{values}: {}",
                told(&output)
            );
        }
    }
    let output = outcome("helm", &["lint", "--strict", "deploy/helm/roster"]);
    assert!(output.status.success(), "{}", told(&output));
}

/// A release's notes, with no cluster asked.
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
    assert!(notes("ingress.enabled=false,gateway.enabled=true").contains("WARNING"));
    assert!(!notes("ingress.enabled=false").contains("WARNING"));
}
