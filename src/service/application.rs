//! The public router with everything around the handlers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{Method, Version, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tower_http::catch_panic::CatchPanicLayer;

use super::gauges::register_lookups;
use super::{Parts, StartError};
use crate::address::{PeerAddress, TrustedProxies};
use crate::api::body::IDEMPOTENCY_KEY;
use crate::api::docs;
use crate::app::{App, RequestLimits, Shared, Texts};
use crate::auth::gate::Gate;
use crate::auth::limits::Limits;
use crate::auth::oidc::Issuers;
use crate::auth::tokens::Tokens;
use crate::config::ServeConfig;
use crate::directory::coalescer::Lookups;
use crate::error::{ApiError, Kind};
use crate::server::ServerStats;
use crate::store::{Store, StoreError};
use crate::telemetry::{Observer, RequestIds, observe};
use crate::{openapi, routes};

/// The public router with its layers, the outermost last.
pub(super) fn application(
    config: &ServeConfig,
    store: &Store,
    tokens: &Tokens,
    parts: &Parts,
    stats: &Arc<ServerStats>,
) -> Result<Router, StartError> {
    let document = openapi::document();
    let limits =
        RequestLimits { max_body: config.server.max_body_bytes, timeout: config.server.request_timeout };
    let gate = gate(config, tokens, parts)?;
    let lookups = Lookups::start(store);
    register_lookups(&parts.metrics, &lookups);
    let app = App::from(Shared {
        store: store.clone(),
        lookups,
        gate: gate.clone(),
        clock: parts.clock.clone(),
        metrics: parts.metrics.clone(),
        shutdown: parts.shutdown.clone(),
        limits,
        texts: Arc::new(Texts {
            openapi: Bytes::from(openapi::text()),
            docs: Bytes::from(docs::page(&document)?),
            docs_policy: docs::content_security_policy(),
        }),
    });
    let ids = Arc::new(RequestIds::from_system());
    let stats = Arc::clone(stats);
    let cutting = move || stats.cut_at_deadline() > 0;
    let observer = Observer::new(parts.metrics.clone(), ids, parts.traced, cutting);
    Ok(routes::router(&gate)
        .with_state(app)
        .layer(from_fn_with_state(limits.timeout, limit_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Hosts { own_alone: config.callers.open }, check_host))
        .layer(from_fn_with_state(observer, observe))
        .layer(from_fn_with_state(config.server.trusted_proxies.clone(), note_client)))
}

/// Tells the others who the client is.
async fn note_client(State(trusted): State<TrustedProxies>, mut request: Request, next: Next) -> Response {
    if let Some(PeerAddress(peer)) = request.extensions().get().copied() {
        let client = trusted.client(peer, request.headers());
        request.extensions_mut().insert(client);
    }
    next.run(request).await
}

fn gate(config: &ServeConfig, tokens: &Tokens, parts: &Parts) -> Result<Gate, StartError> {
    let callers = &config.callers;
    if callers.open {
        return Ok(Gate::open(&parts.clock, &parts.metrics));
    }
    let limits = Limits::new(callers.failures_per_minute, callers.requests_per_second);
    let issuers =
        Issuers::new(config.issuers.clone(), &parts.clock, &parts.metrics).map_err(StartError::Issuers)?;
    Ok(Gate::new(tokens.clone(), issuers, limits, &parts.clock, &parts.metrics))
}

/// Bounds the time until the head of the answer; bodies have a least drain rate instead.
async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    const LATE: &str = "the request took too long";
    let late = if request.method().is_safe() {
        ApiError::new(Kind::Unavailable, LATE)
    } else {
        ApiError::outcome_unknown(LATE).of_keyed(keeps_answers(&request))
    };
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| late.into_response())
}

/// Whether a repetition is given the answer of the first attempt.
fn keeps_answers(request: &Request) -> bool {
    let kept = [routes::USERS, routes::BATCH].contains(&request.uri().path());
    kept && request.method() == Method::POST && request.headers().contains_key(&IDEMPOTENCY_KEY)
}

/// Which hosts are answered for.
#[derive(Clone, Copy)]
struct Hosts {
    /// Where loopback is what protects callers who have no credentials, a browser would carry a web page's requests
    /// there under the page's own name (DNS rebinding): only names that are this machine's own are answered then.
    own_alone: bool,
}

async fn check_host(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let mut fields = request.headers().get_all(header::HOST).iter();
    // RFC 9112 section 3.2
    let host = match (fields.next(), fields.next()) {
        (Some(host), None) => host.as_bytes(),
        (None, _) if request.version() < Version::HTTP_11 => b"",
        _ => return ApiError::new(Kind::Malformed, "there must be one Host field").into_response(),
    };
    let authority = std::str::from_utf8(host).ok().and_then(|text| text.parse::<Authority>().ok());
    // It may be empty, and names no user.
    if !host.is_empty() && (authority.is_none() || host.contains(&b'@')) {
        return ApiError::new(Kind::Malformed, "the Host field is not a host with or without a port")
            .into_response();
    }
    let named = request.uri().authority().cloned().or(authority);
    let own = named.is_some_and(is_own);
    if own || !hosts.own_alone {
        return next.run(request).await;
    }
    ApiError::new(Kind::Misdirected, "only localhost and loopback addresses are answered").into_response()
}

#[expect(clippy::needless_pass_by_value, reason = "the caller has no further use for it")]
fn is_own(authority: Authority) -> bool {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[expect(clippy::needless_pass_by_value, reason = "the layer calls it so")]
pub(super) fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    ApiError::from(StoreError::Internal(format!("panic: {text}"))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_kept_may_be_sent_again_without_looking() {
        for (method, path, keyed, kept) in [
            ("POST", "/users", true, true),
            ("POST", "/users/batch", true, true),
            ("POST", "/users", false, false),
            ("POST", "/users/import", true, false),
            ("POST", "/tokens", true, false),
            ("PUT", "/users/1", true, false),
        ] {
            let mut request = Request::builder().method(method).uri(path);
            if keyed {
                request = request.header(IDEMPOTENCY_KEY, "a");
            }
            let request = request.body(axum::body::Body::empty()).unwrap();
            assert_eq!(keeps_answers(&request), kept, "{method} {path}");
        }
    }
}
