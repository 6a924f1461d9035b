//! Errors as clients see them: the only place that picks an error's status.

mod kind;

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

pub use kind::Kind;

use crate::model::json::JsonError;
use crate::model::place::ERRORS_MAX;
use crate::model::user::FieldError;
use crate::store::StoreError;
use crate::store::users::WriteError;
use crate::telemetry::request::ErrorReport;

/// One wrong thing in the list of a problem.
#[derive(Clone, Debug)]
pub struct Detail {
    /// The member that names the place: `pointer` (into the body), `parameter` or `header`.
    pub place: &'static str,
    /// The place.
    pub name: String,
    /// What is wrong there.
    pub detail: String,
}

/// An error on its way to the client.
#[derive(Clone, Debug)]
pub struct ApiError {
    kind: Kind,
    detail: String,
    errors: Vec<Detail>,
    /// For the log alone: may name things that a client should not see.
    internal: Option<String>,
    /// Seconds after which it may be tried again.
    retry_after: Option<u64>,
}

/// What handlers return.
pub type ApiResult<T = Response> = Result<T, ApiError>;

impl ApiError {
    /// An error whose detail is a sentence for people.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), internal: None, retry_after: None }
    }

    /// Nobody knows whether a write was done.
    pub fn outcome_unknown(why: &str) -> Self {
        Self::new(Kind::OutcomeUnknown, format!("{why}; look whether it was done"))
    }

    /// The same error of a request whose answer is kept, if it is `keyed`: it may be sent again without looking.
    #[must_use]
    pub fn of_keyed(mut self, keyed: bool) -> Self {
        if keyed && self.kind == Kind::OutcomeUnknown {
            self.detail.push_str(", or send it again with the same Idempotency-Key");
        }
        self
    }

    /// The reason for the log, where it is more than the client is told.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { internal: Some(reason.into()), ..self }
    }

    /// When it may be tried again: in whole seconds, rounded up.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { retry_after: Some(seconds.max(1)), ..self }
    }

    /// An error of one query parameter.
    pub fn parameter(kind: Kind, name: &str, detail: impl Into<String>) -> Self {
        Self::at(kind, "parameter", name, detail)
    }

    /// An error of one header field.
    pub fn header(kind: Kind, name: &HeaderName, detail: impl Into<String>) -> Self {
        Self::at(kind, "header", name.as_str(), detail)
    }

    fn at(kind: Kind, place: &'static str, name: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let sentence = format!("{place} {name} {detail}");
        let errors = vec![Detail { place, name: name.to_owned(), detail }];
        Self { errors, ..Self::new(kind, sentence) }
    }

    /// Wrong values in the body.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] if one.pointer.is_empty() => format!("the body {}", one.detail),
            [one] => format!("{} {}", one.pointer.trim_start_matches('/'), one.detail),
            several => format!("{} values are wrong", several.len()),
        };
        let errors = errors
            .into_iter()
            .take(ERRORS_MAX)
            .map(|error| Detail { place: "pointer", name: error.pointer, detail: error.detail })
            .collect();
        Self { errors, ..Self::new(Kind::Invalid, detail) }
    }

    /// Moves the places of a batch's operation under it and, where the state of the directory is the cause,
    /// answers for the batch as a whole.
    pub fn in_batch(failed: WriteError) -> Self {
        let prefix = format!("/operations/{}", failed.operation);
        let belongs = matches!(
            failed.error,
            StoreError::NotFound
                | StoreError::PreconditionFailed
                | StoreError::Taken(_)
                | StoreError::Invalid(_)
        );
        let mut error = Self::from(failed.error);
        if !belongs {
            return error;
        }
        if error.errors.is_empty() {
            let detail = error.detail.clone();
            error.errors.push(Detail { place: "pointer", name: String::new(), detail });
        }
        for entry in &mut error.errors {
            let inner = if entry.name.is_empty() { String::new() } else { format!("/body{}", entry.name) };
            entry.name = format!("{prefix}{inner}");
        }
        if error.kind != Kind::Invalid {
            error.kind = Kind::BatchRefused;
        }
        error.detail = format!("operation {}: {}", failed.operation, error.detail);
        error
    }

    /// What the log should say of it, where that is more than its kind.
    pub fn reason(&self) -> Option<&str> {
        let detail = self.status().is_server_error().then_some(&*self.detail);
        self.internal.as_deref().or(detail)
    }

    /// The status that this error has.
    pub fn status(&self) -> StatusCode {
        self.kind.parts().0
    }

    /// The problem as JSON (RFC 9457).
    pub fn body(&self) -> Value {
        let (status, slug, title) = self.kind.parts();
        let mut body = Map::new();
        body.insert("type".to_owned(), format!("urn:roster:problem:{slug}").into());
        body.insert("title".to_owned(), title.into());
        body.insert("status".to_owned(), status.as_u16().into());
        body.insert("detail".to_owned(), self.detail.clone().into());
        if !self.errors.is_empty() {
            let list =
                self.errors.iter().map(|entry| json!({entry.place: entry.name, "detail": entry.detail}));
            body.insert("errors".to_owned(), list.collect());
        }
        Value::Object(body)
    }
}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Syntax(text) => Self::new(Kind::Malformed, format!("the body is not JSON: {text}")),
            JsonError::Content(errors) => Self::invalid(errors),
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(failed: WriteError) -> Self {
        failed.error.into()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        const AWAY: &str = "the database can't be used now; try again soon";
        let internal = Some(error.to_string());
        let plain = match error {
            StoreError::NotFound => Self::new(Kind::NotFound, "there is no user with this id"),
            StoreError::Taken(attribute) => Self {
                errors: vec![Detail {
                    place: "pointer",
                    name: format!("/{attribute}"),
                    detail: "is taken".to_owned(),
                }],
                ..Self::new(Kind::Taken, format!("another user has this {attribute}"))
            },
            StoreError::PreconditionFailed => {
                Self::new(Kind::PreconditionFailed, "the user has changed, or is not what the condition says")
            }
            StoreError::Invalid(errors) => Self::invalid(errors),
            StoreError::ReadOnly(_) => {
                Self::new(Kind::ReadOnly, "the directory takes no writes now; reads go on")
            }
            StoreError::KeyReused => Self::new(
                Kind::KeyReused,
                "this Idempotency-Key was used with another request; take a new key for a new request",
            ),
            StoreError::KeyRunning => {
                Self::new(Kind::KeyRunning, "the first request with this Idempotency-Key has not ended yet")
            }
            StoreError::OutcomeUnknown(_) => {
                Self::outcome_unknown("the database did not confirm the write in time")
            }
            StoreError::Full(_) => {
                Self::new(Kind::StorageFull, "the database has no space left; reads go on")
            }
            StoreError::Unavailable(_)
            | StoreError::ConnectionLost(_)
            | StoreError::Serialization(_)
            | StoreError::Refused(_) => Self::new(Kind::Unavailable, AWAY),
            StoreError::Internal(_) => Self::new(Kind::Internal, "the log tells more, under the request id"),
        };
        let internal = internal.filter(|_| plain.status().is_server_error());
        Self { internal, ..plain }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, self.body().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.kind {
            Kind::ReadOnly => headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5")),
            Kind::Unavailable | Kind::OutcomeUnknown | Kind::KeyRunning => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"))
            }
            Kind::Unauthenticated => headers.insert(header::WWW_AUTHENTICATE, challenge("")),
            Kind::InvalidToken => {
                headers.insert(header::WWW_AUTHENTICATE, challenge(", error=\"invalid_token\""))
            }
            Kind::Forbidden => {
                headers.insert(header::WWW_AUTHENTICATE, challenge(", error=\"insufficient_scope\""))
            }
            Kind::TooManyRequests => {
                headers.insert(header::RETRY_AFTER, self.retry_after.unwrap_or(1).into())
            }
            // The rest of the body is not read, so that nothing can follow it.
            Kind::RequestTimeout | Kind::TooLarge => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"))
            }
            _ => None,
        };
        // What a client did wrong is told to it in words of its own request, which don't belong into the log.
        let told = self.reason().unwrap_or(self.kind.parts().1).to_owned();
        response.extensions_mut().insert(ErrorReport(told));
        response
    }
}

/// RFC 6750 section 3.
fn challenge(error: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Bearer realm=\"roster\"{error}"))
        .unwrap_or(HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_only_to_who_sent_one() {
        let told = |error: ApiError| error.body()["detail"].as_str().unwrap().to_owned();
        let unknown = || ApiError::from(StoreError::OutcomeUnknown("away".to_owned()));
        assert!(!told(unknown()).contains("Idempotency-Key"));
        assert!(!told(unknown().of_keyed(false)).contains("Idempotency-Key"));
        assert!(told(unknown().of_keyed(true)).ends_with("or send it again with the same Idempotency-Key"));
        assert!(!told(ApiError::from(StoreError::NotFound).of_keyed(true)).contains("Idempotency-Key"));
    }
}
