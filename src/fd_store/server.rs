//! The side of the server, which never fails for want of a store.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use tokio::net::{TcpListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::message::{Message, receive, send};
use super::peer::{address, check};

/// How long a store may take to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// Pause before a store is looked for again.
const RETRY: Duration = Duration::from_secs(1);

/// The connection to a store, if there is one, and what it held.
#[derive(Debug)]
pub struct Held {
    name: String,
    store: Option<UnixStream>,
    listener: Option<TcpListener>,
}

/// A socket that a store holds; dropped, it stays held for the next server.
#[derive(Debug)]
pub struct Deposit {
    release: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Asks a store for the socket that a server before this one has left there. A store that can't be reached is looked for
/// again by [`Held::deposit`].
pub async fn take(name: &str, address: SocketAddr) -> Held {
    let (store, found) =
        match timeout(ANSWER, greeted(name)).await.unwrap_or_else(|late| Err(io::Error::from(late))) {
            Ok((store, found)) => (Some(store), found),
            Err(error) => {
                tracing::warn!(name, %error, "the fd-store does not answer, going on without it");
                (None, None)
            }
        };
    let mut held = Held { name: name.to_owned(), store, listener: None };
    match found.map(|found| listener(found, address)).transpose() {
        Ok(listener) => held.listener = listener,
        Err(error) => {
            tracing::warn!(%error, "what the fd-store holds is of no use");
            if let Some(store) = &held.store {
                let _ = timeout(ANSWER, let_go(store)).await;
            }
        }
    }
    held
}

impl Held {
    /// The socket of the server before this one, if there is any on the same address.
    pub fn listener(&mut self) -> Option<TcpListener> {
        self.listener.take()
    }

    /// Gives the store the socket of this server.
    ///
    /// # Errors
    ///
    /// There are too many open files.
    pub async fn deposit(self, listener: &TcpListener) -> io::Result<Deposit> {
        let listener = listener.as_fd().try_clone_to_owned()?;
        let given = match self.store {
            Some(store) => give(store, &listener).await.ok(),
            None => None,
        };
        let (release, released) = oneshot::channel();
        let task = tokio::spawn(keep(self.name, given, listener, released));
        Ok(Deposit { release, task })
    }
}

impl Deposit {
    /// Has the store let go, and returns when it has, or does not answer.
    pub async fn withdraw(mut self) {
        // Fails only when the task is gone, and what it held with it.
        let _ = self.release.send(());
        if timeout(ANSWER, &mut self.task).await.is_err() {
            tracing::warn!("the fd-store does not answer, and may still hold the socket");
            self.task.abort();
        }
    }
}

/// Keeps the socket in the store that it was given to, and in the next one when a store ends, until it is released.
async fn keep(
    name: String,
    mut given: Option<UnixStream>,
    listener: OwnedFd,
    mut released: oneshot::Receiver<()>,
) {
    loop {
        if let Some(store) = given.take() {
            tokio::select! {
                released = &mut released => {
                    // A sender that is dropped belongs to a server that fails.
                    if released.is_ok() {
                        let _ = let_go(&store).await;
                    }
                    return;
                }
                _ = receive(&store) => tracing::warn!("the fd-store is gone, waiting for the next"),
            }
        }
        given = tokio::select! {
            _ = &mut released => return,
            store = next(&name, &listener) => Some(store),
        };
    }
}

/// The next store, once it holds the socket.
async fn next(name: &str, listener: &OwnedFd) -> UnixStream {
    loop {
        sleep(RETRY).await;
        let Ok(Ok((store, _))) = timeout(ANSWER, greeted(name)).await else { continue };
        if let Ok(store) = give(store, listener).await {
            tracing::info!("the fd-store is there again");
            return store;
        }
    }
}

async fn give(store: UnixStream, listener: &OwnedFd) -> io::Result<UnixStream> {
    send(&store, Message::Socket(listener.as_fd())).await?;
    Ok(store)
}

/// Connects, and hears what the store holds.
async fn greeted(name: &str) -> io::Result<(UnixStream, Option<OwnedFd>)> {
    let store = UnixStream::connect(address(name)).await?;
    check(&store)?;
    match receive(&store).await? {
        Some(Message::Socket(found)) => Ok((store, Some(found))),
        Some(Message::Nothing) => Ok((store, None)),
        Some(Message::LetGo) => Err(io::ErrorKind::InvalidData.into()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Has the store let go, and hears that it has.
async fn let_go(store: &UnixStream) -> io::Result<()> {
    send(store, Message::LetGo).await?;
    receive(store).await.map(drop)
}

/// The same listener as this server would make.
fn listener(found: OwnedFd, address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::from(found);
    let held = listener.local_addr()?;
    if held.ip() != address.ip() || ![0, held.port()].contains(&address.port()) {
        return Err(io::Error::other(format!("it listens on {held}, not on {address}")));
    }
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
