//! One description for each operation of the route table.

use serde_json::{Value, json};

pub use super::callers::{create_token, get_me, get_token, list_tokens, patch_token, revoke_token};

use super::parameters::parameter;
use super::responses::{header, with_errors};
use super::schemas::schema;
use crate::error::Kind;

fn user(description: &str) -> Value {
    json!({
        "description": description,
        "headers": { "ETag": header("ETag") },
        "content": { "application/json": { "schema": schema("User") } },
    })
}

pub(super) fn body(types: &[&str], name: &str) -> Value {
    let mut content = json!({});
    for kind in types {
        content[*kind] = json!({ "schema": schema(name) });
    }
    json!({ "required": true, "content": content })
}

pub(super) const WRITE: &[Kind] = &[
    Kind::NotAcceptable,
    Kind::Taken,
    Kind::RequestTimeout,
    Kind::TooLarge,
    Kind::UnsupportedMediaType,
    Kind::StorageFull,
];

fn write_errors(own: Value, more: &[Kind]) -> Value {
    with_errors(own, &[WRITE, more].concat())
}

/// `GET /`
pub fn root() -> Value {
    json!({
        "tags": ["service"], "summary": "Go to the reference",
        "responses": with_errors(json!({ "307": {
            "description": "To `/docs`.",
            "headers": { "Location": header("Location") },
        } }), &[]),
    })
}

/// `GET /users`
pub fn list_users() -> Value {
    let names = ["pageLimit", "cursor", "fields", "q", "filter", "sort", "count", "ifNoneMatch"];
    let list = json!({ "type": "array", "items": schema("ListedUser") });
    json!({
        "tags": ["users"], "summary": "List users",
        "description": "Without `limit`, all of them as one stream in constant memory, in the order of their ids; \
            if it can't be finished, the connection ends without the last chunk. With `limit`, page by page: \
            whoever exists during the whole walk, and whose sort value does not change, appears exactly once.",
        "parameters": names.map(parameter),
        "responses": with_errors(json!({
            "200": {
                "description": "The users.",
                "headers": {
                    "ETag": header("ListETag"), "Link": header("Link"),
                    "Roster-Position": header("RosterPosition"), "Roster-Total-Count": header("RosterTotalCount"),
                },
                "content": {
                    "application/json": { "schema": list, "example": [{ "id": 1, "name": "Ana Souza", "email": null }] },
                    "application/x-ndjson": { "schema": { "type": "string" } },
                    "text/csv": { "schema": { "type": "string" } },
                },
            },
            "304": { "description": "The list is the one that you have." },
        }), &[Kind::NotAcceptable]),
    })
}

/// `POST /users`
pub fn create_user() -> Value {
    json!({
        "tags": ["users"], "summary": "Create a user",
        "parameters": [parameter("idempotencyKey")],
        "requestBody": body(&["application/json"], "NewUser"),
        "responses": write_errors(json!({ "201": {
            "description": "The new user.",
            "headers": { "ETag": header("ETag"), "Location": header("Location") },
            "content": { "application/json": { "schema": schema("User") } },
            "links": {
                "get": { "operationId": "getUser", "parameters": { "id": "$response.body#/id" } },
                "replace": { "operationId": "replaceUser", "parameters": { "id": "$response.body#/id" } },
                "patch": { "operationId": "patchUser", "parameters": { "id": "$response.body#/id" } },
                "delete": { "operationId": "deleteUser", "parameters": { "id": "$response.body#/id" } },
            },
        } }), &[]),
    })
}

/// `POST /users/batch`
pub fn batch_users() -> Value {
    json!({
        "tags": ["users"], "summary": "Many changes at once",
        "description": "All operations in their order, or none of them. If one can't be done, `errors` says which: \
            wrong values are 422, anything else that does not fit the state of the directory is 409.",
        "parameters": [parameter("idempotencyKey")],
        "requestBody": body(&["application/json"], "Batch"),
        "responses": write_errors(json!({ "200": {
            "description": "A result for each operation.",
            "content": { "application/json": { "schema": schema("BatchResult") } },
        } }), &[]),
    })
}

