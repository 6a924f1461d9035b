//! The public router with everything around the handlers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::uri::Authority;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tower_http::catch_panic::CatchPanicLayer;

use super::{Parts, StartError};
use crate::api::docs;
use crate::app::{App, RequestLimits, Shared, Texts};
use crate::config::ServeConfig;
use crate::directory::coalescer::Lookups;
use crate::error::{ApiError, Kind};
use crate::store::{Store, StoreError};
use crate::telemetry::{Observer, RequestIds, observe};
use crate::{openapi, routes};

/// The public router with its layers, the outermost last.
pub(super) fn application(config: &ServeConfig, store: &Store, parts: &Parts) -> Result<Router, StartError> {
    let document = openapi::document();
    let limits =
        RequestLimits { max_body: config.server.max_body_bytes, timeout: config.server.request_timeout };
    let app = App::from(Shared {
        store: store.clone(),
        lookups: Lookups::start(store),
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
    let observer = Observer::new(parts.metrics.clone(), ids, parts.traced);
    Ok(routes::router()
        .with_state(app)
        .layer(from_fn_with_state(limits.timeout, limit_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(refuse_other_hosts))
        .layer(from_fn_with_state(observer, observe)))
}

/// Bounds the time until the head of the answer; bodies have a least drain rate instead.
async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let kind = if request.method().is_safe() { Kind::Unavailable } else { Kind::OutcomeUnknown };
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let detail = match kind {
            Kind::Unavailable => "the request took too long",
            _ => "the request took too long; look, or send it again with the same Idempotency-Key",
        };
        ApiError::new(kind, detail).into_response()
    })
}

/// Loopback is what protects callers who have no credentials, and a browser would carry a web page's requests
/// there under the page's own name (DNS rebinding): only names that are this machine's own are answered.
async fn refuse_other_hosts(request: Request, next: Next) -> Response {
    let mut fields = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (fields.next(), fields.next()) else {
        // RFC 9112 section 3.2
        return ApiError::new(Kind::Malformed, "there must be one Host field").into_response();
    };
    let named = request.uri().authority().map_or(host.as_bytes(), |authority| authority.as_str().as_bytes());
    let own =
        std::str::from_utf8(named).ok().and_then(|text| text.parse::<Authority>().ok()).is_some_and(is_own);
    if own {
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
