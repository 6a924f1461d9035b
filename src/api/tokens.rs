//! `/tokens`: giving, changing and revoking tokens.

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::body;
use super::format::{Format, negotiate};
use super::query::Query;
use crate::app::App;
use crate::auth::caller::Caller;
use crate::auth::secrets;
use crate::error::{ApiError, ApiResult, Kind};
use crate::model::json::parse_object;
use crate::model::listing::LIMIT_MAX;
use crate::model::token::{Token, TokenChange, TokenDraft};
use crate::routes;
use crate::store::StoreError;

/// Tokens on a page when `limit` is not given.
const LIMIT_DEFAULT: i64 = 100;
const JSON: &[&str] = &["application/json"];
const PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// `GET /tokens`
pub async fn list(State(app): State<App>, uri: Uri, headers: HeaderMap) -> ApiResult {
    negotiate(&headers, &[Format::Json])?;
    let query = Query::of(&uri);
    let limit = query.number("limit", 1, LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let after = query.number("cursor", 0, i64::MAX)?.unwrap_or(0);
    let mut tokens = app.store.tokens(after, limit.saturating_add(1)).await?;
    let more = i64::try_from(tokens.len()).is_ok_and(|count| count > limit);
    tokens.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let mut response = answer(StatusCode::OK, &tokens.iter().map(Token::to_json).collect());
    if let (true, Some(last)) = (more, tokens.last()) {
        let link =
            format!("<{}?{}>; rel=\"next\"", routes::TOKENS, query.with("cursor", &last.id.to_string()));
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

/// `POST /tokens`. The answer is the only place where the secret ever is.
pub async fn create(State(app): State<App>, caller: Caller, headers: HeaderMap, body: Body) -> ApiResult {
    negotiate(&headers, &[Format::Json])?;
    if headers.contains_key(&body::IDEMPOTENCY_KEY) {
        // An answer that is kept would be a secret that is kept.
        let detail = "is not taken here: look for the token by its name instead, and revoke it";
        return Err(ApiError::header(Kind::Malformed, &body::IDEMPOTENCY_KEY, detail));
    }
    let map = parse_object(&body::read(&app, &headers, body, JSON).await?)?;
    let author = app.author(&caller).await?;
    let draft = TokenDraft::read(&map, author.now).map_err(ApiError::invalid)?;
    let secret = secrets::draw().map_err(StoreError::Internal)?;
    let given = app.store.create_token(&author, &draft, secret.digest()).await;
    // Also when nobody knows what became of it.
    app.gate.forget_tokens();
    let token = given?;
    let mut shown = token.to_json();
    shown["token"] = secret.expose().into();
    let mut response = answer(StatusCode::CREATED, &shown);
    if let Ok(place) = HeaderValue::from_str(&routes::token_path(token.id)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// `GET /tokens/{id}`
pub async fn get(State(app): State<App>, TokenId(id): TokenId, headers: HeaderMap) -> ApiResult {
    negotiate(&headers, &[Format::Json])?;
    let token = app.store.token(id).await.map_err(no_token)?;
    Ok(answer(StatusCode::OK, &token.to_json()))
}

/// `PATCH /tokens/{id}`
pub async fn patch(
    State(app): State<App>,
    caller: Caller,
    TokenId(id): TokenId,
    headers: HeaderMap,
    body: Body,
) -> ApiResult {
    negotiate(&headers, &[Format::Json])?;
    let map = parse_object(&body::read(&app, &headers, body, PATCH).await?)?;
    let change = TokenChange::read(&map).map_err(ApiError::invalid)?;
    let author = app.author(&caller).await?;
    let changed = app.store.update_token(&author, id, &change).await;
    app.gate.forget_tokens();
    Ok(answer(StatusCode::OK, &changed.map_err(no_token)?.to_json()))
}

/// `DELETE /tokens/{id}`: the token is revoked, and its record stays.
pub async fn revoke(State(app): State<App>, caller: Caller, TokenId(id): TokenId) -> ApiResult {
    let author = app.author(&caller).await?;
    let revoked = app.store.revoke_token(&author, id).await;
    app.gate.forget_tokens();
    revoked.map_err(no_token)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The id in a path.
pub struct TokenId(i64);

impl<S: Send + Sync> FromRequestParts<S> for TokenId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let text = text.as_ref().map_or("", |Path(text)| text.as_str());
        match super::read_id(text) {
            Some(Some(id)) => Ok(Self(id)),
            Some(None) => Err(no_token(StoreError::NotFound)),
            None => Err(ApiError::new(Kind::Malformed, "a token's id is a whole number")),
        }
    }
}

fn no_token(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound => ApiError::new(Kind::NotFound, "there is no such token"),
        other => other.into(),
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "private, no-store")];
    (status, headers, body.to_string()).into_response()
}
