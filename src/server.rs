//! The HTTP/1.1 server: an accept loop of our own under axum, with limits on what a client may hold up, and
//! an orderly end.
//!
//! `axum::serve` is not used because it knows no time limit for a request's head, and one half-sent head keeps
//! it from ending. What one connection may do is in `guard` and `exchange`, the order of the end in `drain`.

mod acceptor;
mod drain;
mod exchange;
mod guard;
mod head;
mod stats;
mod tracked;
#[cfg(test)]
mod tests;
pub mod tls;

pub use drain::{Shutdown, ShutdownTrigger, on_signals};
pub use stats::ServerStats;
pub use tls::Tls;

use crate::address::PeerAddress;
use acceptor::Acceptor;
pub use acceptor::Listener;
use axum::Router;
use exchange::Connection;
use guard::Guard;
use head::HeadGuard;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use stats::OpenConnection;
use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// At the end of the drain: the time in which a further connection shows itself, and how many are still taken.
const LAST_ACCEPT: (Duration, usize) = (Duration::from_millis(1), 128);
/// After the drain: how long a connection that has had no request waits for its first one, and before that for its
/// TLS handshake.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

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

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Connections that were still open at the deadline, and cut.
    pub cut: u64,
}

/// Serves `app` on `listener`, over TLS if that is given, until `shutdown` begins, then for [`Limits::drain`]; closes the listener and the
/// idle connections, and returns when the requests under way are finished, at the latest after
/// [`Limits::deadline`]. Nothing that happens on one connection ends it earlier.
pub async fn serve(
    listener: impl Into<Listener>,
    app: Router,
    tls: Option<Tls>,
    limits: Limits,
    shutdown: Shutdown,
    stats: Arc<ServerStats>,
) -> Outcome {
    let mut server = Server {
        acceptor: Acceptor::new(listener.into(), limits.max_connections, Arc::clone(&stats)),
        app,
        tls,
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
    tls: Option<Tls>,
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
        let served = Served {
            connection,
            app: self.app.clone(),
            limits: Arc::clone(&self.limits),
            stats: Arc::clone(&self.stats),
            shutdown: self.shutdown.clone(),
            closing: self.closing.0.clone(),
        };
        let held = (slot, OpenConnection::count(&self.stats));
        let tls = self.tls.clone();
        self.connections.spawn(async move {
            let _held = held;
            let Some(tls) = tls else { return served.run(guard).await };
            if let Some(stream) = served.shake_hands(&tls, guard).await {
                served.run(stream).await;
            }
        });
    }

    async fn finish(mut self) -> Outcome {
        self.acceptor.withdraw().await;
        // What the system has taken in already would be reset together with the listener.
        for _ in 0..LAST_ACCEPT.1 {
            let Ok((socket, peer, slot)) = timeout(LAST_ACCEPT.0, self.acceptor.next()).await else { break };
            self.spawn(socket, peer, slot);
        }
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

/// What serves one connection.
struct Served {
    connection: Arc<Connection>,
    app: Router,
    limits: Arc<Limits>,
    stats: Arc<ServerStats>,
    shutdown: Shutdown,
    /// Begins when the connection is to close after the request under way.
    closing: Shutdown,
}

impl Served {
    /// The stream within TLS; `None` if the client does not get so far in the time that it has for a head, or for a
    /// first request once the server is to end. Only here, so that nobody holds up those who come after him.
    async fn shake_hands(&self, tls: &Tls, guard: Guard) -> Option<Box<TlsStream<Guard>>> {
        let shaken = timeout(self.limits.header_timeout, TlsAcceptor::from(tls.current()).accept(guard));
        let error = tokio::select! {
            shaken = shaken => match shaken {
                Ok(Ok(stream)) => return Some(Box::new(stream)),
                Ok(Err(error)) => error,
                Err(_) => io::Error::new(io::ErrorKind::TimedOut, "took too long"),
            },
            () = self.first_request_is_over() => return None,
        };
        self.stats.handshake_errors.fetch_add(1, Relaxed);
        tracing::debug!(error = &error as &dyn std::error::Error, "TLS handshake failed");
        None
    }

    /// The client has been told nothing yet, as in `run`.
    async fn first_request_is_over(&self) {
        self.closing.begun().await;
        sleep(FIRST_REQUEST).await;
    }

    async fn run<S: AsyncRead + AsyncWrite + Unpin>(self, stream: S) {
        let Self { connection, app, limits, stats, shutdown, closing } = self;
        let idle_timeout = limits.idle_timeout;
        let guard = HeadGuard::new(stream, Arc::clone(&connection), limits, stats);
        let begun = Arc::clone(&connection);
        let service = service_fn(move |request| connection.serve(app.clone(), shutdown.clone(), request));
        // hyper starts this timer when it begins to wait for a head: it is the limit of the idle time.
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(idle_timeout)
            .serve_connection(TokioIo::new(guard), service);
        tokio::pin!(served);
        let ended = tokio::select! {
            ended = &mut served => ended,
            () = closing.begun() => {
                // Nothing has told this client yet that it is to go elsewhere: its first request may be on its way.
                let first = if begun.is_unused() { FIRST_REQUEST } else { Duration::ZERO };
                if let Ok(ended) = timeout(first, served.as_mut()).await {
                    ended
                } else {
                    served.as_mut().graceful_shutdown();
                    served.await
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = &error as &dyn std::error::Error, "connection ended with an error");
        }
    }
}

fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "connection task failed");
    }
}
