//! TLS on the public port: the program itself, with certificates of an authority of the test's own.

mod refusing;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, Version, tls};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::asking::metric;
use crate::certificates::{Authority, Issued, shown};
use crate::support::{ADMIN, Database, Engine, Program, client, credentials, eventually};

/// Twice as often as the files are looked at, and what the machine may add.
const RELOADED: Duration = Duration::from_secs(10);

/// A directory as Kubernetes mounts a Secret: the names lead through one link, which is replaced.
struct Files(TempDir);

impl Files {
    fn new(first: &Issued) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.put("first", &first.certificate, &first.key);
        symlink("..data/tls.crt", files.certificate()).unwrap();
        symlink("..data/tls.key", files.key()).unwrap();
        files
    }

    fn certificate(&self) -> PathBuf {
        self.0.path().join("tls.crt")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("tls.key")
    }

    /// Replaces both files at once.
    fn put(&self, version: &str, certificate: &str, key: &str) {
        let version = self.0.path().join(format!("..{version}"));
        fs::create_dir(&version).unwrap();
        fs::write(version.join("tls.crt"), certificate).unwrap();
        fs::write(version.join("tls.key"), key).unwrap();
        let next = self.0.path().join("..next");
        symlink(&version, &next).unwrap();
        fs::rename(next, self.0.path().join("..data")).unwrap();
    }

    /// The settings that name them.
    fn arguments(&self) -> [String; 4] {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        ["--tls-cert".to_owned(), text(&self.certificate()), "--tls-key".to_owned(), text(&self.key())]
    }
}

struct Scene {
    authority: Authority,
    files: Files,
    program: Program,
    /// `127.0.0.1:PORT`
    address: String,
    _database: Database,
}

impl Scene {
    async fn new(first: &str, more: &[&str]) -> Self {
        let authority = Authority::new();
        let issued = authority.issue(first, 2090);
        Self::of(authority, &issued, more).await
    }

    async fn of(authority: Authority, issued: &Issued, more: &[&str]) -> Self {
        let files = Files::new(issued);
        let database = Database::create(Engine::Sqlite).await;
        let arguments = files.arguments();
        let mut all: Vec<&str> = arguments.iter().map(String::as_str).collect();
        all.extend(["--shutdown-seconds", "5"]);
        all.extend(more);
        let program = Program::serve(&database.url, &all).await;
        let address = program.url.strip_prefix("http://").unwrap().to_owned();
        Self { authority, files, program, address, _database: database }
    }

    fn client(&self, version: tls::Version) -> Client {
        let root = Certificate::from_pem(self.authority.pem().as_bytes()).unwrap();
        let builder =
            Client::builder().no_proxy().default_headers(credentials(Some(ADMIN))).tls_certs_only([root]);
        builder.tls_version_min(version).tls_version_max(version).build().unwrap()
    }

