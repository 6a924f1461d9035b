//! What every handler is given.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;

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

/// Whether the database answers and the schema is new enough, as last seen.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<ReadinessState>);

#[derive(Debug, Default)]
struct ReadinessState {
    ready: AtomicBool,
    reason: std::sync::Mutex<String>,
}

impl Readiness {
    /// Sets the state; `Err` says why the service is not ready.
    pub fn set(&self, state: Result<(), String>) {
        let ready = state.is_ok();
        if let Ok(mut reason) = self.0.reason.lock() {
            *reason = state.err().unwrap_or_default();
        }
        self.0.ready.store(ready, Ordering::Release);
    }

    /// The state; `Err` says why the service is not ready.
    pub fn get(&self) -> Result<(), String> {
        if self.0.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let reason = self.0.reason.lock().map(|reason| reason.clone()).unwrap_or_default();
        Err(if reason.is_empty() { "starting".to_owned() } else { reason })
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
