//! Load by `cargo xtask load`, and what came of it.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::shell::root;

/// Clients at work in a process of their own; killed with this value.
pub(crate) struct Load {
    child: Child,
    prefix: String,
    /// A file, for nobody reads a pipe meanwhile.
    out: NamedTempFile,
}

/// What the clients saw.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) ok: u64,
    /// One text for each request that failed.
    pub(crate) failures: Vec<String>,
    /// Names of users whose creation was acknowledged.
    pub(crate) acknowledged: BTreeSet<String>,
    /// Seconds from the start of the load to its last failure.
    pub(crate) last_failure: Option<f64>,
    pub(crate) p99_ms: u64,
}

impl Load {
    /// Starts clients for some seconds, as `cargo xtask load URL --seconds … --prefix … ARGUMENTS`.
    pub(crate) fn start(url: &str, prefix: &str, seconds: u64, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO"));
        command.args(["xtask", "load", url, "--seconds", &seconds.to_string(), "--prefix", prefix]);
        let out = NamedTempFile::new().unwrap();
        command.args(arguments).current_dir(root()).stdin(Stdio::null()).stdout(out.reopen().unwrap());
        Self { child: command.spawn().unwrap(), prefix: prefix.to_owned(), out }
    }

    /// What it has printed so far.
    pub(crate) fn printed(&self) -> String {
        std::fs::read_to_string(self.out.path()).unwrap()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Seen {
        let ended = self.child.wait().unwrap();
        let out = self.printed();
        assert!(ended.success(), "{out}");
        Seen::read(&out, &self.prefix)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Seen {
    /// Reads what a load client printed; of one that was ended from outside, up to its last line of counts.
    pub(crate) fn read(lines: &str, prefix: &str) -> Self {
        let lines: Vec<Value> = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let counts = lines.iter().rev().find(|line| line["acknowledged"].is_array()).expect("no counts");
        let failed: Vec<&Value> = lines.iter().filter(|line| line["failure"].is_string()).collect();
        let names: BTreeSet<&str> = failed.iter().filter_map(|line| line["failure"].as_str()).collect();
        let mut acknowledged = BTreeSet::new();
        for (client, sequences) in counts["acknowledged"].as_array().unwrap().iter().enumerate() {
            let all =
                (0..sequences.as_u64().unwrap()).map(|sequence| format!("{prefix}-{client}-{sequence}"));
            acknowledged.extend(all.filter(|name| !names.contains(name.as_str())));
        }
        Self {
            ok: counts["ok"].as_u64().unwrap(),
            failures: failed.iter().map(ToString::to_string).collect(),
            acknowledged,
            last_failure: counts["last_failure"].as_f64(),
            p99_ms: counts["p99_ms"].as_u64().unwrap(),
        }
    }
}
