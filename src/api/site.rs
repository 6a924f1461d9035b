//! What is the same for everybody: the contract, its reference page, and the way there.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::body::condition;
use crate::app::App;
use crate::error::ApiResult;
use crate::routes::DOCS;

/// `GET /`
pub async fn root() -> Response {
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, DOCS)]).into_response()
}

/// `GET /openapi.json`
pub async fn contract(State(app): State<App>, headers: HeaderMap) -> ApiResult {
    fixed(&headers, "application/json", &app.texts.openapi)
}

/// `GET /docs`
pub async fn docs(State(app): State<App>, headers: HeaderMap) -> ApiResult {
    let mut response = fixed(&headers, "text/html; charset=utf-8", &app.texts.docs)?;
    let more = [
        (header::CONTENT_SECURITY_POLICY, app.texts.docs_policy.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in more {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn fixed(headers: &HeaderMap, content_type: &'static str, text: &Bytes) -> ApiResult {
    let tag = URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..12]);
    let common = [(header::ETAG, format!("\"{tag}\"")), (header::CACHE_CONTROL, "no-cache".to_owned())];
    if condition(headers, &header::IF_NONE_MATCH)?.is_some_and(|known| known.matches_weakly(&tag)) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    Ok((common, [(header::CONTENT_TYPE, content_type)], text.clone()).into_response())
}
