//! The only SQL. One text serves SQLite and PostgreSQL wherever the two agree; where they do not, the
//! difference lives in the migrations (views, defaults) or in a constant per engine beside its use.

pub mod backup;
pub mod bulk;
pub mod changes;
mod connect;
pub mod copy;
mod encryption;
mod error;
mod filter;
pub mod idempotency;
pub mod journal;
mod lend;
mod lender;
pub mod list;
pub mod lookup;
pub mod measure;
pub mod migrate;
mod next_schema;
mod packed;
mod rights;
mod rows;
pub mod snapshot;
pub mod tokens;
pub mod users;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::{Postgres, Sqlite};

use connect::PROBE_TIMEOUT;
pub use connect::{OpenError, StoreOptions, Target};
pub use error::StoreError;
pub(crate) use lend::{Session, Tx, too_long};
use lender::Lender;

use crate::telemetry::metrics::Metrics;

/// The database engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded; for one replica.
    Sqlite,
    /// For any number of replicas.
    Postgres,
}

/// A value for each engine.
#[derive(Clone, Debug)]
pub(crate) enum Either<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// SQLite has one writer at a time: its connection stands apart, so that readers never wait for it.
/// The probe has a connection of its own: a busy pool is no reason to call the service unready.
#[derive(Clone)]
pub(crate) struct SqlitePools {
    pub(crate) read: Lender<Sqlite>,
    pub(crate) write: Lender<Sqlite>,
    pub(crate) probe: Lender<Sqlite>,
    /// For the tokens of callers.
    pub(crate) callers: Lender<Sqlite>,
}

/// The probe has a connection of its own here too.
#[derive(Clone)]
pub(crate) struct PgPools {
    pub(crate) main: Lender<Postgres>,
    pub(crate) probe: Lender<Postgres>,
    /// For the tokens of callers.
    pub(crate) callers: Lender<Postgres>,
}

/// Runs the same expression on the connection of a session or a transaction on either engine.
macro_rules! on {
    ($session:expr, $connection:ident => $body:expr) => {
        match $session.lent() {
            $crate::store::Either::Sqlite(lent) => {
                let $connection = &mut **lent;
                $body
            }
            $crate::store::Either::Postgres(lent) => {
                let $connection = &mut **lent;
                $body
            }
        }
    };
}
pub(crate) use on;

/// Runs a read on a lent connection: timed, bounded, and repeated when the connection turns out to be dead.
macro_rules! read {
    ($store:expr, $operation:literal, $session:ident => $body:expr) => {{
        let mut attempt = 0;
        loop {
            attempt += 1;
            let started = std::time::Instant::now();
            let outcome = match $store.session().await {
                Err(error) => Err(error),
                Ok(mut $session) => {
                    let limited = tokio::time::timeout($store.options.statement_timeout, $body).await;
                    match limited {
                        Ok(Ok(done)) => {
                            $session.finish();
                            Ok(done)
                        }
                        Ok(Err(error)) => Err(error),
                        Err(_) => {
                            $session.abandon();
                            Err($crate::store::too_long())
                        }
                    }
                }
            };
            $store.observe($operation, started, outcome.as_ref().err());
            match outcome {
                Err($crate::store::StoreError::ConnectionLost(_))
                    if attempt <= $store.options.connections => {}
                outcome => break outcome,
            }
        }
    }};
}
pub(crate) use read;

/// The store: a handle that is cheap to clone.
#[derive(Clone)]
pub struct Store {
    pools: Either<SqlitePools, PgPools>,
    options: Arc<StoreOptions>,
    metrics: Arc<Metrics>,
    /// Idempotency keys whose write runs in this process.
    running: Arc<Mutex<HashSet<String>>>,
}

impl Store {
    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        match self.pools {
            Either::Sqlite(_) => Engine::Sqlite,
            Either::Postgres(_) => Engine::Postgres,
        }
    }

    /// Whether writes are refused by configuration.
    pub fn is_read_only(&self) -> bool {
        self.options.read_only
    }

    /// Connections in use, idle, and allowed.
    pub fn connections(&self) -> (u32, u32, u32) {
        match &self.pools {
            Either::Sqlite(SqlitePools { read, write, .. }) => {
                let ((used, idle, max), (writing, resting, _)) = (read.connections(), write.connections());
                (used + writing, idle + resting, max + 1)
            }
            Either::Postgres(PgPools { main, .. }) => main.connections(),
        }
    }

    /// Closes all connections; SQLite then has its log merged into the database file.
    pub async fn close(&self) {
        const PATIENCE: Duration = Duration::from_secs(3);
        let closing = async {
            match &self.pools {
                Either::Sqlite(SqlitePools { read, write, probe, callers }) => {
                    probe.close().await;
                    callers.close().await;
                    read.close().await;
                    write.empty();
                    let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(write.pool()).await;
                    write.close().await;
                }
                Either::Postgres(PgPools { main, probe, callers }) => {
                    probe.close().await;
                    callers.close().await;
                    main.close().await;
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, closing).await;
    }

    /// Lends a connection for reading.
    pub(crate) async fn session(&self) -> Result<Session, StoreError> {
        let limit = self.options.statement_timeout;
        match &self.pools {
            Either::Sqlite(pools) => Session::sqlite(pools.read.lend(limit).await?, limit).await,
            Either::Postgres(pools) => Ok(Session::Postgres(pools.main.lend(limit).await?)),
        }
    }

    /// Lends the connection by which tokens are read.
    pub(crate) async fn callers_session(&self) -> Result<Session, StoreError> {
        let limit = self.options.statement_timeout;
        match &self.pools {
            Either::Sqlite(pools) => Session::sqlite(pools.callers.lend(limit).await?, limit).await,
            Either::Postgres(pools) => Ok(Session::Postgres(pools.callers.lend(limit).await?)),
        }
    }

    /// Lends the probe's connection.
    pub(crate) async fn probe_session(&self) -> Result<Session, StoreError> {
        match &self.pools {
            Either::Sqlite(pools) => {
                Session::sqlite(pools.probe.lend(PROBE_TIMEOUT).await?, PROBE_TIMEOUT).await
            }
            Either::Postgres(pools) => Ok(Session::Postgres(pools.probe.lend(PROBE_TIMEOUT).await?)),
        }
    }

    /// Begins a transaction that will write. It may take a little longer than one statement may.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let limit = self.options.statement_timeout;
            let session = match &self.pools {
                Either::Sqlite(pools) => pools.write.lend(limit).await.map(Either::Sqlite),
                Either::Postgres(pools) => pools.main.lend(limit).await.map(Either::Postgres),
            };
            let begun = match session {
                Ok(session) => Tx::begin(session, limit).await,
                Err(error) => Err(error),
            };
            match begun {
                Err(StoreError::ConnectionLost(_)) if attempt <= self.options.connections => {}
                begun => return begun,
            }
        }
    }

    /// Records the time and the outcome of one operation.
    pub(crate) fn observe(&self, operation: &'static str, started: Instant, error: Option<&StoreError>) {
        let fault = error.is_some_and(StoreError::is_fault);
        self.metrics.query(operation, started.elapsed().as_secs_f64(), !fault);
    }
}
