//! `/me`: who the caller is.

use axum::http::header;
use axum::response::IntoResponse as _;
use serde_json::json;

use crate::auth::caller::Caller;
use crate::error::ApiResult;
use crate::model::role::{Permission, Role};
use crate::model::user::timestamp;

/// `GET /me`
pub async fn get(caller: Caller) -> ApiResult {
    let identity = &caller.identity;
    let permissions: Vec<&str> =
        Permission::ALL.into_iter().filter(|one| caller.may(*one)).map(Permission::name).collect();
    let body = json!({
        "actor": identity.actor,
        "role": identity.role.map(Role::name),
        "permissions": permissions,
        "expires_at": identity.expires_at.map(timestamp),
    });
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "private, no-store")];
    Ok((headers, body.to_string()).into_response())
}
