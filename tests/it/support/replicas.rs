//! Several services on one database, behind one address at which every connection goes to a random one of them.
//!
//! `ROSTER_TEST_REPLICAS` says how many; `cargo xtask test` sets it to 2 in a stage of its own. Only PostgreSQL serves
//! more than one. Clients then keep no connections, so that every request goes to a random replica. All but the first
//! are processes of their own, since what processes share is the database alone.

use std::sync::Arc;

use rand::RngExt as _;
use roster::clock::Clock;
use roster::config::ServeConfig;
use roster::server::Shutdown;
use roster::service::{Parts, Service};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::{Program, metrics};
use crate::random::{generator, seed};

/// How many services a test's server on PostgreSQL is.
#[expect(clippy::disallowed_methods, reason = "tests are told what to use by their environment")]
pub(crate) fn wanted() -> usize {
    let text = std::env::var("ROSTER_TEST_REPLICAS").unwrap_or_else(|_| "1".to_owned());
    text.parse().unwrap_or_else(|error| panic!("ROSTER_TEST_REPLICAS={text}: {error}"))
}

/// A service with these settings.
pub(crate) async fn service(settings: &ServeConfig, clock: &Clock) -> Service {
    let (shutdown, trigger) = Shutdown::new();
    let parts =
        Parts { clock: clock.clone(), metrics: metrics(), traced: false, shutdown, trigger, announce: None };
    Service::start(settings, parts).await.unwrap()
}

/// One beside the first.
pub(crate) enum Replica {
    Process(Box<Program>),
    /// Where a test holds the clock.
    Here(Box<Service>),
}

impl Replica {
    /// Starts it with these arguments of `serve`, which the settings are read from.
    pub(crate) async fn start(arguments: &[&str], settings: &ServeConfig, clock: &Clock) -> Self {
        if matches!(clock, Clock::Fixed(_)) {
            return Self::Here(Box::new(service(settings, clock).await));
        }
        let mut command = super::program(&["serve"]);
        command.args(arguments);
        let mut program = Program::started(command).await;
        drop(program.drain_log());
        Self::Process(Box::new(program))
    }

    pub(crate) fn address(&self) -> String {
        match self {
            Self::Process(program) => program.url.trim_start_matches("http://").to_owned(),
            Self::Here(service) => service.address().to_string(),
        }
    }

    /// The address of its operations port.
    pub(crate) fn ops(&self) -> String {
        match self {
            Self::Process(program) => program.ops.clone(),
            Self::Here(service) => format!("http://{}", service.ops_address()),
        }
    }

    /// Asks it to end.
    pub(crate) fn stop(&self) {
        match self {
            Self::Process(program) => program.signal("TERM"),
            Self::Here(service) => service.stop(),
        }
    }

    pub(crate) async fn ended(self) {
        match self {
            Self::Process(mut program) => assert!(program.child.wait().await.unwrap().success()),
            Self::Here(service) => service.ended().await,
        }
    }
}

/// The address before several services; it is gone with this value.
pub(crate) struct Door {
    pub(crate) url: String,
    accepting: AbortHandle,
}

impl Door {
    /// Opens it before services at these addresses.
    pub(crate) async fn before(addresses: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut random = generator(seed("replicas"), 0);
        let addresses = Arc::new(addresses);
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (all, chosen) = (addresses.clone(), random.random_range(0..addresses.len()));
                tokio::spawn(async move {
                    // Who refuses is seen by the client as an early end.
                    let Ok(mut server) = TcpStream::connect(&all[chosen]).await else { return };
                    let _ = (client.set_nodelay(true), server.set_nodelay(true));
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { url, accepting: accepting.abort_handle() }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