    /// `https://localhost:PORT` with this path.
    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address.replace("127.0.0.1", "localhost"))
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        self.authority.connect(&self.address).await.unwrap()
    }

    async fn metric(&self, name: &str) -> f64 {
        metric(&self.program.ops, name).await.unwrap()
    }

    /// Ends the program; gives its log.
    async fn end(mut self) -> Vec<Value> {
        let log = self.program.drain_log();
        self.program.signal("TERM");
        assert_eq!(self.program.child.wait().await.unwrap().code(), Some(0));
        log.await.unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A request without a body on a connection that stays open; gives the status line.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream
        .write_all(
            format!("GET /users HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN}\r\n\r\n")
                .as_bytes(),
        )
        .await
        .unwrap();
    let mut answer = Vec::new();
    // The directory has no users.
    while !answer.ends_with(b"\r\n\r\n[]") {
        answer.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(answer).unwrap().lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn clients_that_trust_the_authority_are_served_by_both_versions() {
    let scene = Scene::new("localhost", &["--drain-seconds", "0"]).await;
    for version in [tls::Version::TLS_1_2, tls::Version::TLS_1_3] {
        let client = scene.client(version);
        let made = client.post(scene.url("/users")).json(&json!({ "name": format!("{version:?}") }));
        assert_eq!(made.send().await.unwrap().status(), 201);
        let list = client.get(scene.url("/users")).send().await.unwrap();
        assert_eq!((list.status().as_u16(), list.version()), (200, Version::HTTP_11));
    }
    let stranger = Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(scene.url("/users")).send().await.unwrap_err().is_connect());
    let left = scene.metric("roster_tls_certificate_expires_seconds").await;
    assert!((60.0..70.0).contains(&(left / 31_557_600.0)), "{left} s are some sixty years");
    assert!(scene.metric("roster_tls_handshake_errors_total").await >= 1.0, "the stranger");
    assert!(scene.metric("roster_tls_reloads_total").await < 0.5);
    scene.end().await;
}

#[tokio::test]
async fn old_versions_plain_http_and_other_protocols_are_refused() {
    let scene = Scene::new("localhost", &["--drain-seconds", "0"]).await;
    // A ClientHello of TLS 1.1 (RFC 4346, section 7.4.1.2) with one cipher suite and one kind of signatures.
    let mut hello = vec![22, 3, 1, 0, 55, 1, 0, 0, 51, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    let mut old = TcpStream::connect(&scene.address).await.unwrap();
    old.write_all(&hello).await.unwrap();
    let mut alert = [0; 7];
    old.read_exact(&mut alert).await.unwrap();
    // A fatal alert: protocol_version.
    assert_eq!((alert[0], &alert[5..]), (21, &[2, 70][..]), "{alert:?}");
    let plain = client().get(format!("http://{}/users", scene.address)).send().await;
    assert!(plain.is_err(), "{plain:?}");
    let mut noise = TcpStream::connect(&scene.address).await.unwrap();
    noise.write_all(&[0; 100]).await.unwrap();
    let _ = noise.read_to_end(&mut Vec::new()).await;
    assert!(scene.metric("roster_tls_handshake_errors_total").await >= 3.0);
    assert_eq!(ask(&mut scene.connect().await).await, "HTTP/1.1 200 OK");
    // The ops port is as it was.
    assert_eq!(client().get(format!("{}/livez", scene.program.ops)).send().await.unwrap().status(), 200);
    scene.end().await;
}

#[tokio::test]
async fn other_files_are_taken_while_it_serves_and_bad_ones_are_not() {
    let authority = Authority::new();
    let [first, second, third] = [2090, 2080, 2070].map(|year| authority.issue("localhost", year));
    let scene = Scene::of(authority, &first, &["--drain-seconds", "0"]).await;
    let mut kept = scene.connect().await;
    assert_eq!((ask(&mut kept).await.as_str(), shown(&kept)), ("HTTP/1.1 200 OK", first.der()));
    let left = scene.metric("roster_tls_certificate_expires_seconds").await;

    scene.files.put("second", &second.certificate, &second.key);
    eventually(RELOADED, "the second", async || shown(&scene.connect().await) == second.der()).await;
    assert_eq!(ask(&mut kept).await, "HTTP/1.1 200 OK");
    assert!(scene.metric("roster_tls_certificate_expires_seconds").await < left - 3e8);

    let half = &third.certificate[..third.certificate.len() / 2];
    for (name, certificate, key) in [
        ("mixed", third.certificate.as_str(), second.key.as_str()),
        ("half", half, &third.key),
        ("none", "", ""),
    ] {
        let before = scene.metric("roster_tls_reload_errors_total").await;
        scene.files.put(name, certificate, key);
        eventually(RELOADED, name, async || scene.metric("roster_tls_reload_errors_total").await > before)
            .await;
        assert_eq!(shown(&scene.connect().await), second.der(), "{name}");
    }
    fs::remove_file(scene.files.key()).unwrap();
    eventually(RELOADED, "gone", async || scene.metric("roster_tls_reload_errors_total").await > 3.0).await;
    symlink("..data/tls.key", scene.files.key()).unwrap();
    scene.files.put("third", &third.certificate, &third.key);
    eventually(RELOADED, "the third", async || shown(&scene.connect().await) == third.der()).await;
    assert_eq!(ask(&mut kept).await, "HTTP/1.1 200 OK");

    let log = scene.end().await;
    let told = |message: &str| log.iter().filter(|line| line["message"] == message).collect::<Vec<_>>();
    let [reloaded, refused] =
        ["TLS certificate reloaded", "TLS certificate not reloaded, the one before stays in use"];
    let ends: Vec<&Value> = told(reloaded).iter().map(|line| &line["not_after"]).collect();
    assert_eq!(ends, ["2080-12-31T00:00:00Z", "2070-12-31T00:00:00Z"]);
    let problems = told(refused).iter().map(|line| line["problem"].to_string()).collect::<Vec<_>>();
    let causes =
        ["is not that of the certificate", "damaged PEM", "has no certificate in PEM", "No such file"];
    assert_eq!(problems.len(), causes.len(), "{problems:?}");
    for (problem, cause) in problems.iter().zip(causes) {
        assert!(problem.contains(cause), "{problem}");
    }
    assert_keyless(&log.iter().map(Value::to_string).collect::<String>(), &[&first, &second, &third]);
}

#[tokio::test]
async fn the_end_waits_for_a_request_within_tls() {
    let mut scene = Scene::new("localhost", &["--drain-seconds", "0"]).await;
    let log = scene.program.drain_log();
    let mut under_way = scene.connect().await;
    under_way
        .write_all(format!("POST /users HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN}\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{{\"name\"").as_bytes())
        .await
        .unwrap();
    let mut idle = scene.connect().await;
    ask(&mut idle).await;
    scene.program.signal("TERM");
    // Orderly, with the alert close_notify: a connection that is cut is an error here.
    assert_eq!(idle.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    assert!(TcpStream::connect(&scene.address).await.is_err(), "nobody new is let in");
    under_way.write_all(b":\"Ana\"}").await.unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(scene.program.child.wait().await.unwrap().code(), Some(0));
    let lines = log.await.unwrap();
    assert!(lines.last().unwrap().contains("\"connections_cut\":0"), "{lines:?}");
}

fn assert_keyless(text: &str, issued: &[&Issued]) {
    for key in issued.iter().flat_map(|issued| issued.key.lines().filter(|line| !line.starts_with("--"))) {
        assert!(!text.contains(key), "{text}");
    }
}
