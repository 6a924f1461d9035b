//! The two ports.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::StartError;
use crate::config::ServerConfig;
use crate::fd_store::{self, Deposit, Held};
use crate::server::Shutdown;

/// Connections that the system takes in before they are accepted; it may allow fewer.
const BACKLOG: u32 = 4096;

/// The API's port, taken and not listened on yet.
pub(super) enum Public {
    Reserved(TcpSocket),
    /// An fd-store may have the socket.
    Stored,
}

/// The API's port, listened on.
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
    held: Option<Held>,
}

impl Public {
    /// Takes the port, so that a port in use is told at once.
    pub(super) fn reserve(config: &ServerConfig) -> Result<Self, StartError> {
        if config.fd_store.is_some() { Ok(Self::Stored) } else { reserve(config.listen).map(Self::Reserved) }
    }

    /// Listens, on the socket of the server before this one if an fd-store has it.
    pub(super) async fn listen(self, config: &ServerConfig) -> Result<Listening, StartError> {
        let address = config.listen;
        let mut held = match &config.fd_store {
            Some(name) => Some(fd_store::take(name, address).await),
            None => None,
        };
        let listener = match (held.as_mut().and_then(Held::listener), self) {
            (Some(listener), _) => {
                tracing::info!("going on with the socket that the fd-store held");
                listener
            }
            (None, Self::Reserved(socket)) => listen(socket, address)?,
            (None, Self::Stored) => listen(reserve(address)?, address)?,
        };
        let address = local(&listener, address)?;
        Ok(Listening { listener, address, held })
    }
}

impl Listening {
    /// Gives the socket to the fd-store, if there is one, until the drain is over: a server that ends in order leaves
    /// nothing behind.
    pub(super) fn deposit(
        self,
        shutdown: &Shutdown,
        drain: Duration,
    ) -> Result<(TcpListener, Option<JoinHandle<()>>), StartError> {
        let Self { listener, address, held } = self;
        let deposit = held.map(|held| held.deposit(&listener)).transpose();
        let deposit = deposit.map_err(|error| StartError::Listen(address, error))?;
        let withdrawn = deposit.map(|deposit| tokio::spawn(withdraw(deposit, shutdown.clone(), drain)));
        Ok((listener, withdrawn))
    }
}

async fn withdraw(deposit: Deposit, shutdown: Shutdown, drain: Duration) {
    shutdown.begun().await;
    sleep(drain).await;
    deposit.withdraw().await;
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
