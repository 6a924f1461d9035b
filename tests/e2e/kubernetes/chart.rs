//! The chart under load, by the commands of its README.

use std::time::Instant;

use super::cluster::Namespace;
use super::installation::{IMAGE, Installation, loaded};
use super::program::{NEXT, Program, schema_of_database};
use super::traffic::Traffic;
use crate::shell::{outcome, told};

/// A Job does not change once it is made, and a rollback brings that of the release before back, which then runs on the
/// newer schema.
#[test]
fn an_upgrade_and_a_rollback_by_helm_fail_no_request() {
    let namespace = Namespace::fresh("chart");
    let (image, next) = (loaded(IMAGE, ""), loaded(NEXT, ""));
    let roster = Installation::secrets(&namespace.0, [image.clone(), image.clone()]);
    let start = Instant::now();
    let host = format!("ingress.host={}", roster.host());
    helm(&roster, &["install", "roster", CHART, "--set", &host], &image);
    let (installed, old) = (start.elapsed().as_secs_f64(), Program::running(&roster));
    assert_eq!(schema_of_database(&roster), old.schema());

    let traffic = Traffic::start(&roster);
    let start = Instant::now();
    helm(&roster, &["upgrade", "roster", CHART, "--reuse-values"], &next);
    let (upgraded, new) = (start.elapsed().as_secs_f64(), Program::running(&roster));
    assert_ne!(old.image_id, new.image_id);
    assert_eq!((new.schema(), schema_of_database(&roster)), (old.schema() + 1, old.schema() + 1));

    let start = Instant::now();
    helm(&roster, &["rollback", "roster"], "");
    let back = start.elapsed().as_secs_f64();
    assert_eq!((Program::running(&roster), schema_of_database(&roster)), (old, new.schema()));
    roster.settled();
    traffic
        .end(&roster)
        .print(&format!("helm install {installed:.0} s, upgrade {upgraded:.0} s, rollback {back:.0} s"))
        .assert_none_failed();
}

const CHART: &str = "deploy/helm/roster";

/// Helm with an image, or without; it waits for pods and Jobs, and has nothing to warn of.
fn helm(roster: &Installation, arguments: &[&str], image: &str) {
    let image = image
        .split_once(':')
        .map(|(name, tag)| [format!("--set=image.repository={name}"), format!("--set=image.tag={tag}")]);
    let image = image.iter().flatten().map(String::as_str).collect::<Vec<_>>();
    let rest = ["--namespace", &roster.namespace, "--wait", "--wait-for-jobs", "--timeout=180s"];
    let output = outcome("helm", &[arguments, &rest, &image].concat());
    let pods = || roster.kubectl(&["get", "pods"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}\n{}", told(&output), pods());
    // Helm is content with enough new pods, while old ones still serve.
    roster.rolled_out();
}