/// `POST /users/import`
pub fn import_users() -> Value {
    let names = ["importKey", "dryRun", "strict", "map"];
    let text = json!({ "schema": { "type": "string" } });
    json!({
        "tags": ["users"], "summary": "Import users",
        "description": "Brings the user of each row to what the row says, and creates those who are missing; attributes \
            that a row does not have are left alone. Rows that can't be taken are told and left out. The body is read \
            while it comes, in batches that are committed one after the other, and may be of any size (with `strict` \
            or `dry_run`, of the size of other bodies). The answer has one JSON object per line, whose `type` is \
            `refused`, `change` (dry run), `progress`, or in the end `end` with the totals. If the last line is missing or its \
            `complete` is false, the import is unfinished: send it again, nothing is done twice.",
        "parameters": names.map(parameter),
        "requestBody": {
            "required": true,
            "content": {
                "text/csv": text, "application/x-ndjson": text,
                "application/json": { "schema": { "type": "array" } },
            },
        },
        "responses": write_errors(json!({ "200": {
            "description": "What became of the rows.",
            "content": { "application/x-ndjson": text },
        } }), &[]),
    })
}

/// `GET /users/{id}`
pub fn get_user() -> Value {
    json!({
        "tags": ["users"], "summary": "Get a user",
        "parameters": [parameter("id"), parameter("ifMatch"), parameter("ifNoneMatch")],
        "responses": with_errors(json!({
            "200": user("All attributes."),
            "304": { "description": "The user is the one that you have." },
        }), &[Kind::NotFound, Kind::NotAcceptable, Kind::PreconditionFailed]),
    })
}

/// `PUT /users/{id}`
pub fn replace_user() -> Value {
    json!({
        "tags": ["users"], "summary": "Replace a user",
        "description": "Sets all writable attributes; absent ones get their defaults. Read-only attributes may be \
            sent back as they were received. A replacement that changes nothing makes no new version.",
        "parameters": [parameter("id"), parameter("ifMatch"), parameter("ifNoneMatch")],
        "requestBody": body(&["application/json"], "UserReplacement"),
        "responses": write_errors(json!({ "200": user("The user as it is now.") }), &[Kind::NotFound, Kind::PreconditionFailed]),
    })
}

/// `PATCH /users/{id}`
pub fn patch_user() -> Value {
    json!({
        "tags": ["users"], "summary": "Change some attributes",
        "parameters": [parameter("id"), parameter("ifMatch"), parameter("ifNoneMatch")],
        "requestBody": body(&["application/merge-patch+json", "application/json"], "UserPatch"),
        "responses": write_errors(json!({ "200": user("The user as it is now.") }), &[Kind::NotFound, Kind::PreconditionFailed]),
    })
}

/// `DELETE /users/{id}`
pub fn delete_user() -> Value {
    json!({
        "tags": ["users"], "summary": "Delete a user",
        "parameters": [parameter("id"), parameter("ifMatch"), parameter("ifNoneMatch")],
        "responses": with_errors(
            json!({ "204": { "description": "The user is gone; the id is never used again." } }),
            &[Kind::NotFound, Kind::PreconditionFailed, Kind::StorageFull],
        ),
    })
}

/// `GET /changes`
pub fn list_changes() -> Value {
    let names = ["after", "limit", "actor", "subject"];
    json!({
        "tags": ["changes"], "summary": "Follow the changes",
        "description": "A page of the journal after a position, from its beginning without one. Ask again with `next` \
            as `after`: nothing is missed and nothing repeated, whatever the order in which writers commit. \
            An entry appears when no earlier one can come any more. Who did it from where, and what concerns tokens, \
            is shown to callers with the permission `record:read`.",
        "parameters": names.map(parameter),
        "responses": with_errors(json!({ "200": {
            "description": "Changes in their order.",
            "headers": { "Link": header("Link") },
            "content": { "application/json": { "schema": schema("ChangePage") } },
        } }), &[Kind::NotAcceptable]),
    })
}

/// `GET /openapi.json`
pub fn contract() -> Value {
    fixed("This document", "application/json", &json!({ "type": "object" }))
}

/// `GET /docs`
pub fn docs() -> Value {
    fixed("This document as a page for people", "text/html", &json!({ "type": "string" }))
}

fn fixed(summary: &str, media_type: &str, content: &Value) -> Value {
    let mut types = json!({});
    types[media_type] = json!({ "schema": content });
    json!({
        "tags": ["service"], "summary": summary,
        "parameters": [parameter("ifNoneMatch")],
        "responses": with_errors(json!({
            "200": { "description": "The document.", "headers": { "ETag": header("ETag") }, "content": types },
            "304": { "description": "The document is the one that you have." },
        }), &[]),
    })
}
