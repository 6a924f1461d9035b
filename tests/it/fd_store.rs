//! A server that is killed beside an fd-store: only what was in flight in it fails.

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::commands::call;
use crate::support::{Database, Engine, Program, client, eventually, parts, program, signal};

const KILLS: usize = 3;
const CLIENTS: usize = 4;
/// How long a killed server is away.
const AWAY: Duration = Duration::from_millis(700);
const LIMIT: Duration = Duration::from_secs(10);

/// A name that no other test takes.
pub(crate) fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("it-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A store in a process of its own; returns when servers can reach it.
pub(crate) async fn store(name: &str) -> Child {
    let mut command = program(&["fd-store", "--fd-store", name]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
    let line: Value = serde_json::from_str(&log.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(line["message"], "ready to hold the socket of a server", "{line}");
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    child
}

/// The server of a pod: on the same address each time it is started.
async fn server(database: &Database, name: &str, address: &str) -> Program {
    let flags = ["--fd-store", name, "--listen", address, "--drain-seconds", "0"];
    let mut server = Program::serve(&database.url, &flags).await;
    drop(server.drain_log());
    server
}

/// When a request failed, and how.
type Failed = (Instant, String);

/// Creates users, each on a connection of its own or all on one, until `end`.
async fn create(number: usize, keep_alive: bool, url: String, end: Instant) -> (usize, Vec<Failed>) {
    let mut http = client();
    let (mut done, mut failed) = (0, Vec::new());
    while Instant::now() < end {
        if !keep_alive {
            http = client();
        }
        let name = format!("user {} of {number}", done + failed.len());
        match post(&http, &url, &name).await {
            Ok(201) => done += 1,
            Ok(status) => failed.push((Instant::now(), status.to_string())),
            Err(error) => failed.push((Instant::now(), format!("{error:?}"))),
        }
    }
    (done, failed)
}

async fn post(http: &Client, url: &str, name: &str) -> reqwest::Result<u16> {
    let response = http.post(format!("{url}/users")).json(&json!({ "name": name })).send().await?;
    let status = response.status().as_u16();
    response.bytes().await?;
    Ok(status)
}

/// Each by a store of its own, for a server that is lost a second time is not waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_fails_only_what_is_in_flight() {
    let database = Database::create(Engine::Sqlite).await;
    for kill in 0..KILLS {
        let name = &name();
        let mut holder = store(name).await;
        let mut running = server(&database, name, "127.0.0.1:0").await;
        let url = running.url.clone();
        let address = url.strip_prefix("http://").unwrap();
        let end = Instant::now() + Duration::from_secs(2);
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(create(kill * CLIENTS + number, number % 2 == 0, url.clone(), end));
        }
        sleep(Duration::from_millis(400)).await;
        running.child.kill().await.unwrap();
        let killed = Instant::now();
        // As a kubelet that looks once a second.
        sleep(AWAY).await;
        running = server(&database, name, address).await;
        let mut done = 0;
        for (created, failed) in clients.join_all().await {
            done += created;
            assert!(failed.len() <= 1, "more than what was in flight: {failed:#?}");
            // Whatever fails later was sent later.
            assert!(failed.iter().all(|(at, _)| *at < killed + AWAY), "{failed:#?}");
        }
        println!("kill {kill}: {done} created");
        assert!(done > CLIENTS, "hardly any load");
        // Without its store, the server serves on.
        holder.kill().await.unwrap();
        let one = client().get(format!("{url}/users?limit=1")).send().await.unwrap();
        assert_eq!(parts(one).await.0, 200);
        drop(running);
    }
}

/// The port is in use until the store answers, and the server waits for that.
#[tokio::test]
async fn a_store_that_is_late_is_waited_for() {
    let database = Database::create(Engine::Sqlite).await;
    let name = &name();
    let holder = store(name).await;
    let mut running = server(&database, name, "127.0.0.1:0").await;
    let url = running.url.clone();
    let process = holder.id().unwrap();
    signal(process, "STOP");
    running.child.kill().await.unwrap();
    let later = async {
        sleep(Duration::from_millis(2500)).await;
        signal(process, "CONT");
    };
    let (running, ()) = tokio::join!(server(&database, name, url.strip_prefix("http://").unwrap()), later);
    assert_eq!(running.url, url);
}

/// As without a store: a connection may be lost that the system took in at the last moment, and no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_end_under_load_is_that_of_a_server_without_a_store() {
    let database = Database::create(Engine::Sqlite).await;
    let name = &name();
    let _holder = store(name).await;
    let mut running = server(&database, name, "127.0.0.1:0").await;
    let end = Instant::now() + Duration::from_secs(2);
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(create(number, false, running.url.clone(), end));
    }
    sleep(Duration::from_millis(400)).await;
    running.signal("TERM");
    assert!(running.child.wait().await.unwrap().success());
    for (done, failed) in clients.join_all().await {
        let others = failed.iter().filter(|(_, why)| !why.contains("ConnectionRefused")).count();
        assert!(done > 0 && others <= 1, "{failed:?}");
    }
}

#[tokio::test]
async fn what_ends_in_order_leaves_nothing_behind() {
    let database = Database::create(Engine::Sqlite).await;
    let name = &name();
    let mut holder = store(name).await;
    let mut running = server(&database, name, "127.0.0.1:0").await;
    let url = running.url.clone();
    running.signal("TERM");
    assert!(running.child.wait().await.unwrap().success());
    let start = Instant::now();
    eventually(LIMIT, "nobody listens", async || {
        client().get(&url).send().await.is_err_and(|error| error.is_connect())
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(2), "it is held as after a crash");
    signal(holder.id().unwrap(), "TERM");
    assert!(holder.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_store_has_a_name_of_its_own() {
    call(&["fd-store"], &[]).await.assert_refused("--fd-store: \"\" is no name");
    call(&["fd-store", "--fd-store", "a b"], &[]).await.assert_refused("visible ASCII characters");
    let name = name();
    let _holder = store(&name).await;
    let second = call(&["fd-store"], &[("ROSTER_FD_STORE", &name)]).await;
    second.assert_refused(&format!("can't be the fd-store \"{name}\": Address"));
}
