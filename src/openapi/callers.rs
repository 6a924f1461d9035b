//! What the contract says of callers and their tokens.

use serde_json::{Value, json};

use super::operations::{WRITE, body};
use super::parameters::parameter;
use super::responses::{header, with_errors};
use super::schemas::schema;
use crate::error::Kind;
use crate::model::role::{Permission, Role};
use crate::model::token::NAME_MAX;

/// `GET /me`
pub fn get_me() -> Value {
    json!({
        "tags": ["callers"], "summary": "Who am I?",
        "description": "Whom this service takes you for, and what you may do.",
        "responses": with_errors(json!({ "200": {
            "description": "You.",
            "content": { "application/json": { "schema": schema("Me") } },
        } }), &[]),
    })
}

/// `GET /tokens`
pub fn list_tokens() -> Value {
    json!({
        "tags": ["callers"], "summary": "List tokens",
        "description": "In the order of their ids, revoked ones too. Secrets are never shown again.",
        "parameters": [parameter("limit"), parameter("tokenCursor")],
        "responses": with_errors(json!({ "200": {
            "description": "A page of tokens.",
            "headers": { "Link": header("Link") },
            "content": { "application/json": { "schema": { "type": "array", "items": schema("Token") } } },
        } }), &[Kind::NotAcceptable]),
    })
}

/// `POST /tokens`
pub fn create_token() -> Value {
    json!({
        "tags": ["callers"], "summary": "Give a token",
        "description": "The answer is the only place where the secret, `token`, is ever shown. An `Idempotency-Key` is \
            refused: a kept answer would be a kept secret.",
        "requestBody": body(&["application/json"], "NewToken"),
        "responses": write(json!({ "201": {
            "description": "The new token with its secret.",
            "headers": { "Location": header("Location") },
            "content": { "application/json": { "schema": schema("GivenToken") } },
            "links": {
                "get": { "operationId": "getToken", "parameters": { "id": "$response.body#/id" } },
                "patch": { "operationId": "patchToken", "parameters": { "id": "$response.body#/id" } },
                "revoke": { "operationId": "revokeToken", "parameters": { "id": "$response.body#/id" } },
            },
        } }), &[]),
    })
}

/// `GET /tokens/{id}`
pub fn get_token() -> Value {
    json!({
        "tags": ["callers"], "summary": "Get a token",
        "parameters": [parameter("tokenId")],
        "responses": with_errors(token("The token, without its secret."), &[Kind::NotFound, Kind::NotAcceptable]),
    })
}

/// `PATCH /tokens/{id}`
pub fn patch_token() -> Value {
    json!({
        "tags": ["callers"], "summary": "Change a token's name or role",
        "description": "Another role acts on every server within 5 seconds. A revoked token can't be changed.",
        "parameters": [parameter("tokenId")],
        "requestBody": body(&["application/merge-patch+json", "application/json"], "TokenPatch"),
        "responses": write(token("The token as it is now."), &[Kind::NotFound]),
    })
}

/// `DELETE /tokens/{id}`
pub fn revoke_token() -> Value {
    json!({
        "tags": ["callers"], "summary": "Revoke a token",
        "description": "It is refused here at once and on every server within 5 seconds. The list still shows it.",
        "parameters": [parameter("tokenId")],
        "responses": with_errors(
            json!({ "204": { "description": "The token is worth nothing any more." } }),
            &[Kind::NotFound, Kind::StorageFull],
        ),
    })
}

fn token(description: &str) -> Value {
    let content = json!({ "application/json": { "schema": schema("Token") } });
    json!({ "200": { "description": description, "content": content } })
}

fn write(own: Value, more: &[Kind]) -> Value {
    let kinds: Vec<Kind> = WRITE.iter().copied().filter(|kind| *kind != Kind::Taken).collect();
    with_errors(own, &[&kinds, more].concat())
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    [tokens(), who()].concat()
}

/// A time that may not be.
fn time(what: &str) -> Value {
    json!({ "type": ["string", "null"], "format": "date-time", "description": what })
}

#[rustfmt::skip]
fn tokens() -> Vec<(&'static str, Value)> {
    let roles = Role::ALL.map(Role::name);
    let name = json!({ "type": "string", "minLength": 1, "maxLength": NAME_MAX, "pattern": super::schemas::NAME,
        "description": "What people call it; two tokens may have one name." });
    let role = json!({ "type": "string", "enum": roles, "description": "What it may do." });
    let all = json!({
        "id": { "type": "integer", "format": "int64", "minimum": 1 },
        "name": name,
        "role": { "enum": roles.map(Value::from).into_iter().chain([Value::Null]).collect::<Vec<_>>(),
            "description": "What it may do; null for a role that this release does not know, and which allows nothing." },
        "created_by": { "type": "string", "description": "Who gave it, as `KIND:ID`." },
        "created_at": { "type": "string", "format": "date-time" },
        "expires_at": time("From when on it is worth nothing."),
        "last_used_at": time("When it was last used, give or take a minute."),
        "revoked_at": time("When it was revoked."),
    });
    let required: Vec<&String> = all.as_object().into_iter().flat_map(|map| map.keys()).collect();
    let mut given = all.clone();
    given["token"] = json!({ "type": "string", "pattern": "^rst_[A-Za-z0-9_-]{43}$", "description": "The secret. It is shown only here." });
    let needed: Vec<&String> = given.as_object().into_iter().flat_map(|map| map.keys()).collect();
    vec![
        ("Token", json!({ "type": "object", "additionalProperties": false, "required": required, "properties": all })),
        ("GivenToken", json!({ "type": "object", "additionalProperties": false, "required": needed, "properties": given })),
        ("NewToken", json!({
            "type": "object", "additionalProperties": false, "required": ["name", "role"],
            "properties": { "name": name, "role": role, "expires_at": time("From when on it is worth nothing; in the future, and before the year 10000.") },
            "example": { "name": "ci", "role": "reader" },
        })),
        ("TokenPatch", json!({
            "type": "object", "additionalProperties": false, "properties": { "name": name, "role": role },
            "example": { "role": "writer" },
        })),
    ]
}

#[rustfmt::skip]
fn who() -> Vec<(&'static str, Value)> {
    vec![
        ("Me", json!({
            "type": "object", "additionalProperties": false, "required": ["actor", "role", "permissions", "expires_at"],
            "properties": {
                "actor": schema("Actor"),
                "role": { "type": "string", "enum": Role::ALL.map(Role::name) },
                "permissions": { "type": "array", "items": { "type": "string", "enum": Permission::ALL.map(Permission::name) } },
                "expires_at": time("When your credential expires."),
            },
        })),
        ("Actor", json!({
            "type": "object", "additionalProperties": false, "required": ["kind", "id", "name"],
            "properties": {
                "kind": { "type": "string", "description": "`token`, `jwt`, `command`, `bootstrap`, `demo`, or `unknown`." },
                "id": { "type": "string", "description": "Names it for good among its kind." },
                "name": { "type": "string", "description": "What people call it." },
            },
        })),
    ]
}
