//! A `roster serve` under measurement.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::client;
use crate::shell::{self, Failure};

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server on ports of its own choice; dropping it kills it.
pub(super) struct Server {
    child: Child,
    started: Instant,
    addresses: Addresses,
}

struct Addresses {
    public: String,
    ops: String,
}

impl Server {
    /// Starts the program on a database and waits until it says where it listens. [`TOKEN`] is its first token.
    pub(super) fn start(program: &Path, database: &str) -> Result<Self, Failure> {
        Self::with(program, &["serve", "--database-url", database])
    }

    /// The same for any command line that ends up as a server.
    pub(super) fn with(program: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.args(arguments).args(["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"]);
        if arguments.first() == Some(&"serve") {
            command.arg("--bootstrap-token-file").arg(token_file(program)?);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        shell::without_settings(&mut command);
        let started = Instant::now();
        let mut child = command
            .spawn()
            .map_err(|error| Failure::new(format!("cannot run {}: {error}", program.display())))?;
        let (sender, receiver) = mpsc::channel();
        // `demo` logs to stderr.
        if let Some(log) = child.stderr.take() {
            let sender = sender.clone();
            thread::spawn(move || follow(log, &sender));
        }
        if let Some(log) = child.stdout.take() {
            thread::spawn(move || follow(log, &sender));
        }
        if let Ok(addresses) = receiver.recv_timeout(START_TIMEOUT) {
            return Ok(Self { child, started, addresses });
        }
        let _ = child.kill().and_then(|()| child.wait());
        Err(Failure::new("the server did not say where it listens"))
    }

    /// The address of the API.
    pub(super) fn public(&self) -> &str {
        &self.addresses.public
    }

    /// The address of health and metrics.
    pub(super) fn ops(&self) -> &str {
        &self.addresses.ops
    }

    /// The time from exec to the first 200 at a path.
    pub(super) fn first_ok(&self, address: &str, path: &str) -> Result<Duration, Failure> {
        client::first_ok(address, path, self.started)
    }

    /// The processor time that the server took so far, in seconds.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn processor_time(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        seconds(&stat).ok_or_else(|| Failure::new("no processor time in /proc: has the server ended?"))
    }

    /// A field of the kernel's account of the process's memory, in bytes.
    pub(super) fn memory(&self, field: &str) -> Result<u64, Failure> {
        memory_of(self.child.id(), field)
    }
}

/// A field of the kernel's account of a process's memory, in bytes.
pub(super) fn memory_of(process: u32, field: &str) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    memory_in(&status, field)
        .ok_or_else(|| Failure::new(format!("no {field} in /proc: has the server ended?")))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Reads the log to its end, so that the pipe never fills, and sends the addresses it names.
fn follow(log: impl Read, addresses: &Sender<Addresses>) {
    for line in BufReader::new(log).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let (true, Some(public), Some(ops)) =
            (line.contains("\"listening\""), value(&line, "address"), value(&line, "ops_address"))
        {
            let _ = addresses.send(Addresses { public, ops });
        }
    }
}

/// User and system time in `/proc/PID/stat` (see its manual page), whose unit is a hundredth of a second on Linux.
fn seconds(stat: &str) -> Option<f64> {
    // The name of the program, in parentheses, may have spaces in it.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?;
    Some(f64::from(ticks) / 100.0)
}

/// The first token of the servers, an admin's.
pub(super) const TOKEN: &str = "first-token-of-the-benchmarks-0123456789";

fn token_file(program: &Path) -> Result<PathBuf, Failure> {
    let file = program.with_file_name("bench-token");
    std::fs::write(&file, TOKEN).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    Ok(file)
}

/// The string under a key in a line of JSON; addresses hold nothing that JSON escapes.
fn value(line: &str, key: &str) -> Option<String> {
    let (_, after) = line.split_once(&format!("\"{key}\":"))?;
    let (value, _) = after.trim_start().strip_prefix('"')?.split_once('"')?;
    Some(value.to_owned())
}

fn memory_in(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_from_the_log() {
        let line =
            r#"{"level":"INFO","message":"listening","ops_address":"127.0.0.1:2","address":"127.0.0.1:1"}"#;
        assert_eq!(value(line, "address").as_deref(), Some("127.0.0.1:1"));
        assert_eq!(value(line, "ops_address").as_deref(), Some("127.0.0.1:2"));
        assert_eq!(value(line, "port"), None);
    }

    #[test]
    fn processor_time_is_the_sum_of_both() {
        let stat = "7 (a b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 4 0 100 1 1";
        assert!(seconds(stat).is_some_and(|seconds| (seconds - 2.0).abs() < 1e-9));
        assert_eq!(seconds(""), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\troster\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";
        assert_eq!(memory_in(status, "VmRSS"), Some(10_485_760));
        assert_eq!(memory_in(status, "VmSwap"), None);
    }
}
