//! Every path of the service. Read this to know what it does.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use serde_json::Value;

use crate::api::{changes, health, import, query, site, users};
use crate::app::App;
use crate::error::{ApiError, ApiResult, Kind};
use crate::openapi::{operations as doc, query_parameters};

/// One operation of the contract.
pub struct Route {
    /// The HTTP method.
    pub method: Method,
    /// The path template.
    pub path: &'static str,
    /// The operation's id in the contract.
    pub id: &'static str,
    /// What the contract says of it.
    pub describe: fn() -> Value,
    handler: MethodRouter<App>,
}

/// The public port.
#[rustfmt::skip]
pub fn public() -> Vec<Route> {
    vec![
        route(Method::GET,    "/",             "openRoot",    site::root,      doc::root),
        route(Method::GET,    "/users",        "listUsers",   users::list,     doc::list_users),
        route(Method::POST,   "/users",        "createUser",  users::create,   doc::create_user),
        route(Method::POST,   "/users/batch",  "batchUsers",  users::batch,    doc::batch_users),
        route(Method::POST,   "/users/import", "importUsers", import::import,  doc::import_users),
        route(Method::GET,    "/users/{id}",   "getUser",     users::get,      doc::get_user),
        route(Method::PUT,    "/users/{id}",   "replaceUser", users::replace,  doc::replace_user),
        route(Method::PATCH,  "/users/{id}",   "patchUser",   users::patch,    doc::patch_user),
        route(Method::DELETE, "/users/{id}",   "deleteUser",  users::delete,   doc::delete_user),
        route(Method::GET,    "/changes",      "listChanges", changes::list,   doc::list_changes),
        route(Method::GET,    "/openapi.json", "getContract", site::contract,  doc::contract),
        route(Method::GET,    "/docs",         "openDocs",    site::docs,      doc::docs),
    ]
}

/// The ops port: not part of the contract, never to be reached from outside.
pub fn ops() -> Router<health::Ops> {
    Router::new()
        .route("/livez", axum::routing::get(health::live))
        .route(READYZ, axum::routing::get(health::ready))
        .route("/metrics", axum::routing::get(health::metrics))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
}

/// The address of one user.
pub fn user_path(id: i64) -> String {
    format!("/users/{id}")
}

/// The list of users, for links to its next page.
pub const USERS: &str = "/users";
/// The feed, for links to its next page.
pub const CHANGES: &str = "/changes";
/// Who the caller is, for `roster login`.
pub const ME: &str = "/me";
/// Whether the service is ready, on the ops port: what `roster health` asks.
pub const READYZ: &str = "/readyz";
/// The API reference, where `/` leads.
pub const DOCS: &str = "/docs";

/// All public routes as one router.
pub fn router() -> Router<App> {
    let mut router = Router::new();
    for route in public() {
        let known = query_parameters(&(route.describe)());
        let checked = route.handler.layer(from_fn_with_state(Arc::new(known), refuse_unknown_parameters));
        router = router.route(route.path, checked);
    }
    router.fallback(unknown).method_not_allowed_fallback(wrong_method)
}

fn route<H, T>(
    method: Method,
    path: &'static str,
    id: &'static str,
    handler: H,
    describe: fn() -> Value,
) -> Route
where
    H: Handler<T, App>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
    Route { method, path, id, describe, handler: on(filter, handler) }
}

/// A parameter that is misspelt must not silently widen a list.
async fn refuse_unknown_parameters(
    State(known): State<Arc<BTreeSet<String>>>,
    request: Request,
    next: Next,
) -> ApiResult {
    query::check(request.uri(), &known)?;
    Ok(next.run(request).await)
}

async fn unknown() -> Response {
    use axum::response::IntoResponse as _;
    ApiError::new(Kind::NotFound, "there is no such path").into_response()
}

async fn wrong_method(method: Method) -> Response {
    use axum::response::IntoResponse as _;
    ApiError::new(Kind::MethodNotAllowed, format!("{method} is not allowed here")).into_response()
}
