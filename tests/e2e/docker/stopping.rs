//! A container is stopped while clients create users over connections that they keep.

use std::collections::BTreeSet;
use std::time::Duration;

use super::site::{Site, TOKEN};
use crate::load::Load;
use crate::shell::{command, eventually, outcome, root, run};

/// Two servers behind nginx. Connections to them are kept for less time than a server goes on serving after SIGTERM.
const PROXY: &str = "
worker_processes 1;
events {}
http {
  access_log off;
  upstream roster {
    server web-a:8080;
    server web-b:8080;
    keepalive 16;
    keepalive_timeout 2s;
  }
  server {
    listen 8080;
    location / {
      proxy_pass http://roster;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Connection \"\";
    }
  }
}
";

fn proxy(site: &Site) -> String {
    let mounted = site.mount("nginx.conf", PROXY).replace("/run/secrets/", "/etc/nginx/");
    site.run_detached("proxy", &["--volume", &mounted, "--publish", "127.0.0.1::8080"], &["nginx:stable"]);
    let address = format!("http://{}", site.address("proxy", 8080));
    eventually(Duration::from_secs(20), "the proxy answers", || {
        outcome("curl", &["--silent", "--fail", "--output", "/dev/null", &format!("{address}/openapi.json")])
            .status
            .success()
    });
    address
}

/// Has the load client built, so that it starts at once.
fn build_the_client() {
    assert!(
        command(env!("CARGO"), &["xtask", "help"]).current_dir(root()).output().unwrap().status.success()
    );
}

#[test]
fn a_replica_that_is_stopped_and_started_loses_nothing() {
    build_the_client();
    let site = Site::with_postgres();
    let database = site.database("roster");
    for name in ["web-a", "web-b"] {
        site.serve(name, &database, &["--stop-timeout", "30"]);
    }
    let address = proxy(&site);
    site.mount("token", TOKEN);
    let token = site.path("token");
    let load =
        Load::start(&address, "stop", 30, &["--clients", "16", "--think", "20", "--token-file", &token]);
    for name in ["web-a", "web-b"] {
        std::thread::sleep(Duration::from_secs(2));
        run("docker", &["stop", &site.named(name)]);
        let container = site.inspect(name);
        assert_eq!(container["State"]["ExitCode"], 0, "{name}: {}", container["State"]);
        run("docker", &["start", &site.named(name)]);
        site.until_ready(name);
        // It is in the proxy's turns again after fail_timeout, 10 s.
        std::thread::sleep(Duration::from_secs(if name == "web-a" { 2 } else { 0 }));
    }
    let seen = load.end();
    assert!(seen.failures.is_empty(), "{} failed: {:#?}", seen.failures.len(), seen.failures);
    assert!(seen.ok > 100, "{}", seen.ok);
    let names: BTreeSet<String> =
        site.sql("roster", "SELECT name FROM users").lines().map(str::to_owned).collect();
    let lost: Vec<_> = seen.acknowledged.difference(&names).collect();
    assert!(lost.is_empty() && seen.acknowledged.len() as u64 == seen.ok, "lost: {lost:?}");
    println!(
        "{} users created while two servers were replaced, 0 failed, 0 lost, p99 {} ms",
        seen.ok, seen.p99_ms
    );
}
