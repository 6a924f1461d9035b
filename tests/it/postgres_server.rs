//! A PostgreSQL server of a test's own, to be stopped, paused and killed.

mod small_disk;

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Executor as _, PgConnection};
use tempfile::TempDir;

use crate::certificates::Issued;
use crate::support::variable;

/// The superuser's password, where one is asked for.
pub(crate) const PASSWORD: &str = "right-horse";

/// Ends the server when the test's process is gone, however that ended: then nobody holds the pipe open that
/// is the standard input here.
const KEEPER: &str = r#"
read -r _
server=$(head -n 1 "$1/postmaster.pid") && grep -q "$1" "/proc/$server/cmdline" && kill -KILL "$server"
rm -rf "$1"
"#;

const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 32MB
# A killed process loses nothing that it wrote; only a power cut would.
fsync = off
log_connections = on
";

/// How `pg_ctl` ends a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Connections are closed, everything is written.
    Fast,
    /// Everything is left as it is, for the next start to recover from.
    Immediate,
}

/// A running server; it and its data are gone with this value.
pub(crate) struct PostgresServer {
    port: u16,
    bin: PathBuf,
    account: Option<(u32, u32)>,
    keeper: Child,
    directory: TempDir,
}

impl PostgresServer {
    /// Makes a server that trusts everybody, and starts it.
    pub(crate) fn new() -> Self {
        Self::with("trust")
    }

    /// Makes a server that asks for passwords, and starts it.
    pub(crate) fn with_passwords() -> Self {
        Self::with("scram-sha-256")
    }

    /// Makes a server that takes connections by TLS alone, for which it has this certificate, and starts it. It asks for
    /// passwords, but of the role `certified` for a certificate of the authority.
    pub(crate) fn with_tls(server: &Issued, authority: &str) -> Self {
        const RULES: &str =
            "hostssl all certified 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
        Self::made("scram-sha-256", |made| {
            made.put("server.crt", &server.certificate);
            made.put("server.key", &server.key);
            made.put("authority.crt", authority);
            made.put("pg_hba.conf", RULES);
            let mut settings =
                File::options().append(true).open(made.data().join("postgresql.conf")).unwrap();
            writeln!(settings, "ssl = on\nssl_ca_file = 'authority.crt'").unwrap();
        })
    }

    /// A file in its directory that is readable by the server alone.
    fn put(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        if let Some((uid, gid)) = self.account {
            chown(&path, Some(uid), Some(gid)).unwrap();
        }
    }

    fn with(authentication: &str) -> Self {
        Self::made(authentication, |_| ())
    }

