//! A container is stopped while clients create users over connections that they keep.

use std::collections::BTreeSet;
use std::time::Duration;

use super::relay::{Backend, Relay};
use super::site::{Site, TOKEN};
use crate::load::Load;
use crate::shell::run;

const SERVERS: [&str; 2] = ["web-a", "web-b"];

fn backend(site: &Site, name: &str) -> Backend {
    Backend { api: site.address(name, 8080), ops: site.address(name, 9090) }
}

#[test]
fn a_server_that_is_replaced_beside_another_loses_nothing() {
    // Builds the client, so that it starts at once.
    run(env!("CARGO"), &["xtask", "help"]);
    let site = Site::with_postgres();
    let database = site.database("roster");
    for name in SERVERS {
        let ports = ["--publish", "127.0.0.1::8080", "--publish", "127.0.0.1::9090"];
        site.serve(name, &database, &[&ports[..], &["--stop-timeout", "30"]].concat());
    }
    let relay = Relay::start(&SERVERS.map(|name| backend(&site, name)));
    site.mount("token", TOKEN);
    let token = site.path("token");
    let url = format!("http://{}", relay.address);
    let load = Load::start(&url, "stop", 30, &["--clients", "16", "--think", "200", "--token-file", &token]);
    for (place, name) in SERVERS.into_iter().enumerate() {
        std::thread::sleep(Duration::from_secs(2));
        run("docker", &["stop", &site.named(name)]);
        let state = site.inspect(name)["State"].clone();
        assert_eq!(state["ExitCode"], 0, "{name}: {state}");
        run("docker", &["start", &site.named(name)]);
        site.until_ready(name);
        relay.replace(place, backend(&site, name));
    }
    let seen = load.end();
    let some: Vec<_> = seen.failures.iter().take(5).collect();
    assert!(some.is_empty(), "{} failed, until {:?} s: {some:#?}", seen.failures.len(), seen.last_failure);
    let all = site.sql("roster", "SELECT name FROM users");
    let names: BTreeSet<String> = all.lines().map(str::to_owned).collect();
    let lost: Vec<_> = seen.acknowledged.difference(&names).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    // Nothing was done that nobody was told of, either.
    assert!(names.len() as u64 == seen.ok && seen.ok > 500, "{} users of {}", names.len(), seen.ok);
    println!(
        "{} users created while two servers were replaced: 0 failed, 0 lost, p99 {} ms",
        seen.ok, seen.p99_ms
    );
}
