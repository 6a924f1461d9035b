//! Databases with many users, made by SQL: the API is not what is measured here.

use std::path::Path;
use std::process::Command;

use crate::postgres::Server as Postgres;
use crate::shell::{self, Failure, say};

/// One text for both engines: `numbers(i)` is what each of them counts with. 2026-01-01 in microseconds.
const INSERT: &str = "INSERT INTO users (name, name_key, email, email_key, profile, version, created_at, updated_at, active) \
     SELECT 'user' || i, 'user' || i, 'user' || i || '@example.org', 'user' || i || '@example.org', \
     '{}', 1, 1767225600000000 + i, 1767225600000000 + i, TRUE FROM numbers";

/// `sys.argv` is the file and the statement.
const SQLITE_SCRIPT: &str = "import sqlite3, sys\n\
     with sqlite3.connect(sys.argv[1]) as database:\n    database.execute(sys.argv[2])\n\
     database.close()\n";

/// Makes a SQLite file with this many users; returns its URL.
pub(super) fn sqlite(program: &Path, file: &Path, users: u64) -> Result<String, Failure> {
    let url = format!("sqlite:{}", file.display());
    migrate(program, &url, users)?;
    let numbers = format!(
        "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {users}) {INSERT}"
    );
    shell::run(Command::new("python3").args(["-c", SQLITE_SCRIPT]).arg(file).arg(numbers))?;
    Ok(url)
}

/// Makes a PostgreSQL database with this many users; returns its URL.
pub(super) fn postgres(
    program: &Path,
    bin: &Path,
    server: &Postgres,
    name: &str,
    users: u64,
) -> Result<String, Failure> {
    let psql = |database: &str, statement: &str| {
        let mut command = Command::new(bin.join("psql"));
        command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.url(database), "-c", statement]);
        shell::run(&mut command)
    };
    psql("postgres", &format!("CREATE DATABASE {name}"))?;
    let url = server.url(name);
    migrate(program, &url, users)?;
    psql(name, &format!("WITH numbers AS (SELECT i FROM generate_series(1, {users}) AS i) {INSERT}"))?;
    // As autovacuum would leave them a little later.
    psql(name, "VACUUM ANALYZE users")?;
    Ok(url)
}

fn migrate(program: &Path, url: &str, users: u64) -> Result<(), Failure> {
    say(&format!("{users} users into {url}"));
    let mut command = Command::new(program);
    command.args(["migrate", "--database-url", url]);
    shell::without_settings(&mut command);
    shell::run(&mut command)
}