    fn made(authentication: &str, change: impl FnOnce(&Self)) -> Self {
        let bin = PathBuf::from(variable("ROSTER_TEST_POSTGRES_BIN"));
        let directory = tempfile::Builder::new().prefix("roster-test-postgres-").tempdir().unwrap();
        let account = account(directory.path());
        let data = directory.path().join("data");
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&data).stdin(Stdio::piped()).stderr(Stdio::null());
        let keeper = keeper.process_group(0).spawn().unwrap();
        let server = Self { port: free_port(), bin, account, keeper, directory };
        server.initialise(authentication);
        change(&server);
        server.start();
        server
    }

    /// The URL of a database on this server, as its superuser.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// The same by a name of the machine.
    pub(crate) fn url_by_name(&self, database: &str) -> String {
        self.url(database).replace("127.0.0.1", "localhost")
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// Starts it again; returns when it takes connections.
    pub(crate) fn start(&self) {
        self.pg_ctl(&["start", "-w", "-t", "60", "-l"], &[&self.directory.path().join("log")]);
    }

    /// Ends it in one of its own ways.
    pub(crate) fn stop(&self, how: Stop) {
        let mode = if how == Stop::Fast { "fast" } else { "immediate" };
        self.pg_ctl(&["stop", "-w", "-t", "60", "-m", mode], &[]);
    }

    /// SIGKILL for all of its processes.
    pub(crate) fn kill(&self) {
        self.pause();
        let processes = self.processes();
        signal("KILL", &processes);
        // A killed process has its sockets and its memory for a moment more.
        while processes.iter().any(|process| fs::read_link(format!("/proc/{process}/exe")).is_ok()) {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// SIGSTOP for all of its processes: connections stay open and nobody answers.
    pub(crate) fn pause(&self) {
        // The first of them first: then no more are made while the others are looked for.
        signal("STOP", &self.processes()[..1]);
        signal("STOP", &self.processes()[1..]);
    }

    /// Ends a pause.
    pub(crate) fn resume(&self) {
        signal("CONT", &self.processes());
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn initialise(&self, authentication: &str) {
        let password = self.directory.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        fs::set_permissions(&password, Permissions::from_mode(0o644)).unwrap();
        let mut initdb = self.command("initdb");
        initdb.args(["--username=postgres", "--encoding=UTF8", "--locale=C"]);
        initdb
            .args(["--no-sync", "--no-instructions", "--auth", authentication, "--pwfile"])
            .arg(&password)
            .arg("--pgdata")
            .arg(self.data());
        run(initdb);
        let mut settings = File::options().append(true).open(self.data().join("postgresql.conf")).unwrap();
        writeln!(settings, "{SETTINGS}port = {}", self.port).unwrap();
    }

    fn pg_ctl(&self, arguments: &[&str], paths: &[&Path]) {
        let mut command = self.command("pg_ctl");
        command.args(arguments).args(paths).arg("--pgdata").arg(self.data());
        run(command);
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        // Without a developer's PGDATA, PGPORT and the like.
        command.current_dir("/").env_clear().stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// The server's first process, then its children; empty when it does not run.
    fn processes(&self) -> Vec<u32> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let Some(first) = file.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else {
            return Vec::new();
        };
        // The file of a killed server stays, and its number may by now be somebody else's.
        let line = fs::read(format!("/proc/{first}/cmdline")).unwrap_or_default();
        if !String::from_utf8_lossy(&line).contains(self.data().to_str().unwrap()) {
            return Vec::new();
        }
        let all = fs::read_dir("/proc").unwrap().flatten();
        let children = all.filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let state = fs::read_to_string(entry.path().join("stat")).ok()?;
            // "pid (name) state parent …", where the name may have spaces.
            let parent = state.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()?;
            (parent == first).then_some(process)
        });
        [first].into_iter().chain(children).collect()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        signal("KILL", &self.processes());
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Whom the server runs as, who then owns its directory: PostgreSQL refuses to be root.
fn account(directory: &Path) -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let number = |flag, name| {
        let asked = Command::new("id").args([flag, name]).output().unwrap();
        String::from_utf8(asked.stdout).unwrap().trim().parse::<u32>().ok()
    };
    let (uid, gid) = ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| number("-u", name).zip(number("-g", name)))
        .expect("a user who may run PostgreSQL");
    chown(directory, Some(uid), Some(gid)).unwrap();
    Some((uid, gid))
}

/// A port that nobody listens on. It lies below those that the system gives to outgoing connections, one of which
/// could else have it by the time that a server is started again.
pub(crate) fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id() * 131;
    let ports = std::iter::repeat_with(|| {
        let number = (first + TRIED.fetch_add(1, Ordering::Relaxed)) % 12_000;
        20_000 + u16::try_from(number).unwrap()
    });
    let mut free = ports.take(12_000).filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.next().expect("a free port")
}

fn run(mut command: Command) {
    let done = tokio::task::block_in_place(|| command.status()).unwrap();
    assert!(done.success(), "{command:?}: {done}");
}

/// A process that is already gone is no error.
fn signal(name: &str, processes: &[u32]) {
    if !processes.is_empty() {
        let processes = processes.iter().map(ToString::to_string);
        let _ = Command::new("kill").arg(format!("-{name}")).args(processes).stderr(Stdio::null()).status();
    }
}

/// How many connections to a database wait for a lock, as another connection to it sees it.
pub(crate) async fn waiting_for_locks(other: &mut PgConnection) -> i64 {
    // In a transaction the view shows for ever what it showed first.
    other.execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    sqlx::query_scalar(waits).fetch_one(other).await.unwrap()
}
