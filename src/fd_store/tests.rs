//! Both sides through a real Unix socket; "a crash" is a server's side that is dropped.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::{Deposit, Store, take};

const LIMIT: Duration = Duration::from_secs(10);
/// Short enough to be waited for.
const IMPATIENCE: Duration = Duration::from_millis(500);

struct Place {
    name: String,
}

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self { name: format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)) }
    }

    fn store(&self) -> JoinHandle<()> {
        self.store_with(LIMIT * 6)
    }

    fn store_with(&self, patience: Duration) -> JoinHandle<()> {
        tokio::spawn(Store::bind(&self.name).unwrap().with_patience(patience).run())
    }

    /// A server as it starts, on the socket that is held if there is one.
    async fn server(&self, address: SocketAddr) -> Server {
        let mut held = take(&self.name, address).await;
        let (listener, taken) = match held.listener() {
            Some(listener) => (listener, true),
            None => (TcpListener::bind(address).await.unwrap(), false),
        };
        let deposit = held.deposit(&listener).await.unwrap();
        Server { listener, deposit, taken }
    }

    /// The address of a server, the first one of this place, that has crashed.
    async fn crashed(&self) -> SocketAddr {
        let first = self.server(any()).await;
        assert!(!first.taken);
        first.address()
    }
}

struct Server {
    listener: TcpListener,
    deposit: Deposit,
    taken: bool,
}

impl Server {
    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    async fn answers(&self) {
        let (mut client, _) = timeout(LIMIT, self.listener.accept()).await.unwrap().unwrap();
        client.write_all(b"!").await.unwrap();
    }
}

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Waits until nobody listens.
async fn until_refused(address: SocketAddr) {
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, refused).await.unwrap();
}

/// Waits until a store attends a server: it then answers nobody else.
async fn attended(place: &Place) {
    let attended = async {
        loop {
            let start = Instant::now();
            drop(take(&place.name, any()).await);
            if start.elapsed() > Duration::from_millis(900) {
                return;
            }
        }
    };
    timeout(LIMIT, attended).await.unwrap();
}

#[tokio::test]
async fn who_connects_after_a_crash_is_answered_by_the_next_server() {
    let place = Place::new();
    let _store = place.store();
    let address = place.crashed().await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let next = place.server(address).await;
    assert!(next.taken);
    next.answers().await;
    assert_eq!(timeout(LIMIT, client.read_u8()).await.unwrap().unwrap(), b'!');
}

#[tokio::test]
async fn a_server_that_does_not_come_back_is_given_up() {
    let place = Place::new();
    let _store = place.store_with(IMPATIENCE);
    let address = place.crashed().await;
    until_refused(address).await;
    assert!(!place.server(address).await.taken);
}

/// Who connects is not made to wait for a server that crashes again and again.
#[tokio::test]
async fn a_server_that_is_lost_again_is_not_waited_for() {
    let place = Place::new();
    let _store = place.store();
    let address = place.crashed().await;
    let second = place.server(address).await;
    assert!(second.taken);
    drop(second);
    until_refused(address).await;
    assert!(!place.server(address).await.taken);
}

#[tokio::test]
async fn a_server_that_ends_in_order_leaves_nothing() {
    let place = Place::new();
    let _store = place.store();
    let Server { listener, deposit, .. } = place.server(any()).await;
    let address = listener.local_addr().unwrap();
    deposit.withdraw().await;
    assert!(TcpStream::connect(address).await.is_ok(), "its own socket is its own");
    drop(listener);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_store_that_is_started_again_gets_the_socket_again() {
    let place = Place::new();
    let store = place.store();
    let server = place.server(any()).await;
    attended(&place).await;
    store.abort();
    let _ = store.await;
    let address = server.address();
    assert!(TcpStream::connect(address).await.is_ok(), "the server needs no store");
    let _store = place.store();
    attended(&place).await;
    drop(server);
    assert!(place.server(address).await.taken);
}

#[tokio::test]
async fn a_server_starts_without_a_store_and_with_one_that_is_silent() {
    let place = Place::new();
    assert!(!place.server(any()).await.taken);
    let silent = UnixListener::bind(super::peer::address(&place.name)).unwrap();
    let server = timeout(LIMIT, place.server(any())).await.unwrap();
    assert!(!server.taken);
    timeout(LIMIT, server.deposit.withdraw()).await.unwrap();
    drop(silent);
}

#[tokio::test]
async fn a_socket_on_another_address_is_let_go() {
    let place = Place::new();
    let _store = place.store();
    let address = place.crashed().await;
    let server = place.server("127.0.0.2:0".parse().unwrap()).await;
    assert!(!server.taken && server.address().ip().to_string() == "127.0.0.2");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_name_is_of_one_store_at_a_time() {
    let place = Place::new();
    let store = Store::bind(&place.name).unwrap();
    let refused = Store::bind(&place.name).unwrap_err().to_string();
    assert!(refused.contains(&place.name) && refused.contains("in use"), "{refused}");
    drop(store);
    Store::bind(&place.name).unwrap();
}
