//! `roster fd-store`

use tokio::runtime;

use super::Failure;
use super::signals::interruptible;
use crate::config::FdStoreConfig;
use crate::fd_store::Store;
use crate::telemetry;

/// Holds the sockets of servers until a signal ends it. One thread is enough for what happens once in a server's life.
pub(super) fn run(config: FdStoreConfig) -> Result<(), Failure> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(hold(config))
}

async fn hold(config: FdStoreConfig) -> Result<(), Failure> {
    let shutdown = interruptible()?;
    let telemetry = telemetry::init(&telemetry::Settings {
        format: config.log.format,
        filter: config.log.filter,
        otlp: false,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        to_stderr: false,
    })?;
    let outcome = match Store::bind(&config.name) {
        Ok(store) => {
            tokio::select! {
                () = store.run() => {}
                () = shutdown.begun() => {}
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    };
    telemetry.shutdown();
    outcome
}
