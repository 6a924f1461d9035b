//! A database that is away: the service stays alive, says so in time, and recovers by itself.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use roster::clock::Clock;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::task::JoinHandle;

use crate::postgres_server::{PostgresServer, Stop, waiting_for_locks};
use crate::support::{Engine, Program, Server, assert_away, assert_problem, client, eventually, parts};

/// `--request-timeout`, and what the machine may add.
const REQUEST: Duration = Duration::from_secs(3);
const SLACK: Duration = Duration::from_secs(1);
/// How soon `/readyz` tells that the database is away.
const NOTICED: Duration = Duration::from_secs(3);
/// How soon everything works again.
const RECOVERED: Duration = Duration::from_secs(2);

/// What clients saw that they must not see, and the users that were acknowledged.
#[derive(Default)]
struct Seen {
    wrong: Mutex<Vec<String>>,
    made: Mutex<Vec<String>>,
    asked: AtomicUsize,
    stop: AtomicBool,
}

impl Seen {
    fn wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }
}

/// A program on a server of its own, under a light load from the start to the end.
struct Scene {
    server: PostgresServer,
    program: Program,
    client: Client,
    seen: Arc<Seen>,
    load: Vec<JoinHandle<()>>,
}

impl Scene {
    async fn new() -> Self {
        let server = PostgresServer::new();
        let mut program = Program::serve(&server.url("postgres"), &["--request-timeout", "3s"]).await;
        drop(program.drain_log());
        let seen = Arc::new(Seen::default());
        let client = client();
        // The one that is read.
        let first = client.post(format!("{}/users", program.url)).json(&json!({ "name": "one" }));
        assert_eq!(first.send().await.unwrap().status(), 201);
        let load = vec![
            tokio::spawn(alive(seen.clone(), program.ops.clone())),
            tokio::spawn(write(seen.clone(), program.url.clone())),
            tokio::spawn(read(seen.clone(), program.url.clone(), "/users/1")),
            tokio::spawn(read(seen.clone(), program.url.clone(), "/users?limit=5")),
        ];
        let scene = Self { server, program, client, seen, load };
        eventually(Duration::from_secs(5), "the first users", async || scene.works("first").await.is_ok())
            .await;
        scene
    }

    async fn readiness(&self, query: &str) -> u16 {
        let url = format!("{}/readyz{query}", self.program.ops);
        self.client.get(url).send().await.unwrap().status().as_u16()
    }

    /// Whether it is ready, reads and writes; else what it says to that.
    async fn works(&self, name: &str) -> Result<(), String> {
        let url = &self.program.url;
        let user = json!({ "name": format!("{name} {:?}", Instant::now()) });
        let write = self.client.post(format!("{url}/users")).json(&user).send();
        let read = self.client.get(format!("{url}/users")).send();
        let (ready, write, read) = tokio::join!(self.readiness(""), write, read);
        let (write, read) = (write.unwrap(), read.unwrap());
        if (ready, write.status().as_u16(), read.status().as_u16()) == (200, 201, 200) {
            return Ok(());
        }
        let list = if read.status() == 200 { String::new() } else { read.text().await.unwrap() };
        Err(format!("ready: {ready}, write: {}, list: {list}", write.text().await.unwrap()))
    }

    /// The database is away now: all that is promised of that time.
    async fn assert_away(&self) {
        let unready = eventually(NOTICED, "unready", async || self.readiness("").await == 503);
        let requests = [
            (Method::GET, "/users"),
            (Method::GET, "/users?limit=1&count=exact"),
            (Method::GET, "/users/1"),
            (Method::GET, "/changes"),
            (Method::POST, "/users"),
            (Method::PUT, "/users/1"),
            (Method::PATCH, "/users/1"),
            (Method::DELETE, "/users/1000000"),
        ];
        let refused = requests.map(|(method, path)| {
            let request = self.client.request(method.clone(), format!("{}{path}", self.program.url));
            let request =
                if method == Method::GET { request } else { request.json(&json!({ "name": "Away" })) };
            tokio::spawn(async move {
                let start = Instant::now();
                let response = request.send().await.unwrap();
                let took = start.elapsed();
                assert!(took < REQUEST + SLACK, "{method} {path}: {took:?}");
                assert!(response.headers().contains_key("retry-after"), "{method} {path}");
                assert_away(parts(response).await, &method);
            })
        });
        let took = unready.await;
        println!("unready after {took:?}");
        for request in refused {
            request.await.unwrap();
        }
        assert_eq!((self.readiness("").await, self.readiness("?exclude=database").await), (503, 200));
    }

