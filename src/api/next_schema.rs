//! What a build with the feature `next-schema` answers beyond this release.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};

use super::users::{self, UserId};
use crate::app::App;
use crate::error::ApiResult;

/// The number of the schema of the program that wrote this user last.
const WRITTEN_BY_SCHEMA: HeaderName = HeaderName::from_static("roster-written-by-schema");

/// `GET /users/{id}`, which also says by which schema the user was written.
pub async fn get(state: State<App>, id: UserId, request: Request) -> ApiResult {
    let store = state.store.clone();
    let UserId(number) = id;
    let mut response = users::get(state, id, request).await?;
    if let Some(schema) = store.writer_schema(number).await? {
        response.headers_mut().insert(WRITTEN_BY_SCHEMA, HeaderValue::from(schema));
    }
    Ok(response)
}
