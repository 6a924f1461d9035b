//! The database goes away and comes back.

use std::time::Duration;

use super::site::{Site, TOKEN};
use crate::shell::{eventually, run};

fn status(site: &Site, path: &str, body: Option<&str>) -> String {
    let header = format!("@{}", site.path("header"));
    let url = format!("http://{}{path}", site.address("web", 8080));
    let mut arguments =
        vec!["--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--header", &header];
    if let Some(body) = body {
        arguments.extend(["--json", body]);
    }
    arguments.push(&url);
    run("curl", &arguments)
}

#[test]
fn a_database_that_was_killed_and_started_is_used_again() {
    let site = Site::with_postgres();
    site.mount("header", &format!("Authorization: Bearer {TOKEN}\n"));
    site.serve("web", &site.database("roster"), &["--publish", "127.0.0.1::8080"]);
    let before = site.inspect("web")["State"].clone();
    assert_eq!(status(&site, "/users", Some(r#"{"name":"before"}"#)), "201");

    run("docker", &["kill", &site.named("db")]);
    let noticed = eventually(Duration::from_secs(20), "it is unready", || !site.ready("web"));
    assert_eq!(status(&site, "/users", Some(r#"{"name":"during"}"#)), "503");
    run("docker", &["start", &site.named("db")]);
    let back = site.until_ready("web");
    assert_eq!(status(&site, "/users", Some(r#"{"name":"after"}"#)), "201");
    assert_eq!(site.sql("roster", "SELECT name FROM users ORDER BY id"), "before\nafter");

    let after = site.inspect("web")["State"].clone();
    assert_eq!((&before["Pid"], &before["StartedAt"]), (&after["Pid"], &after["StartedAt"]));
    println!("unready {noticed:.1?} after the database was killed, ready {back:.1?} after it was started");
}
