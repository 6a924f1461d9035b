//! The kinds of errors: one line each says what a client sees.

use axum::http::StatusCode;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request can't be parsed.
    Malformed,
    /// It can be parsed, but values are wrong.
    Invalid,
    /// The request has no credential, or none that is understood.
    Unauthenticated,
    /// The credential is not good.
    InvalidToken,
    /// The caller may not do this.
    Forbidden,
    /// The caller asks too often, or failed too often.
    TooManyRequests,
    /// No such thing.
    NotFound,
    /// No such route.
    NoSuchPath,
    /// The route exists, but not with this method.
    MethodNotAllowed,
    /// None of the media types that the client takes can be made.
    NotAcceptable,
    /// The body's media type is not understood.
    UnsupportedMediaType,
    /// The body came too slowly.
    RequestTimeout,
    /// The request names a host that this server is not.
    Misdirected,
    /// The body is larger than allowed.
    TooLarge,
    /// Another user has a value that must be unique.
    Taken,
    /// An operation of a batch does not fit the state of the directory.
    BatchRefused,
    /// A condition of the request does not hold.
    PreconditionFailed,
    /// The first request with this idempotency key still runs.
    KeyRunning,
    /// The idempotency key belongs to another request.
    KeyReused,
    /// Writes are refused for now.
    ReadOnly,
    /// The database is away or too slow, or the request took too long.
    Unavailable,
    /// Nobody knows whether the write was done.
    OutcomeUnknown,
    /// No space is left.
    StorageFull,
    /// A defect.
    Internal,
}

impl Kind {
    /// Status, last part of the type URI, and title.
    #[rustfmt::skip]
    pub fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "The request can't be parsed"),
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Values are wrong"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated", "This takes a credential"),
            Self::InvalidToken => (StatusCode::UNAUTHORIZED, "invalid-token", "The credential is not good"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "You may not do this"),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Wait before you ask again"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no-such-path", "There is no such path"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here"),
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "not-acceptable", "No media type that you accept can be made"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body's media type is not understood"),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "request-timeout", "The body came too slowly"),
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "misdirected", "This server does not answer for that host"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::Taken => (StatusCode::CONFLICT, "taken", "A value that must be unique is taken"),
            Self::BatchRefused => (StatusCode::CONFLICT, "batch-refused", "An operation can't be done, so none was"),
            Self::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "precondition-failed", "A condition does not hold"),
            Self::KeyRunning => (StatusCode::CONFLICT, "idempotency-key-running", "A request with this key is still running"),
            Self::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The idempotency key belongs to another request"),
            Self::ReadOnly => (StatusCode::SERVICE_UNAVAILABLE, "read-only", "Writes are refused for now"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The service can't answer now"),
            Self::OutcomeUnknown => (StatusCode::SERVICE_UNAVAILABLE, "outcome-unknown", "The write may or may not have been done"),
            Self::StorageFull => (StatusCode::INSUFFICIENT_STORAGE, "storage-full", "No space is left"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is broken in the service"),
        }
    }
}
