//! A server on a free port, and a client that says exactly what it is told.

use crate::server::{Limits, Outcome, ServerStats, Shutdown, ShutdownTrigger, Tls, serve};
use axum::{
    Router,
    body::Body,
    http::StatusCode,
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

pub(super) const GET: &str = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";
pub(super) const HALF_HEAD: &str = "GET /hello HTTP/1.1\r\nho";

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn limits() -> Limits {
    Limits {
        header_timeout: ms(200),
        idle_timeout: ms(2000),
        max_connections: 100,
        min_drain_rate: 100_000,
        drain_window: ms(300),
        drain: ms(0),
        deadline: ms(1000),
    }
}

pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) trigger: ShutdownTrigger,
    pub(super) stats: Arc<ServerStats>,
    pub(super) outcome: JoinHandle<Outcome>,
}

fn app() -> Router {
    let endless = || async {
        Body::from_stream(stream::repeat_with(|| io::Result::Ok(Bytes::from(vec![b'x'; 16_384]))))
    };
    let trickle = || async {
        Body::from_stream(stream::unfold(0, |sent| async move {
            sleep(ms(100)).await;
            (sent < 8).then(|| (io::Result::Ok(Bytes::from_static(b"drop")), sent + 1))
        }))
    };
    let broken = || async {
        let first = stream::once(async { Ok(Bytes::from_static(b"first")) });
        let error = stream::once(async {
            sleep(ms(50)).await;
            Err(io::Error::other("lost"))
        });
        Body::from_stream(first.chain(error))
    };
    Router::new()
        .route("/hello", get(|| async { "hello" }))
        .route("/wait", get(|| async { sleep(ms(1000)).await }))
        .route("/length", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/refuse", post(|| async { StatusCode::PAYLOAD_TOO_LARGE }))
        .route("/big", get(|| async { vec![b'x'; 8 << 20] }))
        .route("/some", get(|| async { vec![b'x'; 48 << 10] }))
        .route("/endless", get(endless))
        .route("/trickle", get(trickle))
        .route("/broken", get(broken))
}

pub(super) async fn start(limits: Limits) -> Running {
    start_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), None, limits)
}

pub(super) fn start_on(listener: TcpListener, tls: Option<Tls>, limits: Limits) -> Running {
    let address = listener.local_addr().unwrap();
    let (shutdown, trigger) = Shutdown::new();
    let stats = Arc::new(ServerStats::default());
    let outcome = tokio::spawn(serve(listener, app(), tls, limits, shutdown, Arc::clone(&stats)));
    Running { address, trigger, stats, outcome }
}

impl Running {
    pub(super) async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// A client whose system buffers little for it.
    pub(super) async fn connect_small(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Client(socket.connect(self.address).await.unwrap())
    }

    /// Begins the shutdown; how the server ended, and how long that took.
    pub(super) async fn stop(self) -> (Outcome, Duration) {
        let begun = Instant::now();
        self.trigger.trigger();
        let outcome = timeout(ms(5000), self.outcome).await.expect("the server ends").unwrap();
        assert_eq!(self.stats.open(), 0);
        (outcome, begun.elapsed())
    }
}

pub(super) struct Client<S = TcpStream>(pub(super) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(super) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads up to and with `end`.
    pub(super) async fn read_until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        let reading = async {
            while !read.ends_with(end.as_bytes()) {
                let Ok(byte) = self.0.read_u8().await else { break };
                read.push(byte);
            }
        };
        let _ = timeout(ms(3000), reading).await;
        let read = String::from_utf8(read).unwrap();
        assert!(read.ends_with(end), "no {end:?} in {read:?}");
        read
    }

    pub(super) async fn hello(&mut self) -> String {
        self.send(GET).await;
        self.read_until("\r\n\r\nhello").await
    }

    /// What comes until the connection ends, and whether it ends with a reset or, within TLS, without a word.
    pub(super) async fn rest(&mut self) -> (Vec<u8>, bool) {
        let mut read = Vec::new();
        let ended = timeout(ms(4000), self.0.read_to_end(&mut read)).await.expect("the connection ends");
        (read, ended.is_err())
    }

    pub(super) async fn is_open_after(&mut self, wait: Duration) -> bool {
        timeout(wait, self.0.read_u8()).await.is_err()
    }
}
