//! What every handler is given.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use crate::auth::caller::Caller;
use crate::auth::gate::Gate;
use crate::clock::Clock;
use crate::directory::coalescer::Lookups;
use crate::error::{ApiError, ApiResult, Kind};
use crate::server::Shutdown;
use crate::store::Store;
use crate::store::journal::Author;
use crate::telemetry::Metrics;

/// The state of the service. Each layer of each request clones it, so a clone is one count.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// What all clones of an [`App`] share.
pub struct Shared {
    /// The database.
    pub store: Store,
    /// Lookups of single users.
    pub lookups: Lookups,
    /// Who may ask what.
    pub gate: Gate,
    /// The time.
    pub clock: Clock,
    /// Where measurements go.
    pub metrics: Arc<Metrics>,
    /// Tells that the service is about to end.
    pub shutdown: Shutdown,
    /// Limits on requests.
    pub limits: RequestLimits,
    /// Texts that never change while the program runs.
    pub texts: Arc<Texts>,
}

impl From<Shared> for App {
    fn from(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Limits on one request.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Most bytes of a body.
    pub max_body: usize,
    /// Time until the first byte of the answer.
    pub timeout: Duration,
}

/// Documents that are made once, at the start.
#[derive(Debug)]
pub struct Texts {
    /// `/openapi.json`
    pub openapi: Bytes,
    /// `/docs`
    pub docs: Bytes,
    /// The content security policy of `/docs`.
    pub docs_policy: String,
}

/// Why the service is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unready {
    /// The database was not looked at yet.
    #[error("starting")]
    Starting,
    /// The database does not answer, or not as it should.
    #[error("{0}")]
    Database(String),
    /// The database answers, and its schema is not what this program needs.
    #[error("{0}")]
    Schema(String),
}

/// Whether the database answers and the schema is new enough, as last seen.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<Seen>>);

#[derive(Debug)]
struct Seen {
    now: Result<(), Unready>,
    /// When the database last answered.
    answered: Result<(), Unready>,
}

impl Default for Readiness {
    fn default() -> Self {
        let starting = || Err(Unready::Starting);
        Self(Arc::new(Mutex::new(Seen { now: starting(), answered: starting() })))
    }
}

impl Readiness {
    /// Sets the state; `Err` says why the service is not ready.
    pub fn set(&self, state: Result<(), Unready>) {
        let mut seen = self.seen();
        if !matches!(state, Err(Unready::Database(_))) {
            seen.answered.clone_from(&state);
        }
        seen.now = state;
    }

    /// Whether the database answers, whatever its schema.
    pub fn database_answers(&self) -> bool {
        matches!(self.get(), Ok(()) | Err(Unready::Schema(_)))
    }

    /// The state; `Err` says why the service is not ready.
    pub fn get(&self) -> Result<(), Unready> {
        self.seen().now.clone()
    }

    /// The state as it was when the database last answered: it may be away now, and requests get a 503 that says so.
    pub fn without_database(&self) -> Result<(), Unready> {
        self.seen().answered.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Whom the journal names for a write of this caller now.
    ///
    /// # Errors
    /// The caller's credential has been revoked or has expired since its request began.
    pub async fn author(&self, caller: &Caller) -> ApiResult<Author> {
        if !self.gate.still_admits(caller).await? {
            return Err(ApiError::new(Kind::InvalidToken, "the access token is not good any more"));
        }
        Ok(caller.author(self.clock.now()))
    }
}
