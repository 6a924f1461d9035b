//! The two ports.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep};

use super::StartError;
use crate::config::ServerConfig;
use crate::fd_store::{self, Held, PATIENCE};
use crate::server::Listener;

/// Connections that the system takes in before they are accepted; it may allow fewer.
const BACKLOG: u32 = 4096;

/// Pause before a port is tried again that an fd-store holds.
const RETRY: Duration = Duration::from_millis(250);

/// The API's port, before it is listened on.
pub(super) enum Public {
    /// Taken already.
    Reserved(TcpSocket),
    /// The fd-store of this name may hold it.
    Stored(String),
}

/// The API's port, listened on.
pub(super) struct Listening {
    socket: TcpListener,
    pub(super) address: SocketAddr,
    held: Option<Held>,
}

impl Public {
    /// Takes the port, so that a port in use is told at once; not where an fd-store may hold it for this server.
    pub(super) fn reserve(config: &ServerConfig) -> Result<Self, StartError> {
        match &config.fd_store {
            Some(name) => Ok(Self::Stored(name.clone())),
            None => reserve(config.listen).map(Self::Reserved),
        }
    }

    /// Listens, on the socket of the server before this one if an fd-store holds it.
    pub(super) async fn listen(self, address: SocketAddr) -> Result<Listening, StartError> {
        let (socket, held) = match self {
            Self::Reserved(socket) => (listen(socket, address)?, None),
            Self::Stored(name) => {
                let (socket, held) = listen_beside(&name, address).await?;
                (socket, Some(held))
            }
        };
        let address = local(&socket, address)?;
        Ok(Listening { socket, address, held })
    }
}

impl Listening {
    /// Gives the socket to the fd-store, if there is one.
    pub(super) async fn deposit(self) -> Result<Listener, StartError> {
        let Self { socket, address, held } = self;
        let Some(held) = held else { return Ok(socket.into()) };
        let deposit = held.deposit(&socket).await.map_err(|error| StartError::Listen(address, error))?;
        Ok(Listener { socket, deposit: Some(deposit) })
    }
}

/// With a store that does not answer in time, the port is in use for as long as it holds the socket.
async fn listen_beside(store: &str, address: SocketAddr) -> Result<(TcpListener, Held), StartError> {
    let end = Instant::now() + 2 * PATIENCE;
    loop {
        let mut held = fd_store::take(store, address).await;
        if let Some(listener) = held.listener() {
            tracing::info!("going on with the socket that the fd-store held");
            return Ok((listener, held));
        }
        match reserve(address).and_then(|socket| listen(socket, address)) {
            Err(StartError::Listen(_, error))
                if error.kind() == ErrorKind::AddrInUse && Instant::now() < end =>
            {
                sleep(RETRY).await;
            }
            listener => return Ok((listener?, held)),
        }
    }
}

/// The port of operations, which nobody holds over a crash: it is by its silence that the cluster hears of one.
pub(super) fn ops(config: &ServerConfig) -> Result<(TcpListener, SocketAddr), StartError> {
    let address = config.ops_listen;
    let listener = listen(reserve(address)?, address)?;
    let address = local(&listener, address)?;
    Ok((listener, address))
}

/// Takes the port without accepting yet.
fn reserve(address: SocketAddr) -> Result<TcpSocket, StartError> {
    let failed = |error| StartError::Listen(address, error);
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(failed)?;
    socket.set_reuseaddr(true).map_err(failed)?;
    socket.bind(address).map_err(failed)?;
    Ok(socket)
}

fn listen(socket: TcpSocket, address: SocketAddr) -> Result<TcpListener, StartError> {
    socket.listen(BACKLOG).map_err(|error| StartError::Listen(address, error))
}

fn local(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Listen(address, error))
}
