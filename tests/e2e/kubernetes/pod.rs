//! Pods of the tests' own.

use serde_json::{Value, json};

use super::cluster::apply;
use super::installation::{Installation, LIMIT, name_of};
use crate::shell::eventually;

/// A pod of a client that may call Roster, as a restricted namespace takes it.
pub(crate) fn pod(
    namespace: &str,
    name: &str,
    node: Option<&str>,
    image: &str,
    arguments: &[String],
) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace,
            "labels": { "app.kubernetes.io/name": "roster-load", "roster-client": "true" },
        },
        "spec": {
            "nodeName": node, "restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": false, "enableServiceLinks": false,
            "tolerations": [{ "operator": "Exists" }],
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [{
                "name": "load", "image": image, "args": arguments,
                "resources": { "requests": { "cpu": "10m", "memory": "16Mi" } },
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": { "drop": ["ALL"] },
                },
                "volumeMounts": [{ "name": "token", "mountPath": "/token", "readOnly": true }],
            }],
            "volumes": [{ "name": "token", "secret": {
                "secretName": "roster", "defaultMode": 0o440,
                "items": [{ "key": "first-token", "path": "first-token" }],
            } }],
        },
    })
}

/// Runs a pod to its end; its exit code and what it said.
pub(crate) fn ended(roster: &Installation, pod: &Value) -> (i64, String) {
    let name = name_of(pod);
    apply(pod);
    let mut code = None;
    eventually(LIMIT, "the pod has ended", || {
        let pod = roster.ask(&["get", "pod", &name]);
        code = pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"].as_i64();
        code.is_some()
    });
    let told = roster.kubectl(&["logs", &name]);
    roster.kubectl(&["delete", "pod", &name, "--wait=false"]);
    (code.unwrap(), told)
}
