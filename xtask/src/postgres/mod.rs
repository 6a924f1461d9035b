//! A throw-away PostgreSQL: on a free port of 127.0.0.1, gone when this process is, however it ends.

mod account;
mod programs;

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::shell::{self, Failure, Workspace, say};
use account::Account;
pub(crate) use programs::{find, find_or_install};

/// Keeps the server company: `$1` is the data directory, the rest the server's command line. The
/// standard input is a pipe that only `cargo xtask` holds open, so its end, even by SIGKILL, is read
/// here as the end of input. Then the server is stopped and its data removed.
const KEEPER: &str = r#"
trap '' HUP INT TERM
data=$1; shift
exec 3<&0
"$@" 3<&- </dev/null & server=$!
{
  read -r _ <&3; kill -INT "$server"
  for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 1; done; kill -QUIT "$server"
} 2>/dev/null & watcher=$!
exec 3<&-
wait "$server"; code=$?
kill -KILL "$watcher"
rm -rf "$data"
exit "$code"
"#;

/// As in production where a test can tell the difference (`fsync` is on), generous where it cannot.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=300",
    "shared_buffers=128MB",
    "fsync=on",
    "max_wal_size=4GB",
    "checkpoint_timeout=30min",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_line_prefix=%m [%p] %d ",
];

const START_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server; dropping it stops it and removes its data. Its log stays beside them.
pub(crate) struct Server {
    keeper: Child,
    port: u16,
    bin: PathBuf,
    /// Held while the server runs: two servers in one directory would end each other.
    _lock: File,
}

impl Server {
    /// Makes a cluster with the superuser `postgres`, whom it trusts, and starts it.
    ///
    /// # Errors
    /// The cluster cannot be made, or the server is not ready within a minute.
    pub(crate) fn start(workspace: &Workspace, bin: &Path) -> Result<Self, Failure> {
        let account = Account::choose()?;
        let directory = account.directory(workspace)?;
        let place =
            Place { bin, account, data: directory.join("data"), log: directory.join("postgresql.log") };
        let lock = lock(&workspace.target.join("test-postgres.lock"))?;
        let _ = std::fs::remove_file(&place.log);
        let (keeper, port) = place.start()?;
        Ok(Self { keeper, port, bin: bin.to_path_buf(), _lock: lock })
    }

    /// The URL of a database on this server, as its superuser.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// A client program of the same version.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.bin.join(name))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        stop(&mut self.keeper);
    }
}

/// Ends the keeper's input and waits until it has stopped the server and is gone.
fn stop(keeper: &mut Child) {
    drop(keeper.stdin.take());
    let deadline = Instant::now() + STOP_TIMEOUT;
    while matches!(keeper.try_wait(), Ok(None)) && Instant::now() < deadline {
        sleep(Duration::from_millis(20));
    }
}

struct Place<'a> {
    bin: &'a Path,
    account: Account,
    data: PathBuf,
    log: PathBuf,
}

impl Place<'_> {
    fn command(&self, program: &str) -> Command {
        self.account.command(&self.bin.join(program))
    }

    /// Stops the server of a run whose keeper was killed too, and removes what it left.
    fn clear(&self) -> Result<(), Failure> {
        if self.data.join("postmaster.pid").exists() {
            say("stopping the PostgreSQL that an earlier run left");
            shell::succeeds(
                self.command("pg_ctl").args(["stop", "-w", "-m", "immediate", "-D"]).arg(&self.data),
            );
        }
        match std::fs::remove_dir_all(&self.data) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::new(format!("{}: {error}", self.data.display())))
            }
            _ => Ok(()),
        }
    }

    fn initialise(&self) -> Result<(), Failure> {
        // English order by default, as on many servers and unlike SQLite: a query that leaves the
        // order of text to the database fails here, not at an operator's.
        let english = ["--locale=C", "--locale-provider=icu", "--icu-locale=en-US"];
        for locale in [&english[..], &english[..1]] {
            let log = self.open_log()?;
            let mut initdb = self.command("initdb");
            initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]).args(locale);
            initdb.arg("--pgdata").arg(&self.data).stdin(Stdio::null());
            initdb.stdout(log.try_clone().map_err(|error| self.log_failure(&error))?).stderr(log);
            if initdb.status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            say("initdb failed; once more without ICU, as before PostgreSQL 15");
        }
        Err(Failure::new(format!("initdb failed: {}", self.end_of_log())))
    }

    /// Another process may take the free port before the server does, so it is tried a few times.
    fn start(&self) -> Result<(Child, u16), Failure> {
        let mut reason = String::new();
        for _ in 0..3 {
            // Each time, since the keeper removes the data of a server that ended.
            self.clear()?;
            self.initialise()?;
            let port = free_port()?;
            let mut keeper = self.spawn(port)?;
            if self.is_ready(&mut keeper) {
                return Ok((keeper, port));
            }
            stop(&mut keeper);
            reason = self.end_of_log();
        }
        Err(Failure::new(format!("PostgreSQL did not start: {reason}")))
    }

    fn spawn(&self, port: u16) -> Result<Child, Failure> {
        let log = self.open_log()?;
        let mut keeper = self.account.command(Path::new("/bin/sh"));
        keeper.args(["-c", KEEPER, "postgres-keeper"]).arg(&self.data);
        keeper.arg(self.bin.join("postgres")).arg("-D").arg(&self.data).args(["-p", &port.to_string()]);
        for setting in SETTINGS {
            keeper.args(["-c", setting]);
        }
        keeper.stdin(Stdio::piped()).stdout(log.try_clone().map_err(|error| self.log_failure(&error))?);
        // A group of its own: Ctrl-C in the terminal goes to this process, and the keeper follows.
        keeper.stderr(log).process_group(0);
        keeper.spawn().map_err(|error| Failure::new(format!("cannot start PostgreSQL: {error}")))
    }

    /// Waits for what the server itself writes into the last line of its pid file.
    fn is_ready(&self, keeper: &mut Child) -> bool {
        let deadline = Instant::now() + START_TIMEOUT;
        while matches!(keeper.try_wait(), Ok(None)) && Instant::now() < deadline {
            let state = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
                return true;
            }
            sleep(Duration::from_millis(20));
        }
        false
    }

    fn open_log(&self) -> Result<File, Failure> {
        File::options().create(true).append(true).open(&self.log).map_err(|error| self.log_failure(&error))
    }

    fn log_failure(&self, error: &std::io::Error) -> Failure {
        Failure::new(format!("{}: {error}", self.log.display()))
    }

    fn end_of_log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("its log is empty");
        format!("{} (all of it: {})", last.trim(), self.log.display())
    }
}

fn free_port() -> Result<u16, Failure> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    address
        .map(|address| address.port())
        .map_err(|error| Failure::new(format!("no free port on 127.0.0.1: {error}")))
}

/// Waits until no other `cargo xtask` runs a server for this checkout.
fn lock(path: &Path) -> Result<File, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", path.display()));
    let file = File::options().create(true).append(true).open(path).map_err(failed)?;
    if file.try_lock().is_err() {
        say("waiting for another cargo xtask that runs PostgreSQL here");
        file.lock().map_err(failed)?;
    }
    Ok(file)
}
