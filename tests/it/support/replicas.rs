//! Several services on one database, behind one address at which every connection goes to a random one of them.
//!
//! `ROSTER_TEST_REPLICAS` says how many; `cargo xtask test` sets it to 2 in a stage of its own. Only PostgreSQL serves
//! more than one. Clients then keep no connections, so that every request goes to a random replica.

use std::sync::Arc;

use rand::RngExt as _;
use roster::clock::Clock;
use roster::config::ServeConfig;
use roster::server::Shutdown;
use roster::service::{Parts, Service};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::metrics;
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
