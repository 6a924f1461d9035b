//! A pod's service account is its identity.

use serde_json::{Value, json};

use super::installation::Installation;
use super::pod::{ended, pod};
use super::traffic::fresh;

/// Our own client in a pod finds Roster by the Service's name and shows the token that the kubelet gave the pod.
#[test]
fn a_pod_has_the_role_of_its_service_account() {
    let roster = Installation::ready();
    let account = |name: &str| format!("system:serviceaccount:{}:{name}", roster.namespace);
    let read = call(&roster, "roster-reader", &["users", "list", "--output", "ndjson"]);
    let users: Vec<Value> = read.1.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(read.0 == 0 && users.iter().any(|user| user["name"] == "Ada Lovelace"), "{read:?}");

    let name = fresh("made-by-a-pod");
    let (code, told) = call(&roster, "roster-reader", &["users", "create", "--name", &name]);
    assert!(code == 5 && told.contains("users:write"), "{code}: {told}");
    let (code, told) = call(&roster, "roster-writer", &["users", "create", "--name", &name]);
    assert_eq!(code, 0, "{told}");
    // Without a role of its own, a service account of the same namespace may do nothing.
    let (code, told) = call(&roster, "default", &["users", "list"]);
    assert!(code == 5, "{code}: {told}");

    // The directory remembers who it was.
    let record = roster.get(&format!("/changes?subject=user:{}", id_of(&roster, &name))).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let actor = &record["changes"][0]["actor"];
    assert!(
        actor["kind"] == "jwt" && actor["id"].to_string().contains(&account("roster-writer")),
        "{record}"
    );
    println!("service accounts: {} reads, {} writes", account("roster-reader"), account("roster-writer"));
}

fn id_of(roster: &Installation, name: &str) -> String {
    let found = roster.get(&format!("/users?q={name}")).unwrap();
    let users: Vec<Value> = serde_json::from_str(&found).unwrap();
    users[0]["id"].to_string()
}

/// Runs a command of our own image in a pod of that service account; its exit code and what it said.
fn call(roster: &Installation, account: &str, arguments: &[&str]) -> (i64, String) {
    let name = fresh("client");
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let mut client = pod(&roster.namespace, &name, None, &roster.images[0], &arguments);
    let spec = &mut client["spec"];
    spec["serviceAccountName"] = json!(account);
    spec["volumes"] = json!([{ "name": "token", "projected": { "defaultMode": 0o440, "sources": [
        { "serviceAccountToken": { "path": "token", "audience": "roster", "expirationSeconds": 600 } },
    ] } }]);
    spec["containers"][0]["env"] = json!([
        { "name": "ROSTER_URL", "value": "http://roster" },
        { "name": "ROSTER_TOKEN_FILE", "value": "/token/token" },
        { "name": "ROSTER_INSECURE_HTTP", "value": "true" },
    ]);
    ended(roster, &client)
}
