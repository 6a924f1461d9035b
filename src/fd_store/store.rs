//! The side that holds the socket.

use std::future::pending;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, sleep, sleep_until};

use super::message::{Message, receive, send};
use super::peer::{address, check};

/// How long a socket is held for a server that does not come back: who connects meanwhile waits in vain.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A server that is lost again within this time is not waited for: the kubelet starts a container again at once, but after
/// its second crash within ten minutes only when ten seconds are over.
const CALM: Duration = Duration::from_mins(10);

/// Pause after an accept that failed.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The store does not start.
#[derive(Debug, Error)]
#[error("can't be the fd-store {0:?}: {1}")]
pub struct BindError(String, io::Error);

/// A store that servers can reach.
#[derive(Debug)]
pub struct Store {
    servers: UnixListener,
    held: Option<OwnedFd>,
    /// When the last server was lost.
    lost: Option<Instant>,
    patience: Duration,
}

impl Store {
    /// Takes a name.
    ///
    /// # Errors
    ///
    /// Another store has it, or this system has no abstract Unix sockets.
    pub fn bind(name: &str) -> Result<Self, BindError> {
        let servers = UnixListener::bind(address(name)).map_err(|error| BindError(name.to_owned(), error))?;
        Ok(Self { servers, held: None, lost: None, patience: PATIENCE })
    }

    #[cfg(test)]
    pub(super) fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Serves servers, one after the other, for ever.
    pub async fn run(mut self) {
        tracing::info!("ready to hold the socket of a server");
        loop {
            let until = self.lost.filter(|_| self.held.is_some()).map(|lost| lost + self.patience);
            let accepted = tokio::select! {
                biased;
                accepted = self.servers.accept() => accepted,
                () = reached(until) => {
                    self.held = None;
                    tracing::warn!(after = ?self.patience, "no server has come back, let go of its socket");
                    continue;
                }
            };
            match accepted.map(|(server, _)| check(&server).map(|()| server)) {
                Ok(Ok(server)) => self.attend(&server).await,
                Ok(Err(refused)) => tracing::warn!(%refused, "who connects is no server of this store"),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection, trying again");
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// Serves one server to its end.
    async fn attend(&mut self, server: &UnixStream) {
        let held = self.held.as_ref().map_or(Message::Nothing, |held| Message::Socket(held.as_fd()));
        if let Err(error) = send(server, held).await {
            tracing::debug!(%error, "a server went away before it was told what is held");
            return;
        }
        let mut its_own = false;
        loop {
            match receive(server).await {
                Ok(Some(Message::Socket(socket))) => {
                    (self.held, its_own) = (Some(socket), true);
                    tracing::info!("holding the socket of a server");
                }
                Ok(Some(Message::LetGo)) => {
                    (self.held, its_own) = (None, false);
                    tracing::info!("let go of the socket, as the server asks");
                    if send(server, Message::Nothing).await.is_err() {
                        break;
                    }
                }
                Ok(Some(Message::Nothing) | None) => break,
                Err(error) => {
                    tracing::warn!(%error, "the connection to a server is given up");
                    break;
                }
            }
        }
        if its_own {
            self.lose();
        }
    }

    /// A server is gone and has not said so.
    fn lose(&mut self) {
        let now = Instant::now();
        let before = self.lost.replace(now);
        if before.is_some_and(|before| now - before < CALM) {
            self.held = None;
            tracing::warn!("a server is gone once more, let go of its socket");
        } else {
            tracing::warn!(patience = ?self.patience, "a server is gone, holding its socket for the next");
        }
    }
}

async fn reached(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => pending().await,
    }
}
