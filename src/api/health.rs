//! The ops port: for the machines that run the service, not for its clients.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::app::Readiness;
use crate::error::{ApiError, ApiResult, Kind};
use crate::server::Shutdown;
use crate::telemetry::metrics::{CONTENT_TYPE, Metrics};

/// The query of `/readyz` that leaves the database out.
const EXCLUDE_DATABASE: &str = "exclude=database";

/// What the ops port is given.
#[derive(Clone)]
pub struct Ops {
    /// Whether the database answers.
    pub readiness: Readiness,
    /// Whether the public port is going away.
    pub shutdown: Shutdown,
    /// What is measured.
    pub metrics: Arc<Metrics>,
}

/// `GET /livez`: the process answers. Never looks at the database: restarting would not mend that.
pub async fn live() -> Response {
    answer(StatusCode::OK, "alive", None)
}

/// `GET /readyz`: new requests may be sent here. With `exclude=database`, after the API server of Kubernetes, also while a
/// database is away that was there before: for whoever has nowhere else to send them, since all servers have the same one.
pub async fn ready(State(ops): State<Ops>, RawQuery(query): RawQuery) -> ApiResult {
    let state = match query.as_deref() {
        None | Some("") => ops.readiness.get(),
        Some(EXCLUDE_DATABASE) => ops.readiness.without_database(),
        Some(_) => {
            let problem = format!("the only query of this path is {EXCLUDE_DATABASE}");
            return Err(ApiError::new(Kind::Invalid, problem));
        }
    };
    if ops.shutdown.is_draining() {
        return Ok(answer(StatusCode::SERVICE_UNAVAILABLE, "unready", Some("shutting down".to_owned())));
    }
    Ok(match state {
        Ok(()) => answer(StatusCode::OK, "ready", None),
        Err(reason) => answer(StatusCode::SERVICE_UNAVAILABLE, "unready", Some(reason.to_string())),
    })
}

/// `GET /metrics`
pub async fn metrics(State(ops): State<Ops>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], ops.metrics.encode()).into_response()
}

fn answer(status: StatusCode, state: &str, reason: Option<String>) -> Response {
    let mut body = json!({ "status": state });
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body.to_string()).into_response()
}
