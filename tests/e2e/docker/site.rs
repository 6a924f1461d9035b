//! A network of its own, and what stands in it.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::shell::{command, eventually, outcome, run, told};

/// The image that all of these tests are about.
pub(super) const IMAGE: &str = "roster:dev";
/// The database's password.
pub(super) const PASSWORD: &str = "a-password-of-the-tests";
/// The first token.
pub(super) const TOKEN: &str = "first-token-of-the-containers-0123456789";
/// What a container of the image does without.
pub(super) const SAFE: [&str; 5] =
    ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

/// Goes away with all that it has, whatever becomes of the test.
pub(super) struct Site {
    name: String,
    directory: TempDir,
}

impl Site {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // With an end, so that none begins with another's name.
        let name = format!("roster-e2e-{}-{}x", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let site = Self { name, directory: tempfile::tempdir().unwrap() };
        run("docker", &["network", "create", &site.name]);
        site
    }

    /// A PostgreSQL with a volume. Nobody waits until it answers: Roster does that by itself.
    pub(super) fn with_postgres() -> Self {
        let site = Self::new();
        let volume = format!("{}:/var/lib/postgresql/data", site.volume());
        let password = site.mount("password", PASSWORD);
        site.run_detached(
            "db",
            &[
                "--volume",
                &volume,
                "--volume",
                &password,
                "--env",
                "POSTGRES_USER=roster",
                "--env",
                "POSTGRES_PASSWORD_FILE=/run/secrets/password",
            ],
            &["postgres:17"],
        );
        site
    }

    /// A name that belongs to this site, of a container or another object.
    pub(super) fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// The one volume.
    pub(super) fn volume(&self) -> &str {
        &self.name
    }

    /// A file with some content, as a volume at `/run/secrets/NAME`.
    pub(super) fn mount(&self, name: &str, content: &str) -> String {
        let path = self.directory.path().join(name);
        if std::fs::read(&path).is_ok_and(|old| old == content.as_bytes()) {
            return format!("{}:/run/secrets/{name}:ro", path.display());
        }
        std::fs::write(&path, content).unwrap();
        // The directory is closed; within their containers, the files are for other users.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
        format!("{}:/run/secrets/{name}:ro", path.display())
    }

    /// Where on this machine a mounted file is.
    pub(super) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Options with which the program uses a database of the site's PostgreSQL.
    pub(super) fn database(&self, name: &str) -> Vec<String> {
        let file = format!("database-url-{name}");
        let url = format!("postgres://roster:{PASSWORD}@db:5432/{name}?sslmode=disable");
        vec![
            "--volume".to_owned(),
            self.mount(&file, &url),
            "--env".to_owned(),
            format!("ROSTER_DATABASE_URL_FILE=/run/secrets/{file}"),
            "--env".to_owned(),
            "ROSTER_DATABASE_WAIT=60s".to_owned(),
        ]
    }

    /// Starts any container in the network, known there by `name`.
    pub(super) fn run_detached(&self, name: &str, options: &[&str], image: &[&str]) {
        let own = self.named(name);
        let mut all =
            vec!["run", "--detach", "--name", &own, "--network", &self.name, "--network-alias", name];
        all.extend(options.iter().chain(image));
        run("docker", &all);
    }

    /// `docker run` of the program with all that [`SAFE`] takes away, known in the network by `name`.
    pub(super) fn program(&self, name: &str, options: &[String], arguments: &[&str]) -> Command {
        let mut run = command("docker", &["run", "--name", &self.named(name), "--network", &self.name]);
        run.args(["--network-alias", name]).args(SAFE).args(options).arg(IMAGE).args(arguments);
        run
    }

    /// Runs the program to its end.
    pub(super) fn once(&self, name: &str, options: &[String], arguments: &[&str]) -> Output {
        self.program(name, options, arguments).output().unwrap()
    }

    /// Runs the program to its end, which has to be a good one; returns its stdout.
    pub(super) fn done(&self, name: &str, options: &[String], arguments: &[&str]) -> String {
        let output = self.once(name, options, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts `roster serve` on a database with the first token; returns when it is ready.
    pub(super) fn serve(&self, name: &str, database: &[String], more: &[&str]) {
        let token = self.mount("first-token", TOKEN);
        let own =
            ["--detach", "--volume", &token, "--env", "ROSTER_BOOTSTRAP_TOKEN_FILE=/run/secrets/first-token"];
        let options: Vec<String> =
            own.iter().chain(more).map(ToString::to_string).chain(database.to_vec()).collect();
        self.done(name, &options, &["serve"]);
        self.until_ready(name);
    }

    pub(super) fn until_ready(&self, name: &str) -> Duration {
        eventually(Duration::from_mins(1), &format!("{name} is ready"), || self.ready(name))
    }

    /// What the health check of the image asks.
    pub(super) fn ready(&self, name: &str) -> bool {
        outcome("docker", &["exec", &self.named(name), "/roster", "health"]).status.success()
    }

    /// The address on this machine of a port that was published as `127.0.0.1::PORT`.
    pub(super) fn address(&self, name: &str, port: u16) -> String {
        run("docker", &["port", &self.named(name), &port.to_string()])
    }

    /// What the engine knows of a container.
    pub(super) fn inspect(&self, name: &str) -> Value {
        let all: Value = serde_json::from_str(&run("docker", &["inspect", &self.named(name)])).unwrap();
        all[0].clone()
    }

    /// What a container has changed in its file system, save the places where files are mounted.
    pub(super) fn changes(&self, name: &str) -> Vec<String> {
        let all = run("docker", &["diff", &self.named(name)]);
        all.lines().filter(|line| !line[2..].starts_with("/run")).map(str::to_owned).collect()
    }

    /// Rows of a statement in a database of the site's PostgreSQL, one a line.
    pub(super) fn sql(&self, database: &str, statement: &str) -> String {
        run("docker", &["exec", &self.named("db"), "psql", "-U", "roster", "-d", database, "-Atc", statement])
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let prefix = format!("name={}", self.name);
        let remove = |list: &[&str], remove: &[&str]| {
            let found = outcome("docker", &[list, &["--quiet", "--filter", &prefix]].concat()).stdout;
            let found = String::from_utf8_lossy(&found).into_owned();
            let ids: Vec<&str> = found.split_whitespace().collect();
            if !ids.is_empty() {
                outcome("docker", &[remove, &ids].concat());
            }
        };
        remove(&["ps", "--all"], &["rm", "--force", "--volumes"]);
        remove(&["volume", "ls"], &["volume", "rm", "--force"]);
        remove(&["network", "ls"], &["network", "rm"]);
    }
}
