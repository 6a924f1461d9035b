//! The connection to PostgreSQL by TLS: who is believed, and that nothing goes in the clear unasked.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::certificates::Authority;
use crate::commands::{Ended, call};
use crate::postgres_server::{PASSWORD, PostgresServer};
use crate::support::{Program, client};

struct Scene {
    authority: Authority,
    server: PostgresServer,
    directory: TempDir,
}

impl Scene {
    /// A server whose certificate is for this name.
    fn new(name: &str) -> Self {
        let authority = Authority::new();
        let server = PostgresServer::with_tls(&authority.issue(name, 2090), &authority.pem());
        let scene = Self { authority, server, directory: tempfile::tempdir().unwrap() };
        scene.file("ca.crt", &scene.authority.pem());
        scene.file("other.crt", &Authority::new().pem());
        scene
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The URL of its database by the name `localhost`, with these parameters; `CA` and `OTHER` stand for the two files.
    fn url(&self, parameters: &str) -> String {
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        let parameters = parameters.replace("CA", &path("ca.crt")).replace("OTHER", &path("other.crt"));
        format!("{}?{parameters}", self.server.url_by_name("postgres"))
    }
}

/// Asserts that it was said in one line, at once, and without the password.
fn assert_refused(ended: &Ended, cause: &str) {
    ended.assert_refused(cause);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains(PASSWORD), "{ended:?}");
    assert_eq!(ended.code, 2, "{ended:?}");
}

async fn migrate(url: &str) -> Ended {
    let start = Instant::now();
    // By the variable, as a person should.
    let ended = call(&["migrate", "--database-wait", "20s"], &[("ROSTER_DATABASE_URL", url)]).await;
    assert!(start.elapsed() < Duration::from_secs(10), "it is not waited for: {:?}", start.elapsed());
    ended
}

/// How the connections named `roster` are encrypted, as the server sees it.
async fn seen(admin: &mut PgConnection) -> Vec<Option<String>> {
    let query =
        "SELECT version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'roster'";
    sqlx::query_scalar(query).fetch_all(admin).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_shows_the_right_certificate_is_served_from() {
    let scene = Scene::new("localhost");
    let mut admin = PgConnection::connect(&scene.url("sslmode=require")).await.unwrap();
    for parameters in ["sslmode=verify-full&sslrootcert=CA", "sslrootcert=CA", "sslmode=require"] {
        let url = scene.url(parameters);
        let mut program = Program::serve(&url, &["--drain-seconds", "0", "--log", "debug"]).await;
        let log = program.drain_log();
        let users = client().get(format!("{}/users", program.url)).send().await.unwrap();
        assert_eq!(users.status(), 200, "{parameters}");
        let versions = seen(&mut admin).await;
        assert!(
            !versions.is_empty() && versions.iter().all(|version| version.as_deref() == Some("TLSv1.3")),
            "{versions:?}"
        );
        program.signal("TERM");
        assert_eq!(program.child.wait().await.unwrap().code(), Some(0));
        assert!(!log.await.unwrap().concat().contains(PASSWORD));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_shows_another_certificate_is_not_spoken_to() {
    const UNKNOWN: &str =
        "TLS: the server's certificate is from an authority that is not trusted; sslrootcert names one";
    let scene = Scene::new("localhost");
    for (parameters, cause) in [
        ("sslmode=verify-full&sslrootcert=OTHER", UNKNOWN),
        // Only authorities that the whole world trusts.
        ("sslmode=verify-full", UNKNOWN),
        ("sslmode=disable", "no encryption"),
        // Here it is a server on this machine.
        ("", "no encryption"),
        ("sslmode=prefer", "without a word"),
        ("sslmode=verify-ca&sslrootcert=CA", "would let any server pass"),
        (
            "sslmode=verify-full&sslrootcert=/nowhere/ca.crt",
            "sslrootcert: the file \"/nowhere/ca.crt\": No such file",
        ),
        ("sslmode=sometimes", "none of disable, require and verify-full"),
    ] {
        assert_refused(&migrate(&scene.url(parameters)).await, cause);
    }
    let by_address = scene.url("sslmode=verify-full&sslrootcert=CA").replace("localhost", "127.0.0.1");
    let not_for_it = "TLS: the server's certificate is not for the host name in the URL";
    assert_refused(&migrate(&by_address).await, not_for_it);
    let serve =
        ["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--database-url", &by_address];
    assert_refused(&call(&serve, &[]).await, not_for_it);
    assert_refused(&call(&["copy", &by_address, "sqlite:copy.db"], &[]).await, not_for_it);
    let good = scene.url("sslmode=verify-full&sslrootcert=CA");
    assert_eq!(migrate(&good).await.code, 0);
    let wrong_password = good.replace(PASSWORD, "correct-battery");
    assert_refused(&migrate(&wrong_password).await, "password authentication failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_has_expired_is_said_to_have() {
    let authority = Authority::new();
    let server = PostgresServer::with_tls(&authority.issue("localhost", 2021), &authority.pem());
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.crt");
    fs::write(&ca, authority.pem()).unwrap();
    let url = format!("{}?sslrootcert={}", server.url_by_name("postgres"), ca.display());
    assert_refused(&migrate(&url).await, "TLS: the server's certificate has expired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_gets_nothing() {
    let server = PostgresServer::with_passwords();
    for mode in ["require", "verify-full"] {
        let url = format!("{}?sslmode={mode}", server.url_by_name("postgres"));
        let cause =
            "TLS: the server has none, and nothing is sent in the clear unless sslmode=disable says so";
        assert_refused(&migrate(&url).await, cause);
    }
    assert_eq!(migrate(&format!("{}?sslmode=disable", server.url("postgres"))).await.code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_certificate_does_instead_of_a_password_and_data_goes_through() {
    let scene = Scene::new("localhost");
    let mut admin = PgConnection::connect(&scene.url("sslmode=require")).await.unwrap();
    admin.execute("CREATE ROLE certified SUPERUSER LOGIN").await.unwrap();
    let own = scene.authority.issue("certified", 2090);
    let (certificate, key) = (scene.file("own.crt", &own.certificate), scene.file("own.key", &own.key));
    let url = scene.url("sslrootcert=CA").replace(&format!("postgres:{PASSWORD}@"), "certified@");
    assert_refused(&migrate(&url).await, "certificate");
    let shown = |key: &Path| format!("{url}&sslcert={}&sslkey={}", certificate.display(), key.display());
    let url = shown(&key);
    assert_eq!(migrate(&url).await.code, 0);
    let users = scene.file("users.csv", "name,email\nAna,ana@example.com\n");
    let variables = [("ROSTER_DATABASE_URL", url.as_str())];
    let imported = call(&["import", users.to_str().unwrap()], &variables).await;
    assert_eq!(imported.code, 0, "{imported:?}");
    let exported = call(&["export", "--format", "ndjson"], &variables).await;
    assert!(exported.stdout.contains("ana@example.com"), "{exported:?}");
    let target = scene.directory.path().join("copy.db");
    let source = scene.file("url", &url);
    let copied =
        call(&["copy", &format!("@{}", source.display()), &format!("sqlite:{}", target.display())], &[])
            .await;
    assert_eq!(copied.code, 0, "{copied:?}");
    let foreign = scene.file("foreign.key", &scene.authority.issue("certified", 2090).key);
    assert_refused(&migrate(&shown(&foreign)).await, "TLS: ");
}
