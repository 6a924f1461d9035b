//! The contract, put together from the route table, one description per operation, and the limits that the
//! code itself enforces. `openapi.json` is the reviewed copy; a test fails when the two differ.

mod callers;
pub mod operations;
mod parameters;
mod responses;
mod schemas;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::auth::gate::Access;
use crate::error::Kind;
use crate::routes;

/// The whole document (OpenAPI 3.1).
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in routes::public() {
        let mut operation = (route.describe)();
        restrict(&mut operation, route.access);
        if let Some(map) = operation.as_object_mut() {
            map.shift_insert(0, "operationId".to_owned(), route.id.into());
        }
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Roster",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "users", "description": "The directory itself." },
            { "name": "changes", "description": "What happened to it, in order." },
            { "name": "callers", "description": "Who may ask, and what." },
            { "name": "service", "description": "About this service." },
        ],
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "bearer": {
                "type": "http", "scheme": "bearer",
                "description": "A token that this service gave (`rst_…`), or a JWT of an issuer that it trusts (RFC 6750).",
            } },
            "schemas": schemas::all(),
            "parameters": parameters::all(),
            "headers": responses::headers(),
            "responses": responses::all(),
        },
    })
}

/// What an operation says of those who may ask it.
fn restrict(operation: &mut Value, access: Access) {
    match access {
        Access::Anyone => operation["security"] = json!([]),
        Access::Needs(permission) => {
            operation["x-permission"] = permission.name().into();
            for kind in [Kind::Unauthenticated, Kind::Forbidden, Kind::TooManyRequests] {
                let status = kind.parts().0;
                operation["responses"][status.as_str()] = responses::of_status(status.as_u16());
            }
        }
    }
}

/// The document as it is committed and served.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

/// The names of the query parameters that an operation has.
pub fn query_parameters(operation: &Value) -> BTreeSet<String> {
    let shared = parameters::all();
    let named = operation["parameters"].as_array().into_iter().flatten();
    let resolved = named.filter_map(|parameter| shared.get(parameter["$ref"].as_str()?.rsplit('/').next()?));
    resolved
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
        .collect()
}

const INTRODUCTION: &str = "A user directory: the `users` table of a company or a product behind an API.

Errors are `application/problem+json` (RFC 9457): `type` is stable, `errors` names each wrong place in the body \
(`pointer`), the query (`parameter`) or the headers (`header`).

Every user has an `ETag`. Send it back in `If-Match` and a change that somebody else made meanwhile is never \
overwritten: the answer is 412. Where an operation takes `Idempotency-Key`, send one, \
and the request can be sent again after a lost answer.";
