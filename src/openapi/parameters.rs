//! Parameters that operations share or that are long.

use serde_json::{Value, json};

use crate::api::body::IDEMPOTENCY_KEY_MAX;
use crate::api::list::FIELDS_MAX;
use crate::model::filter::MAX_BYTES;
use crate::model::import::KeyBy;
use crate::model::listing::{LIMIT_MAX, SEARCH_MAX, Sort};

/// A star, or one or more entity tags of RFC 9110 section 8.8.3. The star is an alternative of its own because
/// tools that can't make up a match of the pattern for a header field then still have a value to send.
fn tags() -> Value {
    let list = "^(W/)?\"[!#-~]*\"( *, *(W/)?\"[!#-~]*\")*$";
    json!({ "type": "string", "anyOf": [{ "const": "*" }, { "pattern": list }] })
}

/// A reference to a shared parameter.
pub(super) fn parameter(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

#[rustfmt::skip]
pub(super) fn all() -> Value {
    let mut all = json!({
        "id": {
            "name": "id", "in": "path", "required": true, "description": "The user's id.",
            "schema": { "type": "integer", "format": "int64", "minimum": 1, "maximum": i64::MAX },
        },
        "limit": {
            "name": "limit", "in": "query", "description": "Most entries on a page.",
            "schema": { "type": "integer", "minimum": 1, "maximum": LIMIT_MAX },
        },
        "after": {
            "name": "after", "in": "query",
            "description": "A position: `next` of an earlier page, `position` of an entry, or `Roster-Position` of a list of users.",
            "schema": { "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 128 },
        },
    });
    for (name, value) in headers().into_iter().chain(listing()).chain(import()).chain(record()) {
        all[name] = value;
    }
    all
}

#[rustfmt::skip]
fn headers() -> [(&'static str, Value); 3] {
    [
        ("ifMatch", json!({
            "name": "If-Match", "in": "header",
            "description": "Go on only if the user has this `ETag`; otherwise 412.",
            "schema": tags(),
            "examples": {
                "exists": { "summary": "Any version", "value": "*" },
                "version": { "summary": "This version", "value": "\"3\"" },
            },
        })),
        ("ifNoneMatch", json!({
            "name": "If-None-Match", "in": "header",
            "description": "Answer only if the tag is another; otherwise 304 (412 for a change).",
            "schema": tags(), "example": "\"3\"",
        })),
        ("idempotencyKey", json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "Any text of your choice, new for each new request. The answer is kept for 24 hours: the same request with the same key gets it again and nothing is done twice. Another request with the key gets 422; while the first one runs, 409.",
            "schema": { "type": "string", "minLength": 1, "maxLength": IDEMPOTENCY_KEY_MAX, "pattern": "^[!-~]+$" },
            "example": "2f1c7d58-create-ana",
        })),
    ]
}

#[rustfmt::skip]
fn record() -> [(&'static str, Value); 4] {
    [
        ("actor", json!({
            "name": "actor", "in": "query",
            "description": "Only what this actor did, as `KIND:ID`. It takes the permission `record:read`.",
            "schema": { "type": "string", "pattern": "^[a-z]+:[^\\u0000-\\u001f\\u007f-\\u009f]*$", "maxLength": 4096 }, "example": "token:3",
        })),
        ("subject", json!({
            "name": "subject", "in": "query", "description": "Only what was done to this user or token.",
            "schema": { "type": "string", "pattern": "^(user|token):[1-9][0-9]*$" }, "example": "user:7",
        })),
        ("tokenId", json!({
            "name": "id", "in": "path", "required": true, "description": "The token's id.",
            "schema": { "type": "integer", "format": "int64", "minimum": 1, "maximum": i64::MAX },
        })),
        ("tokenCursor", json!({
            "name": "cursor", "in": "query", "description": "Where to go on: take it from the `next` link.",
            "schema": { "type": "integer", "format": "int64", "minimum": 0, "maximum": i64::MAX },
        })),
    ]
}

#[rustfmt::skip]
fn import() -> [(&'static str, Value); 4] {
    let keys = KeyBy::ALL.map(KeyBy::name);
    [
        ("importKey", json!({
            "name": "key", "in": "query",
            "description": "The attribute by which a row finds its user. With `id`, a row whose id nobody has is refused.",
            "schema": { "type": "string", "enum": keys, "default": "name" },
        })),
        ("dryRun", json!({
            "name": "dry_run", "in": "query", "description": "Change nothing; tell what would be changed.",
            "schema": { "type": "boolean", "default": false },
        })),
        ("strict", json!({
            "name": "strict", "in": "query", "description": "All or nothing: the first bad row gets 422, and nothing is changed.",
            "schema": { "type": "boolean", "default": false },
        })),
        ("map", json!({
            "name": "map", "in": "query",
            "description": "Columns that are to be read as attributes: `Mail=email,Title=profile.title`. An empty attribute leaves a column out.",
            "schema": { "type": "string", "maxLength": 4096 }, "example": "Mail=email",
        })),
    ]
}

#[rustfmt::skip]
fn listing() -> [(&'static str, Value); 7] {
    let orders: Vec<String> = Sort::NAMES.iter().flat_map(|name| [(*name).to_owned(), format!("-{name}")]).collect();
    [
        ("pageLimit", json!({
            "name": "limit", "in": "query",
            "description": "Most users on a page; `Link` leads to the next. Without it the whole directory is streamed.",
            "schema": { "type": "integer", "minimum": 1, "maximum": LIMIT_MAX },
        })),
        ("cursor", json!({
            "name": "cursor", "in": "query",
            "description": "Where to go on: take it from the `next` link. It belongs to the same `filter`, `q` and `sort`.",
            "schema": { "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 4096 },
        })),
        ("fields", json!({
            "name": "fields", "in": "query", "style": "form", "explode": false,
            "description": "Attributes to add to `id`, `name` and `email`. `profile.a.b` reaches into the profile.",
            "schema": {
                "type": "array", "minItems": 1, "maxItems": FIELDS_MAX,
                "items": { "type": "string", "pattern": "^(id|name|email|active|external_id|profile(\\.[^.,]+)*|version|created_at|updated_at)$" },
            },
            "example": ["active", "profile.title"],
        })),
        ("q", json!({
            "name": "q", "in": "query",
            "description": "Users whose name or e-mail address begins so, whatever the case.",
            "schema": { "type": "string", "maxLength": SEARCH_MAX, "pattern": "^[^\\u0000]*$" }, "example": "ana",
        })),
        ("filter", json!({
            "name": "filter", "in": "query",
            "description": "An expression of the SCIM filter grammar (RFC 7644 section 3.4.2.2) over the user's attributes, such as `active eq true and (name sw \"an\" or profile.title co \"lead\")`. Names and e-mail addresses are compared without regard to case.",
            "schema": { "type": "string", "minLength": 1, "maxLength": MAX_BYTES }, "example": "active eq true",
        })),
        ("sort", json!({
            "name": "sort", "in": "query",
            "description": "The order; `-` turns it round. Equal values are in the order of ids, which is turned round with it.",
            "schema": { "type": "string", "enum": orders, "default": "id" },
        })),
        ("count", json!({
            "name": "count", "in": "query",
            "description": "`exact`: `Roster-Total-Count` says how many users the list has in all. It costs a look at each of them.",
            "schema": { "type": "string", "enum": ["none", "exact"], "default": "none" },
        })),
    ]
}
