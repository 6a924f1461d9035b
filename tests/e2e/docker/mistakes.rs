//! A container that cannot work says why, in one line, and ends.

use std::time::Duration;

use super::site::{PASSWORD, Site};
use crate::shell::{eventually, outcome, told};

fn refused(site: &Site, name: &str, options: &[String], arguments: &[&str], words: &[&str]) {
    let output = site.once(name, options, arguments);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(complaint.starts_with("error: ") && complaint.lines().count() == 1, "{}", told(&output));
    for word in words {
        assert!(complaint.contains(word), "{word} in {complaint}");
    }
    assert!(output.stdout.is_empty() && !complaint.contains(PASSWORD), "{}", told(&output));
}

#[test]
fn a_wrong_password_or_a_missing_secret_is_one_line() {
    let site = Site::with_postgres();
    let database = site.database("roster");
    site.done("migrate", &database, &["migrate"]);
    let wrong = site.mount("wrong", &format!("postgres://roster:not-{PASSWORD}@db/roster?sslmode=disable"));
    let secret = |variable: &str, file: &str| {
        vec![
            "--env".to_owned(),
            format!("{variable}=/run/secrets/{file}"),
            "--volume".to_owned(),
            wrong.clone(),
        ]
    };
    let wrong_password = secret("ROSTER_DATABASE_URL_FILE", "wrong");
    for (name, command) in [("wrong-serve", "serve"), ("wrong-migrate", "migrate")] {
        refused(&site, name, &wrong_password, &[command], &["password"]);
    }
    let missing = secret("ROSTER_DATABASE_URL_FILE", "none");
    refused(&site, "missing-url", &missing, &["serve"], &["ROSTER_DATABASE_URL_FILE", "/run/secrets/none"]);
    let token = [database.clone(), secret("ROSTER_BOOTSTRAP_TOKEN_FILE", "none")].concat();
    refused(&site, "missing-token", &token, &["serve"], &["/run/secrets/none"]);
    let unknown = [database, vec!["--env".to_owned(), "ROSTER_LISTN=x".to_owned()]].concat();
    refused(&site, "unknown", &unknown, &["serve"], &["ROSTER_LISTN"]);
}

#[test]
fn an_engine_that_starts_it_again_gets_the_line_again() {
    let site = Site::with_postgres();
    site.done("migrate", &site.database("roster"), &["migrate"]);
    let wrong = site.mount("wrong", &format!("postgres://roster:not-{PASSWORD}@db/roster?sslmode=disable"));
    let options = [
        "--detach",
        "--restart",
        "on-failure:2",
        "--volume",
        &wrong,
        "--env",
        "ROSTER_DATABASE_URL_FILE=/run/secrets/wrong",
    ];
    site.done("web", &options.map(str::to_owned), &["serve"]);
    eventually(Duration::from_secs(30), "it has been started three times", || {
        let container = site.inspect("web");
        container["RestartCount"] == 2 && container["State"]["Status"] == "exited"
    });
    assert_eq!(site.inspect("web")["State"]["ExitCode"], 2);
    let logs = outcome("docker", &["logs", &site.named("web")]);
    let lines = String::from_utf8_lossy(&logs.stderr).into_owned();
    assert_eq!(
        lines.lines().filter(|line| line.starts_with("error: ") && line.contains("password")).count(),
        3,
        "{lines}"
    );
    assert_eq!(lines.lines().count(), 3, "{lines}");
}
