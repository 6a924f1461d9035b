//! The HTTP/1.1 server: an accept loop of our own under axum, with limits on what a client may hold up, and
//! an orderly end.
//!
//! `axum::serve` is not used because it knows no time limit for a request's head, and one half-sent head keeps
//! it from ending. What one connection may do is in `guard` and `exchange`, the order of the end in `drain`.

mod drain;
mod exchange;
mod guard;
#[cfg(test)]
mod tests;

pub use drain::{Shutdown, ShutdownTrigger, on_signals};

use crate::address::PeerAddress;
use axum::Router;
use exchange::Connection;
use guard::Guard;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinSet},
    time::{Instant, sleep, timeout},
};

/// Pause after an accept that failed: most causes, such as too few file descriptors, do not go away at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Least time between two log lines about accepts that failed.
const ACCEPT_LOG: Duration = Duration::from_secs(1);

/// What clients may hold up, and how long the end may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the first byte of a request's head to its last.
    pub header_timeout: Duration,
    /// How long a connection may be silent before a request. A head that begins late has only what is left of
    /// it. To be longer than the idle time of a proxy in front.
    pub idle_timeout: Duration,
    /// Open connections, at least 1; what comes on top waits in the listener's backlog.
    pub max_connections: usize,
    /// Bytes per second that a client must take of a response that waits for it; 0 = no limit.
    pub min_drain_rate: u64,
    /// The time that a response must have waited for the client before `min_drain_rate` is judged.
    pub drain_window: Duration,
    /// How long the server goes on accepting after the shutdown began, with `Connection: close` on every
    /// response (RFC 9112, 9.6).
    pub drain: Duration,
    /// How long requests under way may take after that, before they are cut.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            max_connections: 10_000,
            min_drain_rate: 1024,
            drain_window: Duration::from_secs(10),
            drain: Duration::from_secs(5),
            deadline: Duration::from_secs(10),
        }
    }
}

/// Counters of one server; each only grows, but for [`open`](Self::open).
#[derive(Debug, Default)]
pub struct ServerStats {
    open: AtomicU64,
    accepted: AtomicU64,
    head_timeouts: AtomicU64,
    slow_readers: AtomicU64,
    cut_at_deadline: AtomicU64,
    accept_errors: AtomicU64,
}

impl ServerStats {
    /// Connections that are open now.
    pub fn open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    /// Connections accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Connections closed because a request's head took longer than [`Limits::header_timeout`].
    pub fn head_timeouts(&self) -> u64 {
        self.head_timeouts.load(Relaxed)
    }

    /// Connections cut because the client took less than [`Limits::min_drain_rate`].
    pub fn slow_readers(&self) -> u64 {
        self.slow_readers.load(Relaxed)
    }

    /// Connections cut at [`Limits::deadline`].
    pub fn cut_at_deadline(&self) -> u64 {
        self.cut_at_deadline.load(Relaxed)
    }

    /// Accepts that failed.
    pub fn accept_errors(&self) -> u64 {
        self.accept_errors.load(Relaxed)
    }
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Connections that were still open at the deadline, and cut.
    pub cut: u64,
}

/// Serves `app` on `listener` until `shutdown` begins, then for [`Limits::drain`]; closes the listener and the
/// idle connections, and returns when the requests under way are finished, at the latest after
/// [`Limits::deadline`]. Nothing that happens on one connection ends it earlier.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    shutdown: Shutdown,
    stats: Arc<ServerStats>,
) -> Outcome {
    let mut server = Server {
        acceptor: Acceptor::new(listener, limits.max_connections, Arc::clone(&stats)),
        app,
        limits: Arc::new(limits),
        shutdown,
        stats,
        closing: Shutdown::new(),
        connections: JoinSet::new(),
    };
    server.accept_until_drained().await;
    server.finish().await
}

struct Server {
    acceptor: Acceptor,
    app: Router,
    limits: Arc<Limits>,
    shutdown: Shutdown,
    stats: Arc<ServerStats>,
    /// Begins when the drain is over: every connection is to close after the request under way.
    closing: (Shutdown, ShutdownTrigger),
    connections: JoinSet<()>,
}

