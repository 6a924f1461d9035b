//! What every request to a route of the contract passes first: who calls is found out, and whether they may.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::bearer::{NoCredential, credential};
use super::caller::{Caller, Identity};
use super::limits::{Attempt, Limits};
use super::oidc::{self, Issuers};
use super::tokens::Tokens;
use crate::address::ClientAddress;
use crate::clock::Clock;
use crate::error::{ApiError, Kind};
use crate::model::actor::Actor;
use crate::model::role::{Permission, Role};
use crate::store::StoreError;
use crate::telemetry::Metrics;
use crate::telemetry::request::{CallerReport, RequestId};

/// Time between two looks at the credential of a request that goes on.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Who may ask a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody: no credential is looked at.
    Anyone,
    /// Callers who may do this.
    Needs(Permission),
}

/// Finds out who calls.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Means>);

#[derive(Debug)]
struct Means {
    /// `None` lets everybody in, as `demo` does.
    tokens: Option<Tokens>,
    issuers: Option<Issuers>,
    limits: Limits,
    clock: Clock,
    metrics: Arc<Metrics>,
    everybody: Arc<Identity>,
}

/// Why a caller is not let in.
enum Refusal {
    Missing,
    Malformed(&'static str),
    Invalid(&'static str),
    Forbidden(Permission, Arc<str>),
    Throttled(&'static str, Duration, Option<Arc<str>>),
    Failed(ApiError),
}

impl Gate {
    /// Asks for credentials.
    pub fn new(
        tokens: Tokens,
        issuers: Issuers,
        limits: Limits,
        clock: &Clock,
        metrics: &Arc<Metrics>,
    ) -> Self {
        Self::with(Some(tokens), Some(issuers), limits, clock, metrics)
    }

    /// Takes everybody for an administrator: for a database that goes away, on a loopback address.
    pub fn open(clock: &Clock, metrics: &Arc<Metrics>) -> Self {
        Self::with(None, None, Limits::new(None, None), clock, metrics)
    }

    fn with(
        tokens: Option<Tokens>,
        issuers: Option<Issuers>,
        limits: Limits,
        clock: &Clock,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let everybody = Arc::new(Identity::new(Actor::sole("demo"), Some(Role::Admin), None));
        Self(Arc::new(Means {
            tokens,
            issuers,
            limits,
            clock: clock.clone(),
            metrics: metrics.clone(),
            everybody,
        }))
    }

    async fn admit(&self, request: &Parts, needed: Permission) -> Result<Caller, Refusal> {
        let address = request.extensions.get::<ClientAddress>().map(|client| client.0);
        let identity = match &self.0.tokens {
            None => self.0.everybody.clone(),
            Some(tokens) => self.identify(tokens, request, address).await?,
        };
        let asked = self.0.limits.asked(&identity.key);
        asked.map_err(|wait| Refusal::Throttled("too many requests", wait, Some(identity.key.clone())))?;
        if !identity.may(needed) {
            return Err(Refusal::Forbidden(needed, identity.key.clone()));
        }
        let request_id = request.extensions.get::<RequestId>().map(|id| id.0.clone());
        Ok(Caller { identity, needed, request_id, address })
    }

    /// Whether a caller that was let in may still do what its request takes: its token may have been revoked, or may
    /// have expired, while the body was on its way or the answer is.
    pub async fn still_admits(&self, caller: &Caller) -> Result<bool, StoreError> {
        let Some(tokens) = &self.0.tokens else { return Ok(true) };
        if let Some(digest) = &caller.identity.digest {
            let now = tokens.confirm(digest).await?;
            return Ok(now.is_some_and(|identity| identity.may(caller.needed)));
        }
        let end = caller.identity.expires_at.map(|time| time.saturating_add(oidc::LEEWAY));
        Ok(end.is_none_or(|end| self.0.clock.now() < end))
    }

    /// Ends when a caller that was let in may not go on.
    pub async fn loses(&self, caller: &Caller) {
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            // Where it can't be told, what goes on will meet the same trouble by itself.
            if matches!(self.still_admits(caller).await, Ok(false)) {
                return;
            }
        }
    }

    /// Has tokens read anew, after one was changed here.
    pub fn forget_tokens(&self) {
        if let Some(tokens) = &self.0.tokens {
            tokens.forget();
        }
    }

    async fn identify(
        &self,
        tokens: &Tokens,
        request: &Parts,
        address: Option<IpAddr>,
    ) -> Result<Arc<Identity>, Refusal> {
        let fields = request.headers.get_all(header::AUTHORIZATION);
        let secret = match credential(fields.iter().map(HeaderValue::as_bytes)) {
            Ok(secret) => secret,
            Err(NoCredential::Missing) => return Err(Refusal::Missing),
            Err(NoCredential::Malformed(reason)) => return Err(Refusal::Malformed(reason)),
        };
        let issuers = self.0.issuers.as_ref().filter(|issuers| !issuers.is_empty());
        match issuers.filter(|_| Issuers::looks_like_jwt(secret)) {
            Some(issuers) => self.bearer_of_jwt(issuers, secret, address).await,
            None => self.bearer_of_token(tokens, secret, address).await,
        }
    }

    async fn bearer_of_token(
        &self,
        tokens: &Tokens,
        secret: &str,
        address: Option<IpAddr>,
    ) -> Result<Arc<Identity>, Refusal> {
        let failed = |error| Refusal::Failed(ApiError::from(error));
        if let Some(identity) = tokens.recall(secret).await.map_err(failed)? {
            return Ok(identity);
        }
        let attempt = self.listen_to(address).await?;
        let verified = tokens.verify(secret).await.map_err(failed)?;
        verified.ok_or_else(|| {
            attempt.failed();
            Refusal::Invalid("unknown token")
        })
    }

    async fn bearer_of_jwt(
        &self,
        issuers: &Issuers,
        token: &str,
        address: Option<IpAddr>,
    ) -> Result<Arc<Identity>, Refusal> {
        if let Some(known) = issuers.recall(token) {
            return Ok(known);
        }
        // One that was good needs another look only because its issuer's keys do.
        let attempt = if issuers.remembers(token) { None } else { Some(self.listen_to(address).await?) };
        match issuers.verify(token).await {
            Ok(identity) => Ok(identity),
            Err(oidc::Refusal::Invalid(reason)) => {
                attempt.inspect(Attempt::failed);
                Err(Refusal::Invalid(reason))
            }
            Err(oidc::Refusal::Unavailable(reason)) => {
                let error = ApiError::new(Kind::Unavailable, "the issuer of this token can't be asked now");
                Err(Refusal::Failed(error.because(reason)))
            }
        }
    }

    /// What is not known yet takes work: whoever has failed too often has to wait for it.
    async fn listen_to(&self, address: Option<IpAddr>) -> Result<Attempt<'_>, Refusal> {
        let attempt = self.0.limits.listen_to(address).await;
        attempt.map_err(|wait| Refusal::Throttled("too many failed credentials", wait, None))
    }
}

impl Refusal {
    /// The answer to the client, who is told no more than what it has to do, and the reason for the log.
    fn answer(self, metrics: &Metrics) -> Response {
        let mut caller = None;
        let (label, error) = match self {
            Self::Missing => {
                let error = ApiError::new(Kind::Unauthenticated, "this takes an access token as a bearer");
                ("missing", error.because("no credential"))
            }
            Self::Malformed(reason) => {
                ("malformed", ApiError::new(Kind::InvalidToken, INVALID).because(reason))
            }
            Self::Invalid(reason) => ("invalid", ApiError::new(Kind::InvalidToken, INVALID).because(reason)),
            Self::Forbidden(needed, key) => {
                caller = Some(CallerReport(key));
                let detail = format!("this takes the permission {}", needed.name());
                ("forbidden", ApiError::new(Kind::Forbidden, detail))
            }
            Self::Throttled(detail, wait, key) => {
                caller = key.map(CallerReport);
                ("throttled", ApiError::new(Kind::TooManyRequests, detail).after(wait))
            }
            Self::Failed(error) => return error.into_response(),
        };
        metrics.refused(label);
        let mut response = error.into_response();
        if let Some(caller) = caller {
            response.extensions_mut().insert(caller);
        }
        response
    }
}

const INVALID: &str = "the access token is not good";

/// The middleware of one route.
pub async fn pass(State((gate, access)): State<(Gate, Access)>, request: Request, next: Next) -> Response {
    let Access::Needs(needed) = access else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let caller = match gate.admit(&parts, needed).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal.answer(&gate.0.metrics),
    };
    let report = CallerReport(caller.identity.key.clone());
    parts.extensions.insert(caller);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    response.extensions_mut().insert(report);
    response
}
