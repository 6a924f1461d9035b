//! The ops port of one pod.

use std::process::{Child, Stdio};

use tempfile::NamedTempFile;

use super::installation::{Installation, LIMIT};
use crate::shell::{command, eventually, run};

/// A tunnel of kubectl's, which ends in the pod's own network: no NetworkPolicy is in its way. Gone with this value.
pub(crate) struct Ops {
    child: Child,
    address: String,
}

impl Ops {
    pub(crate) fn of(roster: &Installation, pod: &str) -> Self {
        let pod = format!("pod/{pod}");
        let arguments = ["--namespace", &roster.namespace, "port-forward", &pod, ":9090"];
        // A file, for nobody reads a pipe meanwhile.
        let told = NamedTempFile::new().unwrap();
        let mut command = command("kubectl", &[&arguments[..], &["--address", "127.0.0.1"]].concat());
        let child = command.stdout(told.reopen().unwrap()).stderr(Stdio::null()).spawn().unwrap();
        let mut ops = Self { child, address: String::new() };
        eventually(LIMIT, "kubectl forwards the ops port", || {
            let told = std::fs::read_to_string(told.path()).unwrap();
            let address = told.strip_prefix("Forwarding from ").and_then(|told| told.split_once(" -> "));
            ops.address = address.map(|(address, _)| address.to_owned()).unwrap_or_default();
            !ops.address.is_empty()
        });
        ops
    }

    /// The status and the body of what `/readyz`, `/livez` or `/metrics` answers.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.address);
        let told = run("curl", &["--silent", "--max-time", "10", "--write-out", "\n%{http_code}", &url]);
        let (body, status) = told.rsplit_once('\n').unwrap_or(("", &told));
        (status.parse().unwrap(), body.to_owned())
    }
}

impl Drop for Ops {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
