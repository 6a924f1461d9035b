//! Restarts under load: no request is lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::random::{self, generator};
use crate::raw::Connection;
use crate::support::{Database, Engine, Program, client, eventually};

const CLIENTS: u64 = 20;
const RESTARTS: usize = 4;
/// How late the relay learns that a server is going away.
const LATE: Duration = Duration::from_secs(2);

/// Passes bytes on, as a cluster's network does: a new connection goes to a server in the list, an open one
/// stays where it is.
struct Relay {
    address: String,
    servers: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let servers = Arc::new(Mutex::new(Vec::<String>::new()));
        let known = servers.clone();
        tokio::spawn(async move {
            let next = AtomicUsize::new(0);
            while let Ok((mut from, _)) = listener.accept().await {
                let known = known.lock().unwrap().clone();
                let server = known[next.fetch_add(1, Ordering::Relaxed) % known.len()].clone();
                tokio::spawn(async move {
                    // A server that refuses is a failure that the client sees as an early end.
                    let Ok(mut to) = TcpStream::connect(server).await else { return };
                    let _ = (from.set_nodelay(true), to.set_nodelay(true));
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                });
            }
        });
        Self { address, servers }
    }

    fn add(&self, server: &Program) {
        self.servers.lock().unwrap().push(address(server));
    }

    fn remove(&self, server: &Program) {
        self.servers.lock().unwrap().retain(|known| *known != address(server));
    }
}

fn address(server: &Program) -> String {
    server.url.strip_prefix("http://").unwrap().to_owned()
}

/// What one client saw.
#[derive(Debug, Default)]
struct Seen {
    made: usize,
    announced: usize,
    connections: usize,
    failed: Vec<String>,
}

/// Creates users one after the other on a connection that it keeps, and never tries anything twice.
async fn client_of(relay: String, number: u64, mut random: StdRng, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let mut kept: Option<Connection> = None;
    while !stop.load(Ordering::Relaxed) {
        let body = format!(r#"{{"name":"user {} of {number}"}}"#, seen.made + seen.failed.len());
        let attempt = async {
            let mut connection = if let Some(open) = kept.take().filter(Connection::is_open) {
                open
            } else {
                seen.connections += 1;
                Connection::open(&relay).await?
            };
            let answer = connection.post("/users", &body).await?;
            std::io::Result::Ok((connection, answer))
        };
        match tokio::time::timeout(Duration::from_secs(30), attempt).await {
            Ok(Ok((connection, answer))) if answer.status == 201 => {
                seen.made += 1;
                seen.announced += usize::from(answer.closes());
                kept = (!answer.closes()).then_some(connection);
            }
            Ok(Ok((_, answer))) => {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                seen.failed.push(format!("{} {text}", answer.status));
            }
            Ok(Err(error)) => seen.failed.push(error.to_string()),
            Err(_) => seen.failed.push("no answer within 30 s".to_owned()),
        }
        let idle = if random.random_bool(0.3) { 0 } else { random.random_range(0..200) };
        tokio::time::sleep(Duration::from_millis(idle)).await;
    }
    seen
}

async fn server(database: &Database) -> Program {
    let mut server =
        Program::serve(&database.url, &["--drain-seconds", "3", "--shutdown-seconds", "10"]).await;
    drop(server.drain_log());
    let client = client();
    eventually(Duration::from_secs(10), "ready", async || {
        client.get(format!("{}/readyz", server.ops)).send().await.unwrap().status() == 200
    })
    .await;
    server
}

/// A new server first, then the old one is told to end, and the relay learns of it late.
async fn replace(old: &mut Program, relay: &Relay, database: &Database) {
    let new = server(database).await;
    relay.add(&new);
    let mut old = std::mem::replace(old, new);
    old.signal("TERM");
    tokio::time::sleep(LATE).await;
    let client = client();
    let unready = client.get(format!("{}/readyz", old.ops)).send().await.unwrap();
    assert_eq!(unready.status(), 503);
    relay.remove(&old);
    let ended = tokio::time::timeout(Duration::from_secs(20), old.child.wait()).await;
    assert_eq!(ended.expect("the drain ends").unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_restarts_lose_no_request() {
    let seed = random::seed("rolling");
    let database = Database::create(Engine::Postgres).await;
    let relay = Relay::start().await;
    let mut servers = [server(&database).await, server(&database).await];
    for server in &servers {
        relay.add(server);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(client_of(relay.address.clone(), number, generator(seed, number), stop.clone()));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for restart in 0..RESTARTS {
        replace(&mut servers[restart % 2], &relay, &database).await;
    }
    stop.store(true, Ordering::Relaxed);
    let all = clients.join_all().await;
    let failed: Vec<&String> = all.iter().flat_map(|seen| &seen.failed).collect();
    let sum = |count: fn(&Seen) -> usize| all.iter().map(count).sum::<usize>();
    let (made, announced) = (sum(|seen| seen.made), sum(|seen| seen.announced));
    println!("{made} made, {announced} closes announced, {} connections", sum(|seen| seen.connections));
    assert!(failed.is_empty(), "{} of {made} failed: {failed:?}", failed.len());
    // The restarts met the clients: each retired connections, and all the while users were made.
    assert!(announced >= RESTARTS && made > 500, "{made} made, {announced} closes announced");
    let url = format!("{}/users?count=exact&limit=1", servers[0].url);
    let count = client().get(url).send().await.unwrap();
    assert_eq!(count.headers()["roster-total-count"].to_str().unwrap(), made.to_string());
}