    /// The database is back since now.
    async fn assert_recovers(&self, name: &str) {
        let back = Instant::now();
        while let Err(problem) = self.works(name).await {
            assert!(back.elapsed() < RECOVERED, "{name}: after {:?}: {problem}", back.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let took = back.elapsed();
        println!("{name}: recovered after {took:?}");
        assert!(took < RECOVERED, "{name}: {took:?}");
        for _ in 0..30 {
            // No dead connection is left.
            assert_eq!(self.works(name).await, Ok(()), "{name}");
        }
    }

    /// What the load saw, and whether everything that was acknowledged is there.
    async fn end(self) {
        self.seen.stop.store(true, Ordering::Relaxed);
        for load in self.load {
            load.await.unwrap();
        }
        let asked = self.seen.asked.load(Ordering::Relaxed);
        let wrong = self.seen.wrong.lock().unwrap().clone();
        assert!(wrong.is_empty(), "{} of {asked} wrong: {wrong:?}", wrong.len());
        let response = self.client.get(format!("{}/users", self.program.url)).send().await.unwrap();
        let (status, users) = parts(response).await;
        assert_eq!(status, 200);
        let names: std::collections::HashSet<&str> =
            users.as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect();
        let made = self.seen.made.lock().unwrap().clone();
        let lost: Vec<&String> = made.iter().filter(|name| !names.contains(name.as_str())).collect();
        println!("{asked} requests, {} users acknowledged", made.len());
        assert!(lost.is_empty() && !made.is_empty(), "{lost:?} of {}", made.len());
    }
}

/// `/livez` is 200 throughout.
async fn alive(seen: Arc<Seen>, ops: String) {
    let client = client();
    while !seen.stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        match client.get(format!("{ops}/livez")).send().await {
            Ok(response) if response.status() == 200 && start.elapsed() < SLACK => {}
            other => seen.wrong(format!("/livez after {:?}: {other:?}", start.elapsed())),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn write(seen: Arc<Seen>, url: String) {
    let client = client();
    for number in 0.. {
        if seen.stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("load {number}");
        let request = client.post(format!("{url}/users")).json(&json!({ "name": name }));
        if ask(&seen, request, 201).await {
            seen.made.lock().unwrap().push(name);
        }
    }
}

async fn read(seen: Arc<Seen>, url: String, path: &str) {
    let client = client();
    while !seen.stop.load(Ordering::Relaxed) {
        ask(&seen, client.get(format!("{url}{path}")), 200).await;
    }
}

/// Whether an answer is a success; else it has to be a 503, in time.
async fn ask(seen: &Seen, request: reqwest::RequestBuilder, success: u16) -> bool {
    tokio::time::sleep(Duration::from_millis(10)).await;
    seen.asked.fetch_add(1, Ordering::Relaxed);
    let start = Instant::now();
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            seen.wrong(format!("{error:?}"));
            return false;
        }
    };
    let took = start.elapsed();
    let status = response.status().as_u16();
    let is_problem =
        response.headers().get("content-type").is_some_and(|kind| kind == "application/problem+json");
    if took > REQUEST + SLACK || (status != success && (status != 503 || !is_problem)) {
        let text = response.text().await;
        // The first user is made while the first reader already asks.
        if !(status == 404 && seen.made.lock().unwrap().is_empty()) {
            seen.wrong(format!("{status} after {took:?}: {text:?}"));
        }
    }
    status == success
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_database() {
    let scene = Scene::new().await;
    scene.server.pause();
    scene.assert_away().await;
    scene.server.resume();
    scene.assert_recovers("paused").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_database() {
    let scene = Scene::new().await;
    scene.server.kill();
    scene.assert_away().await;
    scene.server.start();
    scene.assert_recovers("killed").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_database() {
    let scene = Scene::new().await;
    for how in [Stop::Fast, Stop::Immediate] {
        scene.server.stop(how);
        scene.server.start();
        scene.assert_recovers(&format!("{how:?}")).await;
    }
    scene.server.stop(Stop::Fast);
    scene.assert_away().await;
    scene.server.start();
    scene.assert_recovers("stopped").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_connections_terminated() {
    let scene = Scene::new().await;
    let mut admin = PgConnection::connect(&scene.server.url("postgres")).await.unwrap();
    for round in 0..5 {
        admin
            .execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
                 WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
            )
            .await
            .unwrap();
        scene.assert_recovers(&format!("terminated {round}")).await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_pool_is_no_reason_to_be_unready() {
    let limits = ["--database-connections", "1", "--database-timeout", "500ms"];
    let server = Server::with(Engine::Postgres, &limits, Clock::System).await;
    server.create(&json!({ "name": "Ana" })).await;
    let mut other = PgConnection::connect(&server.database.url).await.unwrap();
    other.execute("BEGIN; SELECT 1 FROM users WHERE id = 1 FOR UPDATE").await.unwrap();
    let patch = server.request(Method::PATCH, "/users/1").json(&json!({ "name": "Bea" })).send();
    let patch = tokio::spawn(patch);
    eventually(Duration::from_secs(5), "the patch holds the only connection", async || {
        waiting_for_locks(&mut other).await == 1
    })
    .await;
    let start = Instant::now();
    for path in ["/users", "/users?limit=1", "/users/1", "/changes"] {
        assert_problem(server.get(path).await, 503, "unavailable").await;
    }
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    for path in ["livez", "readyz"] {
        let response = server.client.get(format!("{}/{path}", server.ops)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
    }
    other.execute("COMMIT").await.unwrap();
    let (status, user) = parts(patch.await.unwrap().unwrap()).await;
    assert_eq!((status, &user["name"]), (200, &Value::from("Bea")));
    assert_eq!(parts(server.get("/users/1").await).await, (200, user));
    server.stop().await;
}
