//! A network that falls silent: connections stay open, and nothing comes through them any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder};
use roster::clock::Clock;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::postgres_server::waiting_for_locks;
use crate::support::{Database, Engine, Server, eventually, parts};

/// `--request-timeout`
const REQUEST: Duration = Duration::from_secs(2);
/// The limit of a transaction, that of a new connection, and what the machine may add.
const RECOVERED: Duration = Duration::from_secs(6);

/// Stands between the service and its database.
struct Relay {
    url: String,
    silence: watch::Sender<()>,
}

impl Relay {
    async fn before(database_url: &str) -> Self {
        let (_, rest) =
            database_url.rsplit_once('@').unwrap_or_else(|| database_url.split_once("//").unwrap());
        let address = rest.split_once('/').unwrap().0.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = database_url.replace(&address, &listener.local_addr().unwrap().to_string());
        let (silence, silent) = watch::channel(());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(relay(near, address.clone(), silent.clone()));
            }
        });
        Self { url, silence }
    }

    /// Silences all connections that are open now; those that are made later work.
    fn silence(&self) {
        self.silence.send(()).unwrap();
    }
}

async fn relay(mut near: TcpStream, address: String, mut silent: watch::Receiver<()>) {
    silent.mark_unchanged();
    let mut far = TcpStream::connect(address).await.unwrap();
    tokio::select! {
        // First, so that nothing passes once it is to be silent.
        biased;
        changed = silent.changed() => {
            if changed.is_ok() {
                // Both sockets stay open.
                std::future::pending::<()>().await;
            }
        }
        _ = copy_bidirectional(&mut near, &mut far) => {}
    }
}

struct Scene {
    relay: Relay,
    server: Server,
    other: PgConnection,
}

impl Scene {
    async fn new() -> Self {
        let database = Arc::new(Database::create(Engine::Postgres).await);
        let relay = Relay::before(&database.url).await;
        let arguments = ["--database-url", &relay.url, "--request-timeout", "2s"];
        let limits = ["--database-connections", "4", "--database-timeout", "2s"];
        let all: Vec<&str> = arguments.into_iter().chain(limits).collect();
        let server = Server::on(database.clone(), &all, Clock::System).await;
        server.create(&json!({ "name": "Ana" })).await;
        let lists = (0..4).map(|_| tokio::spawn(server.request(Method::GET, "/users").send()));
        for list in lists.collect::<Vec<_>>() {
            assert_eq!(list.await.unwrap().unwrap().status(), 200);
        }
        let other = PgConnection::connect(&database.url).await.unwrap();
        Self { relay, server, other }
    }

    fn patch(&self) -> RequestBuilder {
        self.server.request(Method::PATCH, "/users/1").json(&json!({ "active": false }))
    }

    /// Has requests wait for a lock on all four connections of the pool, then silences these.
    async fn silence(&mut self, lock: &str, requests: [RequestBuilder; 4], hang_up: bool) {
        self.other.execute(sqlx::AssertSqlSafe(format!("BEGIN; {lock}"))).await.unwrap();
        let asked = requests.map(|request| tokio::spawn(request.send()));
        eventually(REQUEST, "all connections are taken", async || {
            waiting_for_locks(&mut self.other).await == 4
        })
        .await;
        self.relay.silence();
        self.other.execute("ROLLBACK").await.unwrap();
        for request in asked {
            if hang_up {
                request.abort();
            } else {
                let response = request.await.unwrap().unwrap();
                assert_eq!(response.status(), 503);
            }
        }
    }

    /// Waits until reads and writes work, and sees that they go on to.
    async fn assert_recovers(&self) {
        let works = async || {
            let list = self.server.get("/users").await.status();
            let user = self.server.get("/users/1").await.status();
            let patch = self.patch().send().await.unwrap().status();
            [list, user, patch].iter().all(reqwest::StatusCode::is_success)
        };
        let took = eventually(RECOVERED, "all works again", works).await;
        println!("recovered after {took:?}");
        for _ in 0..10 {
            let start = Instant::now();
            // More at once than there are connections: the pool has all its places.
            let all = (0..8).map(|number| {
                let client: Client = self.server.client.clone();
                let url = format!("{}/users?limit={}", self.server.url, number + 1);
                tokio::spawn(async move { parts(client.get(url).send().await.unwrap()).await.0 })
            });
            for status in all.collect::<Vec<_>>() {
                assert_eq!(status.await.unwrap(), 200);
            }
            assert!(works().await);
            assert!(start.elapsed() < REQUEST, "{:?}", start.elapsed());
        }
        // The way back into the pool ends a little after the answer.
        eventually(RECOVERED, "all are back in the pool", async || {
            let (used, _, max) = self.server.service.as_ref().unwrap().store().connections();
            used <= 1 && max == 4
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_writes() {
    let mut scene = Scene::new().await;
    let requests = [scene.patch(), scene.patch(), scene.patch(), scene.patch()];
    scene.silence("SELECT 1 FROM users WHERE id = 1 FOR UPDATE", requests, false).await;
    scene.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_reads() {
    let mut scene = Scene::new().await;
    let list = || scene.server.request(Method::GET, "/users");
    let requests = [list(), list(), list(), list()];
    scene.silence("LOCK TABLE users IN ACCESS EXCLUSIVE MODE", requests, false).await;
    scene.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_requests_of_clients_that_hang_up() {
    let mut scene = Scene::new().await;
    let list = || scene.server.request(Method::GET, "/users");
    let requests = [list(), list(), list(), scene.patch()];
    scene.silence("LOCK TABLE users IN ACCESS EXCLUSIVE MODE", requests, true).await;
    scene.assert_recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_idle_connections() {
    let scene = Scene::new().await;
    // Long enough for a connection to be tried before it is lent again.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    scene.relay.silence();
    let start = Instant::now();
    for _ in 0..4 {
        assert_eq!(scene.server.get("/users").await.status(), 200);
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    scene.assert_recovers().await;
}
