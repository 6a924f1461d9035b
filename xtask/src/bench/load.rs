//! Load: wrk over HTTP, and pgbench as the floor that PostgreSQL itself sets.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::fill;
use super::report::Sample;
use super::server::TOKEN;
use crate::apt;
use crate::postgres::Server as Postgres;
use crate::shell::{self, Failure, Workspace};

/// Connections that are busy all the time.
const CONNECTIONS: u32 = 64;
/// Clients of pgbench: on two cores it does best with so few.
const CLIENTS: &str = "4";
/// Accounts in pgbench's table are this many times 100,000.
const SCALE: &str = "10";

/// The load generator.
pub(super) struct Wrk {
    scripts: PathBuf,
    seconds: u64,
}

impl Wrk {
    /// # Errors
    /// It is missing and cannot be installed.
    pub(super) fn find_or_install(workspace: &Workspace, seconds: u64) -> Result<Self, Failure> {
        if shell::find_in_path(&["wrk"]).is_none() && apt::may_install() {
            apt::install(&["wrk"])?;
        }
        if shell::find_in_path(&["wrk"]).is_none() {
            return Err(Failure::missing("wrk is missing: install it (Debian: apt-get install wrk)"));
        }
        Ok(Self { scripts: workspace.root.join("bench"), seconds })
    }

    /// How long each run takes.
    pub(super) fn seconds(&self) -> u64 {
        self.seconds
    }

    /// GETs the paths in a file, with many connections.
    pub(super) fn get(&self, address: &str, paths: &Path) -> Result<Sample, Failure> {
        self.run(CONNECTIONS, "paths.lua", address, paths.as_os_str().to_string_lossy().as_ref())
    }

    /// GETs the paths in a file, one after the other.
    pub(super) fn get_one_by_one(&self, address: &str, paths: &Path) -> Result<Sample, Failure> {
        self.run(1, "paths.lua", address, paths.as_os_str().to_string_lossy().as_ref())
    }

    /// GETs the paths in a file, with many connections and this credential.
    pub(super) fn get_as(&self, token: &str, address: &str, paths: &Path) -> Result<Sample, Failure> {
        self.run_as(token, CONNECTIONS, "paths.lua", address, paths.as_os_str().to_string_lossy().as_ref())
    }

    /// POSTs users; no other run on the same directory may have used the prefix.
    pub(super) fn create(&self, address: &str, prefix: &str) -> Result<Sample, Failure> {
        self.run(CONNECTIONS, "creates.lua", address, prefix)
    }

    fn run(&self, connections: u32, script: &str, address: &str, argument: &str) -> Result<Sample, Failure> {
        self.run_as(TOKEN, connections, script, address, argument)
    }

    fn run_as(
        &self,
        token: &str,
        connections: u32,
        script: &str,
        address: &str,
        argument: &str,
    ) -> Result<Sample, Failure> {
        let threads = connections.min(2);
        let mut command = Command::new("wrk");
        command.env("BENCH_TOKEN", token);
        command.args(["-t", &threads.to_string(), "-c", &connections.to_string()]);
        command.args(["-d", &format!("{}s", self.seconds), "--timeout", "30s", "-s"]);
        command.arg(self.scripts.join(script)).args([&format!("http://{address}"), "--", argument]);
        let output = shell::stdout_of(&mut command)?;
        let output = String::from_utf8_lossy(&output);
        result(&output)
            .ok_or_else(|| Failure::new(format!("wrk, {address}, {argument}: not all went well:\n{output}")))
    }
}

/// What the scripts print: requests, microseconds, the 99th percentile in microseconds, failures.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown in a few digits")]
fn result(output: &str) -> Option<Sample> {
    let line = output.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let numbers: Vec<u64> = line.split(' ').map_while(|word| word.parse().ok()).collect();
    match numbers[..] {
        [requests, microseconds, p99, 0] if requests > 0 => {
            Some(Sample { value: requests as f64 / (microseconds as f64 / 1e6), aside: p99 })
        }
        _ => None,
    }
}

/// Writes the paths that a contender is asked for, one a line.
pub(super) fn write_paths(file: &Path, paths: impl Iterator<Item = String>) -> Result<PathBuf, Failure> {
    let text: String = paths.map(|path| path + "\n").collect();
    std::fs::write(file, text).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    Ok(file.to_path_buf())
}

/// PostgreSQL's own benchmark of reading single rows, in a database of its own.
pub(super) struct Pgbench<'a> {
    server: &'a Postgres,
    seconds: String,
}

impl<'a> Pgbench<'a> {
    pub(super) fn fill(server: &'a Postgres, seconds: u64) -> Result<Self, Failure> {
        fill::psql(server, "postgres", "CREATE DATABASE pgbench")?;
        let mut command = server.program("pgbench");
        command.args(["--initialize", "--quiet", "--scale", SCALE, &server.url("pgbench")]);
        shell::stdout_of(&mut command)?;
        Ok(Self { server, seconds: seconds.to_string() })
    }

    pub(super) fn select(&self) -> Result<Sample, Failure> {
        let mut command = self.server.program("pgbench");
        command.args(["-S", "-M", "prepared", "-n", "-c", CLIENTS, "-j", "2", "-T", &self.seconds]);
        let output = shell::stdout_of(command.arg(self.server.url("pgbench")))?;
        let output = String::from_utf8_lossy(&output);
        rate(&output).ok_or_else(|| Failure::new(format!("pgbench: {output}")))
    }
}

/// It prints an average, no percentiles: the average latency is shown.
fn rate(output: &str) -> Option<Sample> {
    let number = |prefix: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(prefix))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some microseconds")]
    let latency = (number("latency average = ")? * 1000.0) as u64;
    Some(Sample { value: number("tps = ")?, aside: latency })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_without_failures_counts() {
        let sample = result("Running 5s test\nRESULT 3000 1500000 700 0\n");
        assert!(sample.is_some_and(|sample| (sample.value - 2000.0).abs() < 1e-9 && sample.aside == 700));
        assert!(result("RESULT 3000 1500000 700 1\n").is_none());
        assert!(result("Running 5s test\n").is_none());
    }

    #[test]
    fn pgbench_is_read() {
        let sample = rate("latency average = 0.164 ms\ntps = 24400.5 (without initial connection time)\n");
        assert!(sample.is_some_and(|sample| (sample.value - 24400.5).abs() < 1e-9 && sample.aside == 164));
    }
}
