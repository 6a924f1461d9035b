//! An import is killed in the middle.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use super::site::Site;
use crate::shell::{eventually, run, told};

const ROWS: usize = 20_000;

fn rows(from: usize, to: usize) -> String {
    (from..to).fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "person-{row},person-{row}@example.com");
        text
    })
}

/// All that an import writes, save ids and times.
fn users(site: &Site, database: &str) -> String {
    site.sql(database, "SELECT name, email, active, external_id, profile, version FROM users ORDER BY name")
}

#[test]
fn an_import_that_was_killed_is_simply_run_again() {
    let site = Site::with_postgres();
    let database = site.database("roster");
    site.done("migrate", &database, &["migrate"]);
    site.sql("roster", "CREATE DATABASE undisturbed");
    let other = site.database("undisturbed");
    site.done("migrate-other", &other, &["migrate"]);
    let people = site.mount("people.csv", &format!("name,email\n{}", rows(0, ROWS)));
    let whole = |database: &[String]| [database, &["--volume".to_owned(), people.clone()]].concat();
    let file = "/run/secrets/people.csv";

    // The second half is never sent, so it cannot be done before it is killed.
    let mut import =
        site.program("import", &[&database[..], &["--interactive".to_owned()]].concat(), &["import", "-"]);
    let mut child =
        import.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(format!("name,email\n{}", rows(0, ROWS / 2)).as_bytes()).unwrap();
    input.flush().unwrap();
    let count = || site.sql("roster", "SELECT count(*) FROM users").parse::<usize>().unwrap();
    eventually(Duration::from_mins(1), "some of it is committed", || count() > 0);
    run("docker", &["kill", &site.named("import")]);
    let killed = child.wait_with_output().unwrap();
    assert_eq!(killed.status.code(), Some(137), "{}", told(&killed));
    let first = count();
    assert!(first > 0 && first < ROWS, "{first}");

    let again = site.done("again", &whole(&database), &["import", file]);
    assert!(
        again.starts_with(&format!(
            "rows: {ROWS}, created: {}, updated: 0, unchanged: {first}, refused: 0",
            ROWS - first
        )),
        "{again}"
    );
    site.done("undisturbed", &whole(&other), &["import", file]);
    assert!(users(&site, "roster") == users(&site, "undisturbed"), "they differ");
    let entries = "SELECT count(*), count(DISTINCT subject_id) FROM journal WHERE action = 'user.created'";
    for database in ["roster", "undisturbed"] {
        assert_eq!(site.sql(database, entries), format!("{ROWS}|{ROWS}"), "{database}");
    }
    println!("killed with {first} of {ROWS} rows committed; run again, it is as if nothing had been");
}
