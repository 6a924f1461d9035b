//! The side that holds the socket.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use super::message::{Received, receive, send};
use super::peer::{address, check};

/// How long a socket is held for a server that does not come back: who connects meanwhile waits in vain.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

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
        Ok(Self { servers, held: None, patience: PATIENCE })
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
            let accepted = tokio::select! {
                accepted = self.servers.accept() => accepted,
                () = sleep(self.patience), if self.held.is_some() => {
                    self.held = None;
                    tracing::warn!(after = ?self.patience, "no server has come back, let go of its socket");
                    continue;
                }
            };
            match accepted.and_then(|(server, _)| check(&server).map(|()| server)) {
                Ok(server) => self.attend(&server).await,
                Err(error) => {
                    tracing::warn!(%error, "a connection is not accepted");
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// Serves one server to its end.
    async fn attend(&mut self, server: &UnixStream) {
        if let Err(error) = send(server, self.held.as_ref().map(OwnedFd::as_fd)).await {
            tracing::debug!(%error, "a server went away before it was told what is held");
            return;
        }
        loop {
            match receive(server).await {
                Ok(Received::Descriptor(socket)) => {
                    self.held = Some(socket);
                    tracing::info!("holding a server's socket");
                }
                Ok(Received::Nothing) => {
                    self.held = None;
                    tracing::info!("a server ends, let go of its socket");
                }
                Ok(Received::End) | Err(_) => break,
            }
        }
        if self.held.is_some() {
            tracing::warn!(patience = ?self.patience, "a server is gone, holding its socket for the next");
        }
    }
}