impl Server {
    async fn accept_until_drained(&mut self) {
        let (shutdown, drain) = (self.shutdown.clone(), self.limits.drain);
        let drained = async {
            shutdown.begun().await;
            sleep(drain).await;
        };
        tokio::pin!(drained);
        loop {
            tokio::select! {
                biased;
                () = &mut drained => return,
                Some(ended) = self.connections.join_next() => report_panic(ended),
                (socket, peer, slot) = self.acceptor.next() => self.spawn(socket, peer, slot),
            }
        }
    }

    fn spawn(&mut self, socket: TcpStream, peer: PeerAddress, slot: OwnedSemaphorePermit) {
        let connection = Arc::new(Connection::new(peer));
        let guard = Guard::new(socket, Arc::clone(&connection), Arc::clone(&self.limits), self.stats.clone());
        let (app, shutdown) = (self.app.clone(), self.shutdown.clone());
        let service = service_fn(move |request| connection.serve(app.clone(), shutdown.clone(), request));
        // hyper starts this timer when it begins to wait for a head: it is the limit of the idle time.
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.idle_timeout)
            .serve_connection(TokioIo::new(guard), service);
        let closing = self.closing.0.clone();
        let held = (slot, OpenConnection::count(&self.stats));
        self.connections.spawn(async move {
            let _held = held;
            tokio::pin!(served);
            let ended = tokio::select! {
                ended = &mut served => ended,
                () = closing.begun() => {
                    served.as_mut().graceful_shutdown();
                    served.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(error = &error as &dyn std::error::Error, "connection ended with an error");
            }
        });
    }

    async fn finish(self) -> Outcome {
        let Self { acceptor, limits, stats, closing, mut connections, .. } = self;
        drop(acceptor);
        closing.1.trigger();
        let finished = async {
            while let Some(ended) = connections.join_next().await {
                report_panic(ended);
            }
        };
        if timeout(limits.deadline, finished).await.is_err() {
            while let Some(ended) = connections.try_join_next() {
                report_panic(ended);
            }
        }
        let cut = connections.len() as u64;
        stats.cut_at_deadline.fetch_add(cut, Relaxed);
        connections.shutdown().await;
        Outcome { cut }
    }
}

fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "connection task failed");
    }
}

/// Counts a connection as open for as long as it lives.
struct OpenConnection(Arc<ServerStats>);

impl OpenConnection {
    fn count(stats: &Arc<ServerStats>) -> Self {
        stats.accepted.fetch_add(1, Relaxed);
        stats.open.fetch_add(1, Relaxed);
        Self(Arc::clone(stats))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

struct Acceptor {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    stats: Arc<ServerStats>,
    logged: Option<Instant>,
}

impl Acceptor {
    fn new(listener: TcpListener, max_connections: usize, stats: Arc<ServerStats>) -> Self {
        let slots = Arc::new(Semaphore::new(max_connections.clamp(1, Semaphore::MAX_PERMITS)));
        Self { listener, slots, stats, logged: None }
    }

    /// The next connection, once there is room for one. May be dropped at any time without losing one.
    async fn next(&mut self) -> (TcpStream, PeerAddress, OwnedSemaphorePermit) {
        let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else {
            // The semaphore is never closed.
            return std::future::pending().await;
        };
        loop {
            match self.listener.accept().await {
                Ok((socket, peer)) => {
                    // Fails only on a socket that is already gone, which its first read will tell.
                    let _ = socket.set_nodelay(true);
                    return (socket, PeerAddress(peer.ip()), slot);
                }
                Err(error) => self.failed(&error),
            }
            sleep(ACCEPT_RETRY).await;
        }
    }

    fn failed(&mut self, error: &std::io::Error) {
        self.stats.accept_errors.fetch_add(1, Relaxed);
        if self.logged.is_none_or(|at| at.elapsed() >= ACCEPT_LOG) {
            self.logged = Some(Instant::now());
            tracing::warn!(%error, "cannot accept a connection, trying again");
        }
    }
}
