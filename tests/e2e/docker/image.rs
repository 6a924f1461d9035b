//! What is in the image, and what a process of it may do.

use serde_json::{Value, json};

use super::site::{IMAGE, Site};
use crate::shell::{outcome, run, told};

/// Megabytes that the image may have.
const MOST: f64 = 15.0;

/// The engine puts these into every container.
const OF_THE_ENGINE: [&str; 11] = [
    ".dockerenv",
    "dev/",
    "dev/console",
    "dev/pts/",
    "dev/shm/",
    "etc/hostname",
    "etc/hosts",
    "etc/mtab",
    "etc/resolv.conf",
    "proc/",
    "sys/",
];

fn configuration() -> Value {
    let all: Value = serde_json::from_str(&run("docker", &["image", "inspect", IMAGE])).unwrap();
    all[0].clone()
}

#[test]
fn there_are_a_program_certificates_and_an_empty_directory() {
    let site = Site::new();
    let name = site.named("look");
    run("docker", &["create", "--name", &name, IMAGE]);
    let listed = run("sh", &["-c", &format!("docker export {name} | tar --list --verbose --numeric-owner")]);
    let mut found = Vec::new();
    for line in listed.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (mode, owner, path) = (fields[0], fields[1], fields[5]);
        if !OF_THE_ENGINE.contains(&path) {
            let others_write = mode.as_bytes()[5] == b'w' || mode.as_bytes()[8] == b'w';
            assert!(!others_write && fields.len() == 6, "{line}");
            found.push((path, owner));
        }
    }
    found.sort_unstable();
    let expected = [
        ("data/", "65532/65532"),
        ("etc/", "0/0"),
        ("etc/ssl/", "0/0"),
        ("etc/ssl/certs/", "0/0"),
        ("etc/ssl/certs/ca-certificates.crt", "0/0"),
        ("roster", "0/0"),
    ];
    assert_eq!(found, expected);
    let certificates = run("sh", &["-c", &format!("docker cp {name}:/etc/ssl/certs/ca-certificates.crt -")]);
    assert!(certificates.matches("-----BEGIN CERTIFICATE-----").count() > 50);
}

#[test]
fn it_is_small() {
    let bytes: f64 = run("docker", &["image", "inspect", "--format", "{{.Size}}", IMAGE]).parse().unwrap();
    println!("the image has {:.2} MB", bytes / 1e6);
    assert!(bytes <= MOST * 1e6, "{bytes}");
}

#[test]
fn its_configuration_is_what_the_documents_say() {
    let all = configuration();
    let config = &all["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], json!(["/roster"]));
    assert_eq!(config["Cmd"], json!(["serve"]));
    assert_eq!(config["WorkingDir"], "/data");
    assert_eq!(config["StopSignal"], "SIGTERM");
    assert_eq!(config["Healthcheck"]["Test"], json!(["CMD", "/roster", "health"]));
    assert!(config["Volumes"].is_null(), "{config}");
    let environment = config["Env"].to_string();
    for part in ["ROSTER_LISTEN=0.0.0.0:8080", "ROSTER_OPS_LISTEN=0.0.0.0:9090"] {
        assert!(environment.contains(part), "{part} in {environment}");
    }
    let label = |name: &str| {
        config["Labels"][format!("org.opencontainers.image.{name}")].as_str().unwrap().to_owned()
    };
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), "Apache-2.0");
    assert!(label("title") == "Roster" && label("description") == env!("CARGO_PKG_DESCRIPTION"));
    let version: Value =
        serde_json::from_str(&run("docker", &["run", "--rm", IMAGE, "version", "--json"])).unwrap();
    assert_eq!(
        (&version["version"], &version["commit"]),
        (&json!(label("version")), &json!(label("revision")))
    );
}

#[test]
fn the_process_is_nobody_and_writes_nowhere_but_to_its_data() {
    let site = Site::new();
    let volume = ["--volume".to_owned(), format!("{}:/data", site.volume())];
    site.serve("web", &volume, &["--publish", "127.0.0.1::8080"]);
    let process = site.inspect("web")["State"]["Pid"].to_string();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    for line in ["Uid:\t65532\t65532\t65532\t65532", "Gid:\t65532\t65532\t65532\t65532", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{line} in {status}");
    }
    assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
    assert!(site.changes("web").is_empty(), "{:?}", site.changes("web"));

    // Without --read-only, it is the file system's owners that keep it from writing.
    let migrate = |options: &[&str], directory: &str| {
        let url = format!("ROSTER_DATABASE_URL=sqlite:{directory}/x.db");
        outcome("docker", &[&["run", "--rm"], options, &["--env", &url, IMAGE, "migrate"]].concat())
    };
    for directory in ["", "/etc", "/etc/ssl/certs", "/dev", "/proc", "/sys"] {
        for options in [&[][..], &["--read-only"]] {
            let refused = migrate(options, directory);
            let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert_eq!(refused.status.code(), Some(2), "{directory}: {}", told(&refused));
            assert!(complaint.starts_with("error: ") && complaint.lines().count() == 1, "{complaint}");
        }
    }
    assert!(migrate(&[], "/data").status.success());
    assert_eq!(migrate(&["--read-only"], "/data").status.code(), Some(2));
}
