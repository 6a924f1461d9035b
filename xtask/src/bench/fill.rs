//! Databases with many users, made by SQL: the API is not what is measured here.

use std::path::Path;
use std::process::Command;

use crate::postgres::Server as Postgres;
use crate::shell::{self, Failure, say};

/// One text for both engines: `numbers(i)` is what each of them counts with. Every number has eight digits, so that
/// a prefix of seven of them is that of ten users whatever the size; times (from 2026-01-01 on, in microseconds) are
/// not in the order of ids.
const INSERT: &str = "INSERT INTO users (name, name_key, email, email_key, external_id, profile, version, created_at, \
     updated_at, active) SELECT 'user' || i, 'user' || i, 'u' || i || '@example.org', 'u' || i || '@example.org', \
     'x-' || i, '{}', 1, 1767225600000000 + i * 7919 % 1000003 * 1000000, 1767225600000000 + i, TRUE FROM numbers";
/// The number of the user with the id 0.
pub(super) const FIRST: u64 = 10_000_000;

/// The table that the v1 app makes, with the same users.
const V1: &str = "CREATE TABLE users (id serial PRIMARY KEY, name varchar(80) UNIQUE NOT NULL, email varchar(120) UNIQUE); \
     INSERT INTO users (name, email) SELECT 'user' || i, 'u' || i || '@example.org' FROM generate_series";

/// `sys.argv` is the file and the statement.
const SQLITE_SCRIPT: &str = "import sqlite3, sys\n\
     with sqlite3.connect(sys.argv[1]) as database:\n    database.execute(sys.argv[2])\n\
     database.close()\n";

/// Makes a SQLite file with this many users; returns its URL.
pub(super) fn sqlite(program: &Path, file: &Path, users: u64) -> Result<String, Failure> {
    let url = format!("sqlite:{}", file.display());
    migrate(program, &url, users)?;
    let (first, last) = (FIRST + 1, FIRST + users);
    let numbers = format!(
        "WITH RECURSIVE numbers(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM numbers WHERE i < {last}) {INSERT}"
    );
    shell::run(Command::new("python3").args(["-c", SQLITE_SCRIPT]).arg(file).arg(numbers))?;
    Ok(url)
}

/// Makes a PostgreSQL database with this many users; returns its URL.
pub(super) fn postgres(program: &Path, server: &Postgres, name: &str, users: u64) -> Result<String, Failure> {
    psql(server, "postgres", &format!("CREATE DATABASE {name}"))?;
    let url = server.url(name);
    migrate(program, &url, users)?;
    let (first, last) = (FIRST + 1, FIRST + users);
    psql(
        server,
        name,
        &format!("WITH numbers AS (SELECT i FROM generate_series({first}::bigint, {last}) AS i) {INSERT}"),
    )?;
    // As autovacuum would leave them a little later.
    psql(server, name, "VACUUM ANALYZE users")?;
    Ok(url)
}

/// Makes a PostgreSQL database for the v1 app with this many users; returns its URL.
pub(super) fn v1(server: &Postgres, name: &str, users: u64) -> Result<String, Failure> {
    psql(server, "postgres", &format!("CREATE DATABASE {name}"))?;
    let url = server.url(name);
    say(&format!("{users} users into {url}"));
    psql(server, name, &format!("{V1}({}, {}) AS i", FIRST + 1, FIRST + users))?;
    psql(server, name, "VACUUM ANALYZE users")?;
    Ok(url)
}

/// Runs a statement; it must succeed.
pub(super) fn psql(server: &Postgres, database: &str, statement: &str) -> Result<(), Failure> {
    let mut command = server.program("psql");
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.url(database), "-c", statement]);
    shell::run(&mut command)
}

fn migrate(program: &Path, url: &str, users: u64) -> Result<(), Failure> {
    say(&format!("{users} users into {url}"));
    let mut command = Command::new(program);
    command.args(["migrate", "--database-url", url]);
    shell::without_settings(&mut command);
    shell::run(&mut command)
}
