//! Files that are made from others: an operator and a chart want them inside.

use crate::shell::root;

use super::chart::documentation;

const RULE: &str = "# Made from deploy/prometheus/alerts.yaml: ROSTER_TEST_BLESS=1 cargo xtask e2e kubernetes --no-guide -- generated\n\
    apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: roster\n  labels:\n    \
    app.kubernetes.io/name: roster\n    app.kubernetes.io/component: server\nspec:\n";

pub(super) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Compares a file with what it should be, or writes it when that is asked for; its path if they differ.
#[expect(clippy::disallowed_methods, reason = "tests are told what to do by their environment")]
pub(super) fn check(path: &str, text: &str) -> Option<String> {
    let place = root().join(path);
    if std::env::var("ROSTER_TEST_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(&place, text).unwrap();
        return None;
    }
    let equal = std::fs::read_to_string(&place).is_ok_and(|kept| kept == text);
    (!equal).then(|| path.to_owned())
}

/// The rules alone, without what stands over them.
fn rules() -> String {
    let alerts = read("deploy/prometheus/alerts.yaml");
    let start = alerts.find("groups:\n").expect("alerts.yaml has groups");
    alerts[start..].to_owned()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}

#[test]
fn copies_are_equal_to_their_sources() {
    let files = [
        ("deploy/kubernetes/components/monitoring/alerts.yaml", format!("{RULE}{}", indented(&rules()))),
        ("deploy/helm/roster/files/alerts.yaml", rules()),
        ("deploy/helm/roster/files/roster.json", read("deploy/grafana/roster.json")),
        ("deploy/helm/roster/files/roles.sql", read("deploy/kubernetes/base/roles.sql")),
        ("deploy/helm/roster/README.md", documentation()),
    ];
    let stale: Vec<String> = files.iter().filter_map(|(path, text)| check(path, text)).collect();
    assert!(stale.is_empty(), "write them anew by ROSTER_TEST_BLESS=1: {stale:?}");
}
