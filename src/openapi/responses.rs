//! Answers and header fields that operations share.

use serde_json::{Map, Value, json};

use crate::error::Kind;

/// A reference to a shared answer.
pub(super) fn response(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

/// A reference to a shared header field.
pub(super) fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// The answers of an operation: its own, then the errors among these kinds and those that any operation has.
pub(super) fn with_errors(own: Value, kinds: &[Kind]) -> Value {
    let mut all = own;
    for kind in kinds.iter().chain(&[
        Kind::Malformed,
        Kind::Misdirected,
        Kind::Invalid,
        Kind::Unavailable,
        Kind::Internal,
    ]) {
        let status = kind.parts().0;
        all[status.as_str()] = of_status(status.as_u16());
    }
    all
}

/// A reference to the answer that an error with this status is.
pub(super) fn of_status(status: u16) -> Value {
    response(name_of(status))
}

fn name_of(status: u16) -> &'static str {
    match status {
        400 => "Malformed",
        401 => "Unauthenticated",
        403 => "Forbidden",
        404 => "NotFound",
        406 => "NotAcceptable",
        408 => "RequestTimeout",
        409 => "Conflict",
        412 => "PreconditionFailed",
        413 => "TooLarge",
        415 => "UnsupportedMediaType",
        421 => "Misdirected",
        422 => "Invalid",
        429 => "TooManyRequests",
        503 => "Unavailable",
        507 => "StorageFull",
        _ => "Internal",
    }
}

#[rustfmt::skip]
pub(super) fn all() -> Value {
    let problems = [
        ("Malformed", "The request can't be parsed."),
        ("Unauthenticated", "There is no credential, or it is not good. `WWW-Authenticate` says which (RFC 6750)."),
        ("Forbidden", "The caller may not do this; `detail` names the permission that it takes."),
        ("TooManyRequests", "Too many credentials from this address have failed, or the caller asks more often than it may. `Retry-After` says when to try again."),
        ("NotFound", "There is no such thing."),
        ("NotAcceptable", "None of the media types in `Accept` can be made."),
        ("RequestTimeout", "The body came too slowly."),
        ("Misdirected", "While the service lets everybody in, as `roster demo` does, only requests to `localhost` and loopback addresses are answered: a web page must not reach it under a name of its own."),
        ("Conflict", "The change does not fit the state of the directory: a value that must be unique is taken, or a request with the same `Idempotency-Key` is still running."),
        ("PreconditionFailed", "The user is not the one that `If-Match` or `If-None-Match` says."),
        ("TooLarge", "The body is too large."),
        ("UnsupportedMediaType", "The body's media type is not understood."),
        ("Invalid", "It can be parsed, but values are wrong; `errors` names each."),
        ("Unavailable", "The database is away, writes are switched off, or it took too long. `Retry-After` says when to try again."),
        ("StorageFull", "No space is left for writes."),
        ("Internal", "Something is broken in the service; the log tells more under `X-Request-Id`."),
    ];
    let mut all = Map::new();
    for (name, description) in problems {
        let mut value = json!({
            "description": description,
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        });
        match name {
            "Unavailable" | "TooManyRequests" => value["headers"] = json!({ "Retry-After": header("RetryAfter") }),
            "Unauthenticated" | "Forbidden" => value["headers"] = json!({ "WWW-Authenticate": header("WWWAuthenticate") }),
            _ => {}
        }
        all.insert(name.to_owned(), value);
    }
    Value::Object(all)
}

#[rustfmt::skip]
pub(super) fn headers() -> Value {
    json!({
        "ETag": {
            "description": "The entity tag, for `If-Match` and `If-None-Match`.",
            "required": true, "schema": { "type": "string", "pattern": "^(W/)?\".*\"$" },
        },
        "ListETag": {
            "description": "The entity tag of the list, for `If-None-Match`; absent while writes are under way.",
            "schema": { "type": "string", "pattern": "^W/\".*\"$" },
        },
        "Location": {
            "description": "The new user's address.",
            "required": true, "schema": { "type": "string", "format": "uri-reference" },
        },
        "Link": {
            "description": "The next page, as `rel=\"next\"` (RFC 8288); absent on the last page.",
            "schema": { "type": "string" },
        },
        "RosterPosition": {
            "description": "Follow `/changes` from here and no change that the list does not show is missed.",
            "required": true, "schema": { "type": "string" },
        },
        "RosterTotalCount": {
            "description": "How many users the list has in all, with `count=exact`.",
            "schema": { "type": "integer", "minimum": 0 },
        },
        "WWWAuthenticate": {
            "description": "`Bearer`, with `error` where a credential was sent (RFC 6750 section 3).",
            "required": true, "schema": { "type": "string" },
        },
        "RetryAfter": {
            "description": "Seconds to wait before trying again.",
            "schema": { "type": "integer", "minimum": 0 },
        },
    })
}
