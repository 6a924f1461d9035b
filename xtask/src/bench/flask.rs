//! The v1 app under gunicorn with two workers.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{client, server};
use crate::python;
use crate::shell::{self, Failure, Workspace};

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How to start it.
pub(super) struct Peer {
    python: PathBuf,
    root: PathBuf,
}

/// A running app; dropping it ends it.
pub(super) struct Flask {
    child: Child,
    started: Instant,
    address: String,
}

impl Peer {
    pub(super) fn install(workspace: &Workspace) -> Result<Self, Failure> {
        Ok(Self { python: python::environment(workspace, &python::BENCH)?, root: workspace.root.clone() })
    }

    /// Starts the app on a database of its own (`fill::v1`) and waits until it says where it listens.
    pub(super) fn start(&self, database: &str) -> Result<Flask, Failure> {
        let url = database.replacen("postgres://", "postgresql+psycopg://", 1);
        let mut command = Command::new(&self.python);
        // The timeout is for the list of a million users.
        command.args(["-B", "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:0", "--timeout", "300"]);
        command
            .arg("--pythonpath")
            .arg(self.root.join("tests/v1"))
            .arg("--chdir")
            .arg(self.root.join("bench"));
        command.arg("peer:app").env("DATABASE_URL", url);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        shell::without_settings(&mut command);
        let started = Instant::now();
        let mut child =
            command.spawn().map_err(|error| Failure::new(format!("cannot run gunicorn: {error}")))?;
        let (sender, receiver) = mpsc::channel();
        if let Some(log) = child.stderr.take() {
            thread::spawn(move || {
                for line in BufReader::new(log).lines().map_while(Result::ok) {
                    if let Some(address) = listening(&line) {
                        let _ = sender.send(address.to_owned());
                    }
                }
            });
        }
        let mut flask = Flask { child, started, address: String::new() };
        flask.address = receiver
            .recv_timeout(START_TIMEOUT)
            .map_err(|_| Failure::new("gunicorn did not say where it listens"))?;
        Ok(flask)
    }
}

/// The address in the line that gunicorn logs at its start.
fn listening(line: &str) -> Option<&str> {
    line.split_once("Listening at: http://")?.1.split_whitespace().next()
}

impl Flask {
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The time from exec to the first 200 at a path.
    pub(super) fn first_ok(&self, path: &str) -> Result<Duration, Failure> {
        client::first_ok(&self.address, path, self.started)
    }

    /// A field of the kernel's account of memory, summed over the workers and their parent, in bytes.
    pub(super) fn memory(&self, field: &str) -> Result<u64, Failure> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let workers = children.split_whitespace().filter_map(|id| id.parse().ok());
        std::iter::once(id).chain(workers).map(|id| server::memory_of(id, field)).sum()
    }
}

impl Drop for Flask {
    fn drop(&mut self) {
        // Asked to, it ends its workers; killed, it would leave them.
        shell::succeeds(Command::new("kill").arg(self.child.id().to_string()));
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_log() {
        let line = "[2026-01-01 00:00:00 +0000] [7] [INFO] Listening at: http://127.0.0.1:40001 (7)";
        assert_eq!(listening(line), Some("127.0.0.1:40001"));
    }
}
