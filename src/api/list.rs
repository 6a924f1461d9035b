//! The list of users: reading what is asked for, and answering with a page or a stream.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::body::condition;
use super::format::{Format, Writer, negotiate};
use super::query::Query;
use super::stream::{Remainder, stream};
use crate::app::App;
use crate::auth::caller::Caller;
use crate::error::{ApiError, ApiResult, Kind};
use crate::model::filter::Filter;
use crate::model::listing::{After, LIMIT_MAX, Listing, SEARCH_MAX, Sort};
use crate::model::user::Field;
use crate::routes;
use crate::store::changes::Standing;

/// The place in the journal from which to follow the changes that a list does not show.
pub const ROSTER_POSITION: HeaderName = HeaderName::from_static("roster-position");
/// How many users the list has in all, with `count=exact`.
pub const TOTAL_COUNT: HeaderName = HeaderName::from_static("roster-total-count");
/// Most attributes in `fields`.
pub const FIELDS_MAX: usize = 50;

/// A list as it is asked for.
struct Request {
    listing: Listing,
    after: Option<After>,
    limit: Option<i64>,
    count: bool,
    format: Format,
}

impl Request {
    fn read(query: &Query, headers: &HeaderMap) -> ApiResult<Self> {
        let format = negotiate(headers, &Format::ALL)?;
        let mut listing = Listing::default();
        if let Some(text) = query.get("filter") {
            let filter = Filter::parse(text).map_err(|error| {
                let detail = format!("at character {}: {}", error.position + 1, error.message);
                ApiError::parameter(Kind::Malformed, "filter", detail)
            })?;
            listing.filter = Some(filter);
        }
        if let Some(text) = query.get("q") {
            if text.chars().count() > SEARCH_MAX || text.contains('\0') {
                let detail = format!("must have at most {SEARCH_MAX} characters, none of them NUL");
                return Err(ApiError::parameter(Kind::Invalid, "q", detail));
            }
            listing.set_search(text);
        }
        if let Some(text) = query.get("sort") {
            listing.sort = Sort::parse(text).ok_or_else(|| {
                let detail = format!("must be one of {}, with a - before it or not", Sort::NAMES.join(", "));
                ApiError::parameter(Kind::Invalid, "sort", detail)
            })?;
        }
        if let Some(text) = query.get("fields") {
            listing.fields = read_fields(text)?;
        }
        let count = match query.get("count") {
            None | Some("none") => false,
            Some("exact") => true,
            Some(_) => return Err(ApiError::parameter(Kind::Invalid, "count", "must be exact or none")),
        };
        let limit = query.number("limit", 1, LIMIT_MAX)?;
        let after = query
            .get("cursor")
            .map(|text| listing.read_cursor(text))
            .transpose()
            .map_err(|detail| ApiError::parameter(Kind::Malformed, "cursor", detail))?;
        Ok(Self { listing, after, limit, count, format })
    }

    /// Equal tags mean equal lists: made of where the journal stands and of everything that shapes the list.
    fn tag(&self, standing: Standing, query: &str) -> Option<String> {
        let text = format!("{}\0{:?}\0{query}", standing.position.encode(), self.format);
        standing.quiet.then(|| URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..12]))
    }
}

fn read_fields(text: &str) -> ApiResult<Vec<Field>> {
    let mut fields = Vec::new();
    if text.split(',').count() > FIELDS_MAX {
        let detail = format!("must have at most {FIELDS_MAX} names");
        return Err(ApiError::parameter(Kind::Invalid, "fields", detail));
    }
    for name in text.split(',') {
        let field = Field::parse(name).ok_or_else(|| {
            let detail = format!("names {name:?}; there are {} and profile.…", Field::NAMES.join(", "));
            ApiError::parameter(Kind::Invalid, "fields", detail)
        })?;
        if !Field::V1.contains(&field) && !fields.contains(&field) {
            fields.push(field);
        }
    }
    // All of the profile covers every part of it.
    if fields.contains(&Field::Profile(Vec::new())) {
        fields.retain(|field| !matches!(field, Field::Profile(path) if !path.is_empty()));
    }
    Ok(fields)
}

/// Answers `GET /users`.
pub async fn answer(app: App, caller: Caller, uri: &Uri, headers: &HeaderMap) -> ApiResult {
    let query = Query::of(uri);
    let request = Request::read(&query, headers)?;
    let known = condition(headers, &header::IF_NONE_MATCH)?;
    // Read before the users: whatever is not in the list then comes after this place.
    let standing = app.store.standing().await?;
    let mut meta = HeaderMap::new();
    insert(&mut meta, ROSTER_POSITION, &standing.position.encode());
    insert(&mut meta, header::VARY, "accept");
    insert(&mut meta, header::CACHE_CONTROL, "private, no-cache");
    if let Some(tag) = request.tag(standing, uri.query().unwrap_or_default()) {
        insert(&mut meta, header::ETAG, &format!("W/\"{tag}\""));
        if known.is_some_and(|known| known.matches_weakly(&tag)) {
            return Ok((StatusCode::NOT_MODIFIED, meta).into_response());
        }
    }
    if request.count {
        let count = app.store.count(&request.listing).await?;
        insert(&mut meta, TOTAL_COUNT, &count.to_string());
    }
    insert(&mut meta, header::CONTENT_TYPE, request.format.content_type());
    let body = if let Some(limit) = request.limit {
        page(&app, request, limit, &query, &mut meta).await?
    } else {
        let rest = Remainder { listing: request.listing, after: request.after };
        stream(app, caller, rest, request.format).await?
    };
    Ok((meta, body).into_response())
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

async fn page(
    app: &App,
    request: Request,
    limit: i64,
    query: &Query,
    meta: &mut HeaderMap,
) -> ApiResult<Body> {
    let mut writer = Writer::new(request.format, request.listing.fields.clone());
    let mut out = Vec::with_capacity(8192);
    writer.begin(&mut out);
    let next = app
        .store
        .list(&request.listing, request.after.as_ref(), limit, &mut |item| writer.item(&mut out, &item))
        .await?;
    writer.end(&mut out);
    if let Some(after) = next {
        let parameters = query.with("cursor", &request.listing.cursor(&after));
        insert(meta, header::LINK, &format!("<{}?{parameters}>; rel=\"next\"", routes::USERS));
    }
    Ok(Body::from(out))
}
