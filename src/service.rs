//! The whole service: two ports, a database, and what goes on in the background.

mod application;
mod background;
mod bootstrap;
mod gauges;
mod listening;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower_http::catch_panic::CatchPanicLayer;

use crate::api::health::Ops;
use crate::app::Readiness;
use crate::auth::tokens::Tokens;
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::model::secret::Secret;
use crate::server::{self, Limits, ServerStats, Shutdown, ShutdownTrigger, Tls};
use crate::store::migrate::MigrateError;
use crate::store::{OpenError, Store, StoreOptions, Target};
use crate::telemetry::Metrics;
use application::{application, panicked};
use background::{probe, routine};
use gauges::{register, register_tls};
use listening::Public;

/// How long the end waits for the last uses of tokens to be written down.
const LAST_NOTE: Duration = Duration::from_secs(1);

/// Why the service does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// An address can't be listened on.
    #[error("can't listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The database can't be used.
    #[error("database: {0}")]
    Database(String),
    /// The issuers of tokens can't be asked.
    #[error("{0}")]
    Issuers(String),
    /// The end was asked for before the start was done.
    #[error("ended before it was ready")]
    Ended,
    /// The certificate or its key can't be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// The reference page can't be made.
    #[error("reference page: {0}")]
    Docs(#[from] askama::Error),
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<MigrateError> for StartError {
    fn from(error: MigrateError) -> Self {
        Self::Database(error.to_string())
    }
}

/// What the service is given from outside.
pub struct Parts {
    /// The time.
    pub clock: Clock,
    /// Where measurements go.
    pub metrics: Arc<Metrics>,
    /// Whether spans are exported.
    pub traced: bool,
    /// Tells of the end.
    pub shutdown: Shutdown,
    /// Begins the end.
    pub trigger: ShutdownTrigger,
    /// Shows the first token of a new database to the person who started the service, if there is one.
    pub announce: Option<fn(&Secret)>,
}

/// Looks at what the settings name, as a start does, but connects to nothing and listens nowhere.
///
/// # Errors
///
/// The address of the database, or a file of TLS, can't be used.
pub fn check(config: &ServeConfig) -> Result<(), StartError> {
    target(config)?;
    let tls = config.server.tls.clone().map(|files| Tls::load(files, &Clock::System));
    tls.transpose().map(drop).map_err(StartError::Tls)
}

fn target(config: &ServeConfig) -> Result<Target, StartError> {
    Target::parse(config.database.url.expose()).map_err(StartError::Database)
}

/// A running service.
pub struct Service {
    address: SocketAddr,
    ops_address: SocketAddr,
    store: Store,
    tokens: Tokens,
    trigger: ShutdownTrigger,
    public: JoinHandle<server::Outcome>,
    ops: OpsPort,
    background: Vec<JoinHandle<()>>,
}

/// The ops port outlives the public one, so that the end can be watched.
struct OpsPort {
    trigger: ShutdownTrigger,
    task: JoinHandle<server::Outcome>,
}

impl Service {
    /// Starts everything; on return requests are answered.
    pub async fn start(config: &ServeConfig, parts: Parts) -> Result<Self, StartError> {
        let tls = config.server.tls.clone().map(|files| Tls::load(files, &parts.clock)).transpose();
        let (tls, certificates) = tls.map_err(StartError::Tls)?.unzip();
        let public = Public::reserve(&config.server)?;
        let (ops_listener, ops_address) = listening::ops(&config.server)?;
        let readiness = Readiness::default();
        let ops = start_ops(ops_listener, &readiness, &parts);
        let store = tokio::select! {
            opened = open(config, &parts) => opened?,
            () = parts.shutdown.begun() => return Err(StartError::Ended),
        };
        // Only now: before, nothing could be answered, and a refused connection says so at once.
        let public = public.listen(config.server.listen).await?;
        let address = public.address;
        readiness.set(probe(&store).await);
        let tokens = Tokens::new(&store, &parts.clock);
        let mut background = routine(config, &store, &tokens, &readiness, &parts);
        background.extend(bootstrap::begin(config, &store, &parts).await);
        background.extend(certificates.map(|watch| tokio::spawn(watch.run())));
        let stats = Arc::new(ServerStats::default());
        let app = application(config, &store, &tokens, &parts, &stats)?;
        let limits = limits(config);
        register(&parts.metrics, &store, &stats, config.server.max_connections);
        if let Some(tls) = &tls {
            register_tls(&parts.metrics, tls, &stats, &parts.clock);
        }
        let listener = public.deposit().await?;
        tracing::info!(%address, %ops_address, tls = tls.is_some(), "listening");
        let public = tokio::spawn(server::serve(listener, app, tls, limits, parts.shutdown, stats));
        Ok(Self { address, ops_address, store, tokens, trigger: parts.trigger, public, ops, background })
    }

    /// Where the public port listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the ops port listens.
    pub fn ops_address(&self) -> SocketAddr {
        self.ops_address
    }

    /// The database, for tests that look behind the API.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Begins the end, as a signal would.
    pub fn stop(&self) {
        self.trigger.trigger();
    }

    /// Waits for the end and tidies up: public port, ops port, background work, database.
    pub async fn ended(self) {
        let cut = self.public.await.map_or(0, |outcome| outcome.cut);
        self.ops.trigger.trigger();
        let _ = self.ops.task.await;
        for task in self.background {
            task.abort();
        }
        let noted = timeout(LAST_NOTE, self.tokens.note_uses()).await;
        let error = match noted {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("it took longer than {LAST_NOTE:?}")),
        };
        if let Some(error) = error {
            tracing::warn!(error, "the last uses of tokens are not written down");
        }
        self.store.close().await;
        tracing::info!(connections_cut = cut, "ended");
    }
}

async fn open(config: &ServeConfig, parts: &Parts) -> Result<Store, StartError> {
    let target = target(config)?;
    Store::wait_for(&target, config.database.wait).await?;
    let options = StoreOptions {
        connections: config.database.connections,
        acquire_timeout: config.database.timeout,
        statement_timeout: config.server.request_timeout,
        read_only: config.read_only,
    };
    let store = Store::open(&target, options, parts.metrics.clone()).await?;
    if config.migrate && !config.read_only {
        for name in store.migrate(parts.clock.now()).await? {
            tracing::info!(name, "migration applied");
        }
    }
    Ok(store)
}

fn start_ops(listener: TcpListener, readiness: &Readiness, parts: &Parts) -> OpsPort {
    gauges::register_readiness(&parts.metrics, readiness, &parts.shutdown);
    let state = Ops {
        readiness: readiness.clone(),
        shutdown: parts.shutdown.clone(),
        metrics: parts.metrics.clone(),
    };
    let app = crate::routes::ops().with_state(state).layer(CatchPanicLayer::custom(panicked));
    let (shutdown, trigger) = Shutdown::new();
    let limits = Limits {
        drain: Duration::ZERO,
        deadline: Duration::from_secs(1),
        max_connections: 256,
        ..Limits::default()
    };
    let counts = Arc::new(ServerStats::default());
    let task = tokio::spawn(server::serve(listener, app, None, limits, shutdown, counts));
    OpsPort { trigger, task }
}

fn limits(config: &ServeConfig) -> Limits {
    let server = &config.server;
    Limits {
        header_timeout: server.header_timeout,
        idle_timeout: server.idle_timeout,
        max_connections: server.max_connections,
        min_drain_rate: server.min_drain_rate,
        drain: server.drain,
        deadline: server.shutdown,
        ..Limits::default()
    }
}
