//! `/users`: one handler for each operation.

use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::format::{Format, negotiate};
use super::{body, list as listing};
use crate::app::App;
use crate::auth::caller::Caller;
use crate::error::{ApiError, ApiResult, Kind};
use crate::model::etag::{Condition, of_version};
use crate::model::json::{self, kind, parse_object};
use crate::model::place::{ERRORS_MAX, Place};
use crate::model::user::{FieldError, User};
use crate::routes::user_path;
use crate::store::StoreError;
use crate::store::users::{Operation, Preconditions, WriteContext, Written};

/// Most operations in one batch.
pub const BATCH_MAX: usize = 1000;
/// A copy may be kept, but is to be checked before it is used.
const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");
const JSON: &[&str] = &["application/json"];
const PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// `GET /users`
pub async fn list(State(app): State<App>, caller: Caller, uri: Uri, headers: HeaderMap) -> ApiResult {
    listing::answer(app, caller, &uri, &headers).await
}

/// `GET /users/{id}`
pub async fn get(State(app): State<App>, UserId(id): UserId, request: Request) -> ApiResult {
    negotiate(request.headers(), &[Format::Json])?;
    let conditions = body::preconditions(request.headers())?;
    let user = app.lookups.get(id).await?.ok_or(StoreError::NotFound)?;
    let tag = of_version(user.version);
    if conditions.if_match.is_some_and(|wanted| !wanted.matches_strongly(&tag)) {
        return Err(StoreError::PreconditionFailed.into());
    }
    if conditions.if_none_match.is_some_and(|known| known.matches_weakly(&tag)) {
        let headers = [(header::ETAG, etag(&user)), (header::CACHE_CONTROL, REVALIDATE)];
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok(one(StatusCode::OK, &user))
}

/// `POST /users`
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> ApiResult {
    negotiate(&headers, &[Format::Json])?;
    let bytes = body::read(&app, &headers, body, JSON).await?;
    let create = vec![Operation::Create(parse_object(&bytes)?)];
    let context = context(&app, &caller, &headers, &method, &uri, &bytes).await?;
    let keyed = context.idempotency.is_some();
    let done = app.store.write(context, create).await.map_err(|why| ApiError::from(why).of_keyed(keyed))?;
    let user = single(done)?.ok_or(StoreError::NotFound)?;
    let mut response = one(StatusCode::CREATED, &user);
    if let Ok(place) = HeaderValue::from_str(&user_path(user.id)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// `PUT /users/{id}`
pub async fn replace(
    State(app): State<App>,
    caller: Caller,
    UserId(id): UserId,
    headers: HeaderMap,
    body: Body,
) -> ApiResult {
    change(&app, &caller, id, &headers, body, JSON, Operation::Replace).await
}

/// `PATCH /users/{id}`
pub async fn patch(
    State(app): State<App>,
    caller: Caller,
    UserId(id): UserId,
    headers: HeaderMap,
    body: Body,
) -> ApiResult {
    const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
    let outcome = change(&app, &caller, id, &headers, body, PATCH, Operation::Patch).await;
    let mut response = outcome.into_response();
    if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // RFC 5789 section 2.2
        let types = HeaderValue::from_static("application/merge-patch+json, application/json");
        response.headers_mut().insert(ACCEPT_PATCH, types);
    }
    Ok(response)
}

/// `DELETE /users/{id}`
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    UserId(id): UserId,
    headers: HeaderMap,
) -> ApiResult {
    let delete = vec![Operation::Delete(id, body::preconditions(&headers)?)];
    app.store.write(WriteContext { author: app.author(&caller).await?, idempotency: None }, delete).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /users/batch`
pub async fn batch(
    State(app): State<App>,
    caller: Caller,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> ApiResult {
    negotiate(&headers, &[Format::Json])?;
    let bytes = body::read(&app, &headers, body, JSON).await?;
    let operations = read_batch(&parse_object(&bytes)?).map_err(ApiError::invalid)?;
    let context = context(&app, &caller, &headers, &method, &uri, &bytes).await?;
    let ids: Vec<Option<i64>> = operations.iter().map(Operation::target).collect();
    let keyed = context.idempotency.is_some();
    let written = app.store.write(context, operations).await;
    let results = written.map_err(|failed| ApiError::in_batch(failed).of_keyed(keyed))?;
    let results: Vec<Value> = results.iter().zip(ids).map(|(written, id)| result(written, id)).collect();
    Ok(json_response(StatusCode::OK, &json!({ "results": results })))
}

async fn change(
    app: &App,
    caller: &Caller,
    id: i64,
    headers: &HeaderMap,
    body: Body,
    types: &[&str],
    operation: fn(i64, Map<String, Value>, Preconditions) -> Operation,
) -> ApiResult {
    negotiate(headers, &[Format::Json])?;
    let preconditions = body::preconditions(headers)?;
    let map = parse_object(&body::read(app, headers, body, types).await?)?;
    let context = WriteContext { author: app.author(caller).await?, idempotency: None };
    let results = app.store.write(context, vec![operation(id, map, preconditions)]).await?;
    let user = single(results)?.ok_or(StoreError::NotFound)?;
    Ok(one(StatusCode::OK, &user))
}

async fn context(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    method: &Method,
    uri: &Uri,
    bytes: &[u8],
) -> ApiResult<WriteContext> {
    let author = app.author(caller).await?;
    let idempotency = body::idempotency_key(headers, &caller.identity.key, method, uri, bytes)?;
    Ok(WriteContext { author, idempotency })
}

/// The id in a path. An extractor of our own, since axum's answers a path that is not UTF-8 in plain text.
pub struct UserId(pub(super) i64);

impl<S: Send + Sync> FromRequestParts<S> for UserId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        match super::read_id(text.as_ref().map_or("", |Path(text)| text.as_str())) {
            Some(Some(id)) => Ok(Self(id)),
            Some(None) => Err(StoreError::NotFound.into()),
            None => Err(ApiError::new(Kind::Malformed, "a user's id is a whole number")),
        }
    }
}

fn single(results: Vec<Written>) -> Result<Option<User>, StoreError> {
    let user = results.into_iter().next().map(|written| written.user);
    user.ok_or_else(|| StoreError::Internal("a write gave no result".to_owned()))
}

fn etag(user: &User) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", of_version(user.version)))
        .unwrap_or(HeaderValue::from_static("\"0\""))
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, headers, value.to_string()).into_response()
}

fn one(status: StatusCode, user: &User) -> Response {
    let mut response = Response::new(Body::from(user.to_json_text()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ETAG, etag(user));
    headers.insert(header::CACHE_CONTROL, REVALIDATE);
    response
}

fn result(written: &Written, id: Option<i64>) -> Value {
    match &written.user {
        Some(user) => json!({
            "status": if written.created { 201 } else { 200 },
            "id": user.id,
            "etag": format!("\"{}\"", of_version(user.version)),
            "user": user.to_json(),
        }),
        None => json!({ "status": 204, "id": id }),
    }
}

fn read_batch(body: &Map<String, Value>) -> Result<Vec<Operation>, Vec<FieldError>> {
    let mut errors: Vec<FieldError> = body
        .keys()
        .filter(|name| *name != "operations")
        .take(ERRORS_MAX)
        .map(|name| {
            FieldError::new(Place::ROOT.member(name).pointer(), "does not belong here; there is operations")
        })
        .collect();
    let items = match body.get("operations") {
        Some(Value::Array(items)) => items.as_slice(),
        Some(other) => {
            errors.push(FieldError::new("/operations", format!("must be an array, not {}", kind(other))));
            &[]
        }
        None => {
            errors.push(FieldError::new("/operations", "is required"));
            &[]
        }
    };
    if errors.is_empty() && !(1..=BATCH_MAX).contains(&items.len()) {
        let detail = format!("must have 1 to {BATCH_MAX} entries, not {}", items.len());
        return Err(vec![FieldError::new("/operations", detail)]);
    }
    let mut operations = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        if errors.len() >= ERRORS_MAX {
            break;
        }
        match read_operation(item, &format!("/operations/{index}")) {
            Ok(operation) => operations.push(operation),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(operations) } else { Err(errors) }
}

fn read_operation(item: &Value, at: &str) -> Result<Operation, Vec<FieldError>> {
    let wrong = |name: &str, detail: String| vec![FieldError::new(format!("{at}{name}"), detail)];
    let Value::Object(map) = item else {
        return Err(wrong("", format!("must be an object, not {}", kind(item))));
    };
    let allowed: &[&str] = match map.get("op").and_then(Value::as_str) {
        Some("create") => &["op", "body"],
        Some("replace" | "patch") => &["op", "id", "if_match", "body"],
        Some("delete") => &["op", "id", "if_match"],
        _ => return Err(wrong("/op", "must be create, replace, patch or delete".to_owned())),
    };
    if let Some(name) = map.keys().find(|name| !allowed.contains(&name.as_str())) {
        let detail = format!("does not belong to this operation; it has {}", allowed.join(", "));
        return Err(vec![FieldError::new(format!("{at}{}", Place::ROOT.member(name).pointer()), detail)]);
    }
    let body = match map.get("body") {
        Some(Value::Object(body)) => body.clone(),
        None if !allowed.contains(&"body") => Map::new(),
        None => return Err(wrong("/body", "is required".to_owned())),
        Some(other) => return Err(wrong("/body", format!("must be an object, not {}", kind(other)))),
    };
    if !allowed.contains(&"id") {
        return Ok(Operation::Create(body));
    }
    let id = map.get("id").and_then(json::id);
    let id = id.ok_or_else(|| wrong("/id", "must be a user's id, a whole number from 1".to_owned()))?;
    let if_match = match map.get("if_match") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let condition = value.as_str().and_then(Condition::parse);
            Some(
                condition
                    .ok_or_else(|| wrong("/if_match", "must be * or entity tags in quotes".to_owned()))?,
            )
        }
    };
    let preconditions = Preconditions { if_match, if_none_match: None };
    Ok(match map.get("op").and_then(Value::as_str) {
        Some("replace") => Operation::Replace(id, body, preconditions),
        Some("patch") => Operation::Patch(id, body, preconditions),
        _ => Operation::Delete(id, preconditions),
    })
}
