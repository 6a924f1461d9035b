//! The program as a client.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::commands::{Ended, call};
use crate::postgres_server::free_port;
use crate::support::{ADMIN, Engine, Server, program, token_file};

const LIST: &[&str] = &["users", "list"];

/// A server with one user.
async fn server() -> Server {
    let server = Server::start(Engine::Sqlite).await;
    server.create(&json!({ "name": "Ana" })).await;
    server
}

async fn timed(arguments: &[&str], variables: &[(&str, &str)]) -> (Ended, Duration) {
    let start = Instant::now();
    let ended = call(arguments, variables).await;
    (ended, start.elapsed())
}

pub(super) async fn output(name: &str) {
    let server = server().await;
    for (form, first) in [("csv", "id,"), ("ndjson", "{"), ("json", "[")] {
        let ended = call(LIST, &[("ROSTER_URL", &server.url), ("ROSTER_TOKEN", ADMIN), (name, form)]).await;
        assert!(ended.code == 0 && ended.stdout.starts_with(first), "{form}: {ended:?}");
    }
    server.stop().await;
}

pub(super) async fn url_and_token(url: &str, token: &str) {
    let server = server().await;
    let ended = call(LIST, &[(url, &server.url), (token, ADMIN)]).await;
    assert!(ended.code == 0 && ended.stdout.contains("Ana"), "{ended:?}");
    let ended = call(LIST, &[(url, &server.url), (token, "rst_somebody-else")]).await;
    assert!(ended.code > 2 && !ended.stdout.contains("Ana"), "{ended:?}");
    server.stop().await;
}

pub(super) async fn token_in_a_file(name: &str) {
    let server = server().await;
    let ended = call(LIST, &[("ROSTER_URL", &server.url), (name, token_file())]).await;
    assert!(ended.code == 0 && ended.stdout.contains("Ana"), "{ended:?}");
    server.stop().await;
}

pub(super) async fn use_profile(name: &str) {
    let (server, home) = (server().await, tempfile::tempdir().unwrap());
    let mut login = program(&["login", "--url", &server.url]);
    login.env("HOME", home.path()).env(name, "staging").stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = login.spawn().unwrap();
    child.stdin.take().unwrap().write_all(ADMIN.as_bytes()).await.unwrap();
    assert!(child.wait().await.unwrap().success());
    let home = ("HOME", home.path().to_str().unwrap());
    let ended = call(LIST, &[home, (name, "staging")]).await;
    assert!(ended.code == 0 && ended.stdout.contains("Ana"), "{ended:?}");
    assert_eq!(call(LIST, &[home]).await.code, 2, "there is no profile of the usual name");
    server.stop().await;
}

/// Refused, because others could read the token; or tried, and the name does not exist (RFC 6761 section 6.4).
pub(super) async fn insecure_http(name: &str) {
    let variables =
        [("ROSTER_URL", "http://roster.invalid"), ("ROSTER_TOKEN", ADMIN), ("ROSTER_RETRY_TIME", "0")];
    let ended = call(LIST, &variables).await;
    assert!(ended.code == 2 && ended.stderr.contains("plain http"), "{ended:?}");
    let ended = call(LIST, &[&variables[..], &[(name, "yes")]].concat()).await;
    assert!(ended.code > 2 && !ended.stderr.contains("plain http"), "{ended:?}");
}

pub(super) async fn timeout(name: &str) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let variables =
        [("ROSTER_URL", url.as_str()), ("ROSTER_TOKEN", ADMIN), ("ROSTER_RETRY_TIME", "0"), (name, "300ms")];
    let (ended, took) = timed(LIST, &variables).await;
    assert!(ended.code > 2 && took < Duration::from_secs(5), "{took:?} {ended:?}");
}

pub(super) async fn retry_time(name: &str) {
    let url = format!("http://127.0.0.1:{}", free_port());
    for (time, again) in [("0", false), ("1s", true)] {
        let variables = [("ROSTER_URL", url.as_str()), ("ROSTER_TOKEN", ADMIN), (name, time)];
        let (ended, took) = timed(LIST, &variables).await;
        assert!(ended.code > 2 && took < Duration::from_secs(5), "{took:?} {ended:?}");
        assert_eq!(ended.stderr.contains("asking again"), again, "{ended:?}");
    }
}

pub(super) async fn health_asks_there(name: &str) {
    let server = Server::start(Engine::Sqlite).await;
    let ops = server.ops.strip_prefix("http://").unwrap();
    assert_eq!(call(&["health"], &[(name, ops)]).await.code, 0);
    let nobody = format!("127.0.0.1:{}", free_port());
    assert_eq!(call(&["health"], &[(name, &nobody)]).await.code, 1);
    server.stop().await;
}

pub(super) async fn health_waits_so_long(name: &str) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ops = silent.local_addr().unwrap().to_string();
    for wait in [100, 3000] {
        let (ended, took) =
            timed(&["health"], &[("ROSTER_OPS_LISTEN", &ops), (name, &format!("{wait}ms"))]).await;
        let wait = Duration::from_millis(wait);
        assert!(
            ended.code == 1 && took >= wait && took < wait + Duration::from_millis(1500),
            "{took:?} {ended:?}"
        );
    }
}
