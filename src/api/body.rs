//! Request bodies and the headers that go with them.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::error::{ApiError, ApiResult, Kind};
use crate::model::etag::Condition;
use crate::model::hex::hex;
use crate::store::idempotency::IdempotencyKey;
use crate::store::users::Preconditions;

/// Longest idempotency key, in characters.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;
/// The field that carries an idempotency key.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The media type of a body without its parameters, in lower case, which must be one of `types`. The body must not be
/// encoded (RFC 9110 section 8.4).
pub fn media_type(headers: &HeaderMap, types: &[&str]) -> ApiResult<String> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = "must be absent or identity: bodies are not decompressed";
        return Err(ApiError::header(Kind::UnsupportedMediaType, &header::CONTENT_ENCODING, detail));
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !types.contains(&essence.as_str()) {
        let found = if essence.is_empty() { "it is missing".to_owned() } else { format!("not {essence}") };
        return Err(ApiError::header(
            Kind::UnsupportedMediaType,
            &header::CONTENT_TYPE,
            format!("must be {}; {found}", types.join(" or ")),
        ));
    }
    Ok(essence)
}

/// Reads a body of one of the given media types, up to the limit.
pub async fn read(app: &App, headers: &HeaderMap, body: Body, types: &[&str]) -> ApiResult<Bytes> {
    media_type(headers, types)?;
    let max = app.limits.max_body;
    let too_large = || ApiError::new(Kind::TooLarge, format!("the body may have {max} bytes at most"));
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > max as u64) {
        return Err(too_large());
    }
    // Less than the request may take in all, so that the client hears what was wrong.
    let patience = app.limits.timeout * 9 / 10;
    let Ok(read) = tokio::time::timeout(patience, to_bytes(body, max)).await else {
        return Err(ApiError::new(
            Kind::RequestTimeout,
            format!("the body was not there within {patience:?}"),
        ));
    };
    read.map_err(|error| {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            if inner.is::<http_body_util::LengthLimitError>() {
                return too_large();
            }
            cause = inner.source();
        }
        ApiError::new(Kind::Malformed, "the body ended early")
    })
}

/// The conditions that a request makes.
pub fn preconditions(headers: &HeaderMap) -> ApiResult<Preconditions> {
    Ok(Preconditions {
        if_match: condition(headers, &header::IF_MATCH)?,
        if_none_match: condition(headers, &header::IF_NONE_MATCH)?,
    })
}

/// The condition in one field; several field lines are one list (RFC 9110 section 5.3).
pub fn condition(headers: &HeaderMap, name: &HeaderName) -> ApiResult<Option<Condition>> {
    let mut lines = headers.get_all(name).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    let texts: Option<Vec<&str>> = lines.map(|value| value.to_str().ok()).collect();
    texts.and_then(|texts| Condition::parse(&texts.join(","))).map(Some).ok_or_else(|| {
        ApiError::header(Kind::Malformed, name, "must be * or a list of entity tags in quotes")
    })
}

/// The idempotency key of a request, tied to what is asked.
pub fn idempotency_key(
    headers: &HeaderMap,
    caller: &str,
    method: &Method,
    uri: &Uri,
    body: &[u8],
) -> ApiResult<Option<IdempotencyKey>> {
    let mut values = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // Of two, one would be passed over, and its client believe that it holds.
    let key = value.to_str().ok().filter(|_| values.next().is_none()).filter(|key| {
        (1..=IDEMPOTENCY_KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let key = key.ok_or_else(|| {
        let detail =
            format!("must come once and have 1 to {IDEMPOTENCY_KEY_MAX} visible ASCII characters, no spaces");
        ApiError::header(Kind::Malformed, &IDEMPOTENCY_KEY, detail)
    })?;
    let mut digest = Sha256::new();
    for part in [method.as_str().as_bytes(), uri.path().as_bytes(), body] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let fingerprint = hex(&digest.finalize());
    Ok(Some(IdempotencyKey { caller: caller.to_owned(), key: key.to_owned(), fingerprint }))
}
