//! Where connections come from.

use super::stats::ServerStats;
use crate::address::PeerAddress;
use crate::fd_store::Deposit;
use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

/// Pause after an accept that failed: most causes, such as too few file descriptors, do not go away at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Least time between two log lines about accepts that failed.
const ACCEPT_LOG: Duration = Duration::from_secs(1);

/// A socket that listens, and what holds it over a crash.
#[derive(Debug)]
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// Where it is held too, if it is.
    pub deposit: Option<Deposit>,
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self { socket, deposit: None }
    }
}

/// Takes connections, as many at a time as there is room for.
pub(super) struct Acceptor {
    listener: Listener,
    slots: Arc<Semaphore>,
    stats: Arc<ServerStats>,
    logged: Option<Instant>,
}

impl Acceptor {
    pub(super) fn new(listener: Listener, max_connections: usize, stats: Arc<ServerStats>) -> Self {
        let slots = Arc::new(Semaphore::new(max_connections.clamp(1, Semaphore::MAX_PERMITS)));
        Self { listener, slots, stats, logged: None }
    }

    /// The next connection, once there is room for one. May be dropped at any time without losing one.
    pub(super) async fn next(&mut self) -> (TcpStream, PeerAddress, OwnedSemaphorePermit) {
        let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else {
            // The semaphore is never closed.
            return std::future::pending().await;
        };
        loop {
            match self.listener.socket.accept().await {
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

    /// Has nobody else hold the socket any more.
    pub(super) async fn withdraw(&mut self) {
        if let Some(deposit) = self.listener.deposit.take() {
            deposit.withdraw().await;
        }
    }

    fn failed(&mut self, error: &io::Error) {
        self.stats.accept_errors.fetch_add(1, Relaxed);
        if self.logged.is_none_or(|at| at.elapsed() >= ACCEPT_LOG) {
            self.logged = Some(Instant::now());
            tracing::warn!(%error, "cannot accept a connection, trying again");
        }
    }
}
