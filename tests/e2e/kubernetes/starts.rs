//! Starts that are not as the manifests have them.

use serde_json::{Value, json};

use super::cluster::{Namespace, apply, ask, items};
use super::installation::{IMAGE, Installation, LIMIT, loaded, name_of};
use super::overlay::Overlay;
use super::pod::pod;
use super::traffic::fresh;
use crate::shell::eventually;

/// Five pods that may migrate, with the owner's role, and no Job that does it before them.
const FIVE: &str = r"- target: {kind: Job}
  patch: |
    apiVersion: batch/v1
    kind: Job
    metadata: {name: any}
    $patch: delete
- target: {kind: Deployment, name: roster}
  patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: roster}
    spec:
      replicas: 5
      template:
        spec:
          enableServiceLinks: LINKS
          containers:
            - name: roster
              env:
                - {name: ROSTER_MIGRATE, value: auto}
                - {name: ROSTER_DATABASE_URL_FILE, value: /run/secrets/owner/database-url}
              volumeMounts:
                - {name: owner, mountPath: /run/secrets/owner, readOnly: true}
          volumes:
            - {name: owner, secret: {secretName: roster-owner, defaultMode: 0440}}
";

#[test]
fn one_of_five_migrates_an_empty_database() {
    let namespace = Namespace::fresh("starts");
    let image = loaded(IMAGE, "");
    let roster = Installation::secrets(&namespace.0, [image.clone(), image.clone()]);
    let overlay = |links: &str| {
        let patches = FIVE.replace("LINKS", links);
        Overlay { namespace: &namespace.0, image: &image, patches: &patches }.apply();
    };
    overlay("false");
    roster.rolled_out();
    roster.settled();
    assert!(items(&ask(&["get", "jobs", "--namespace", &namespace.0])).is_empty());
    let pods = roster.pods();
    // Logs are those of the container that runs now: it has to be the first one.
    let restarts = |pod: &Value| pod["status"]["containerStatuses"][0]["restartCount"].as_u64();
    assert!(pods.len() == 5 && pods.iter().all(|pod| restarts(pod) == Some(0)), "{pods:#?}");
    let pods: Vec<String> = pods.iter().map(name_of).collect();
    let logs: Vec<String> = pods.iter().map(|pod| roster.kubectl(&["logs", pod])).collect();
    let migrated: Vec<&String> = logs.iter().filter(|log| log.contains("\"migration applied\"")).collect();
    assert_eq!(migrated.len(), 1, "{logs:#?}");
    let steps = migrated[0].matches("\"migration applied\"").count();
    let files = std::fs::read_dir(crate::shell::root().join("migrations/postgres")).unwrap().count();
    assert_eq!(steps, files, "{}", migrated[0]);
    let first = logs.iter().filter(|log| log.contains("the first token is given")).count();
    assert_eq!(first, 1, "{logs:#?}");
    println!("five pods at once on an empty database: one applied all {steps} steps, five are ready");
    overlay("true");
    links(&roster);
}

/// Kubernetes' own variables about the Services `roster` and `roster-database` are in the pods, and they start.
fn links(roster: &Installation) {
    roster.rolled_out();
    roster.settled();
    let pods = roster.pods();
    assert!(pods.iter().all(|pod| pod["spec"]["enableServiceLinks"] == true), "{pods:?}");
    let name = fresh("variables");
    let mut shown = pod(&roster.namespace, &name, None, "postgres:17", &[]);
    shown["spec"]["enableServiceLinks"] = json!(true);
    shown["spec"]["containers"][0]["command"] = json!(["env"]);
    apply(&shown);
    let ended = || roster.ask(&["get", "pod", &name])["status"]["phase"] == "Succeeded";
    eventually(LIMIT, "a pod shows its variables", ended);
    let variables = roster.kubectl(&["logs", &name]);
    let ours: Vec<&str> = variables.lines().filter(|line| line.starts_with("ROSTER_")).collect();
    for start in [
        "ROSTER_SERVICE_HOST=",
        "ROSTER_PORT=tcp://",
        "ROSTER_DATABASE_SERVICE_HOST=",
        "ROSTER_DATABASE_PORT=",
    ] {
        assert!(ours.iter().any(|line| line.starts_with(start)), "{start}: {ours:?}");
    }
    println!("{} variables of Kubernetes begin with ROSTER_, and five pods are ready with them", ours.len());
}
