//! The program itself, as a process of its own.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout};

/// The program itself, in a process of its own; killed with this value.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) url: String,
    pub(crate) ops: String,
    /// Lines of the log after the one that told the addresses.
    pub(crate) log: tokio::io::Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// `roster serve` on free ports; returns when it listens.
    pub(crate) async fn serve(database_url: &str, arguments: &[&str]) -> Self {
        let mut command = program(&["serve", "--database-url", database_url]);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if !arguments.contains(&"--bootstrap-token-file") {
            command.args(["--bootstrap-token-file", super::token_file()]);
        }
        command.args(["--ops-listen", "127.0.0.1:0"]).args(arguments);
        Self::started(command).await
    }

    /// A command line that ends up as `roster serve`; returns when it listens.
    pub(crate) async fn started(mut command: tokio::process::Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        loop {
            let line = log.next_line().await.unwrap().expect("the program ended before it listened");
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == "listening" {
                let url = format!("http://{}", line["address"].as_str().unwrap());
                let ops = format!("http://{}", line["ops_address"].as_str().unwrap());
                return Self { child, url, ops, log };
            }
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id().unwrap(), name);
    }

    /// Reads the log to its end on the side, so that the pipe never fills.
    pub(crate) fn drain_log(&mut self) -> tokio::task::JoinHandle<Vec<String>> {
        let empty =
            tokio::process::Command::new("true").stdout(Stdio::piped()).spawn().unwrap().stdout.unwrap();
        let mut log = std::mem::replace(&mut self.log, BufReader::new(empty).lines());
        tokio::spawn(async move {
            let mut lines = Vec::new();
            while let Ok(Some(line)) = log.next_line().await {
                lines.push(line);
            }
            lines
        })
    }
}

/// A command line of the program, without any variable of the surroundings.
pub(crate) fn program(arguments: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_roster"));
    command.args(arguments).env_clear().kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Sends a signal to a process.
pub(crate) fn signal(process: u32, name: &str) {
    let status =
        std::process::Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(status.unwrap().success(), "kill -{name} {process}");
}
