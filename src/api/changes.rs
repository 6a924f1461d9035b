//! `/changes`: the journal as a feed.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::IntoResponse as _;
use serde::Serialize;

use super::format::{Format, negotiate};
use super::query::Query;
use crate::app::App;
use crate::auth::caller::Caller;
use crate::error::{ApiError, ApiResult, Kind};
use crate::model::change::{Change, Selection, SubjectKind};
use crate::model::listing::LIMIT_MAX;
use crate::model::position::Position;
use crate::model::role::Permission;
use crate::routes;
use crate::store::StoreError;

/// Entries on a page when `limit` is not given.
const LIMIT_DEFAULT: i64 = 100;

#[derive(Serialize)]
struct Page<'a> {
    changes: Vec<Change>,
    next: &'a str,
    more: bool,
}

/// `GET /changes`
pub async fn list(State(app): State<App>, caller: Caller, uri: Uri, headers: HeaderMap) -> ApiResult {
    negotiate(&headers, &[Format::Json])?;
    let query = Query::of(&uri);
    let limit = query.number("limit", 1, LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let after = match query.get("after") {
        None => Position::default(),
        Some(text) => Position::decode(text).ok_or_else(|| {
            ApiError::parameter(Kind::Malformed, "after", "is not a position that this service gave")
        })?,
    };
    let selection = selection(&app, &query, &caller)?;
    let (mut changes, more) = app.store.changes(&selection, after, limit).await?;
    if !caller.may(Permission::ReadRecord) {
        changes = changes.into_iter().map(Change::anonymous).collect();
    }
    let next = changes.last().map_or(after, |change| change.position).encode();
    let body = serde_json::to_string(&Page { changes, next: &next, more })
        .map_err(|error| StoreError::Internal(error.to_string()))?;
    let mut response =
        ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "private, no-store")], body)
            .into_response();
    if more {
        let link = format!("<{}?{}>; rel=\"next\"", routes::CHANGES, query.with("after", &next));
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    Ok(response)
}

/// What the caller asks for and may see.
fn selection(app: &App, query: &Query, caller: &Caller) -> ApiResult<Selection> {
    let record = caller.may(Permission::ReadRecord);
    let actor = query.get("actor").map(|text| {
        if !record {
            app.metrics.refused("forbidden");
            let detail = format!("actor takes the permission {}", Permission::ReadRecord.name());
            return Err(ApiError::new(Kind::Forbidden, detail));
        }
        let parts = text.split_once(':').filter(|_| !text.contains(char::is_control));
        let parts = parts.map(|(kind, id)| (kind.to_owned(), id.to_owned()));
        parts.ok_or_else(|| ApiError::parameter(Kind::Invalid, "actor", "must be KIND:ID, such as token:3"))
    });
    let subject = query.get("subject").map(|text| {
        let parts = text.split_once(':').and_then(|(kind, id)| {
            let id = Some(id).filter(|id| !id.starts_with(['0', '-'])).and_then(super::read_id)?;
            // What is too large to be an id is nobody's.
            Some((SubjectKind::parse(kind)?, id.unwrap_or(i64::MAX)))
        });
        parts.ok_or_else(|| {
            ApiError::parameter(Kind::Invalid, "subject", "must be user:ID or token:ID, such as user:7")
        })
    });
    Ok(Selection { actor: actor.transpose()?, subject: subject.transpose()?, users_alone: !record })
}
