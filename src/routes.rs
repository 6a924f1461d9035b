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

#[cfg(feature = "next-schema")]
use crate::api::next_schema::get as get_user;
#[cfg(not(feature = "next-schema"))]
use crate::api::users::get as get_user;
use crate::api::{changes, health, import, me, query, site, tokens, users};
use crate::app::App;
use crate::auth::gate::{Access, Gate, pass};
use crate::error::{ApiError, ApiResult, Kind};
use crate::model::role::Permission;
use crate::openapi::{operations as doc, query_parameters};

/// One operation of the contract.
pub struct Route {
    /// The HTTP method.
    pub method: Method,
    /// The path template.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
    /// The operation's id in the contract.
    pub id: &'static str,
    /// What the contract says of it.
    pub describe: fn() -> Value,
    handler: MethodRouter<App>,
}

/// The public port.
#[rustfmt::skip]
pub fn public() -> Vec<Route> {
    use Access::Anyone;
    use Permission::{ManageTokens, ReadChanges, ReadSelf, ReadUsers, WriteUsers};
    let may = Access::Needs;
    vec![
        route(Method::GET,    "/",             Anyone,            "openRoot",    site::root,      doc::root),
        route(Method::GET,    "/users",        may(ReadUsers),    "listUsers",   users::list,     doc::list_users),
        route(Method::POST,   "/users",        may(WriteUsers),   "createUser",  users::create,   doc::create_user),
        route(Method::POST,   "/users/batch",  may(WriteUsers),   "batchUsers",  users::batch,    doc::batch_users),
        route(Method::POST,   "/users/import", may(WriteUsers),   "importUsers", import::import,  doc::import_users),
        route(Method::GET,    "/users/{id}",   may(ReadUsers),    "getUser",     get_user,        doc::get_user),
        route(Method::PUT,    "/users/{id}",   may(WriteUsers),   "replaceUser", users::replace,  doc::replace_user),
        route(Method::PATCH,  "/users/{id}",   may(WriteUsers),   "patchUser",   users::patch,    doc::patch_user),
        route(Method::DELETE, "/users/{id}",   may(WriteUsers),   "deleteUser",  users::delete,   doc::delete_user),
        route(Method::GET,    "/changes",      may(ReadChanges),  "listChanges", changes::list,   doc::list_changes),
        route(Method::GET,    "/me",           may(ReadSelf),     "getMe",       me::get,         doc::get_me),
        route(Method::GET,    "/tokens",       may(ManageTokens), "listTokens",  tokens::list,    doc::list_tokens),
        route(Method::POST,   "/tokens",       may(ManageTokens), "createToken", tokens::create,  doc::create_token),
        route(Method::GET,    "/tokens/{id}",  may(ManageTokens), "getToken",    tokens::get,     doc::get_token),
        route(Method::PATCH,  "/tokens/{id}",  may(ManageTokens), "patchToken",  tokens::patch,   doc::patch_token),
        route(Method::DELETE, "/tokens/{id}",  may(ManageTokens), "revokeToken", tokens::revoke,  doc::revoke_token),
        route(Method::GET,    "/openapi.json", Anyone,            "getContract", site::contract,  doc::contract),
        route(Method::GET,    "/docs",         Anyone,            "openDocs",    site::docs,      doc::docs),
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

/// The address of one token.
pub fn token_path(id: i64) -> String {
    format!("/tokens/{id}")
}

/// The list of tokens, for links to its next page.
pub const TOKENS: &str = "/tokens";
/// The list of users, for links to its next page.
pub const USERS: &str = "/users";
/// Where many operations are done at once.
pub const BATCH: &str = "/users/batch";
/// The feed, for links to its next page.
pub const CHANGES: &str = "/changes";
/// Who the caller is, for `roster login`.
pub const ME: &str = "/me";
/// Whether the service is ready, on the ops port: what `roster health` asks.
pub const READYZ: &str = "/readyz";
/// The API reference, where `/` leads.
pub const DOCS: &str = "/docs";

/// All public routes as one router, each behind the gate.
pub fn router(gate: &Gate) -> Router<App> {
    let mut router = Router::new();
    for route in public() {
        let known = query_parameters(&(route.describe)());
        let checked = route.handler.layer(from_fn_with_state(Arc::new(known), refuse_unknown_parameters));
        // The outermost: who may not ask is told nothing of what is wrong with the question.
        let guarded = checked.layer(from_fn_with_state((gate.clone(), route.access), pass));
        router = router.route(route.path, guarded);
    }
    router.fallback(unknown).method_not_allowed_fallback(wrong_method)
}

fn route<H, T>(
    method: Method,
    path: &'static str,
    access: Access,
    id: &'static str,
    handler: H,
    describe: fn() -> Value,
) -> Route
where
    H: Handler<T, App>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
    Route { method, path, access, id, describe, handler: on(filter, handler) }
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
    ApiError::new(Kind::NoSuchPath, "there is no such path").into_response()
}

async fn wrong_method(method: Method) -> Response {
    use axum::response::IntoResponse as _;
    ApiError::new(Kind::MethodNotAllowed, format!("{method} is not allowed here")).into_response()
}
