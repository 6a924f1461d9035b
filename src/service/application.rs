//! The public router with everything around the handlers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tower_http::catch_panic::CatchPanicLayer;

use super::{Parts, StartError};
use crate::api::docs;
use crate::app::{App, Readiness, RequestLimits, Texts};
use crate::config::ServeConfig;
use crate::directory::coalescer::Lookups;
use crate::error::{ApiError, Kind};
use crate::store::{Store, StoreError};
use crate::telemetry::{Observer, RequestIds, observe};
use crate::{openapi, routes};

/// The public router with its layers, the outermost last.
pub(super) fn application(
    config: &ServeConfig,
    store: &Store,
    readiness: Readiness,
    parts: &Parts,
) -> Result<Router, StartError> {
    let document = openapi::document();
    let limits =
        RequestLimits { max_body: config.server.max_body_bytes, timeout: config.server.request_timeout };
    let app = App {
        store: store.clone(),
        lookups: Lookups::start(store),
        clock: parts.clock.clone(),
        metrics: parts.metrics.clone(),
        limits,
        readiness,
        texts: Arc::new(Texts {
            openapi: Bytes::from(openapi::text()),
            docs: Bytes::from(docs::page(&document)?),
            docs_policy: docs::content_security_policy(),
        }),
    };
    let ids = Arc::new(RequestIds::from_system());
    let observer = Observer::new(parts.metrics.clone(), ids, parts.traced);
    Ok(routes::router()
        .with_state(app)
        .layer(from_fn_with_state(limits.timeout, limit_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(observer, observe)))
}

/// Bounds the time until the head of the answer; bodies have a least drain rate instead.
async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let detail = "the request took too long; a write may or may not have been done";
        ApiError::new(Kind::Unavailable, detail).into_response()
    })
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
