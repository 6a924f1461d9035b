//! The shapes of bodies.

use serde_json::{Map, Value, json};

use crate::api::users::BATCH_MAX;
use crate::model::change::{Action, SubjectKind};
use crate::model::email::EMAIL_REFUSED;
use crate::model::user::{
    EMAIL_MAX, EXTERNAL_ID_MAX, Field, KEY_BYTES_MAX, NAME_MAX, PROFILE_NUMBER_MAX, READ_ONLY,
};

/// A reference to a schema.
pub(super) fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn all() -> Value {
    let mut all = Map::new();
    for (name, value) in users()
        .into_iter()
        .chain(batch())
        .chain(changes())
        .chain(super::callers::schemas())
        .chain([problem()])
    {
        all.insert(name.to_owned(), value);
    }
    Value::Object(all)
}

// No control characters, and at least one that is neither white space nor a default-ignorable code point.
pub(super) const NAME: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}][^\\u0000-\\u001f\\u007f-\\u009f]*$";
const NO_CONTROL: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$";
const NO_NUL: &str = "^[^\\u0000]*$";

/// `local@domain` by the characters that each part may have.
fn email_pattern() -> String {
    let refused: String = EMAIL_REFUSED
        .chars()
        .map(|c| if matches!(c, '[' | ']' | '\\') { format!("\\{c}") } else { c.to_string() })
        .collect();
    let spaces = "\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
    let label = format!("[^{spaces}{refused}.]{{1,63}}");
    format!("^[^{spaces}{refused}]{{1,64}}@{label}(\\.{label})*$")
}

#[rustfmt::skip]
fn users() -> Vec<(&'static str, Value)> {
    let name = json!({ "type": "string", "minLength": 1, "maxLength": NAME_MAX, "pattern": NAME,
        "description": format!("The user name. Unique, whatever the case and the way accents are encoded (NFKC_Casefold); this folded form has at most {KEY_BYTES_MAX} bytes.") });
    let email = json!({ "type": ["string", "null"], "minLength": 3, "maxLength": EMAIL_MAX, "pattern": email_pattern(),
        "description": "The e-mail address. Unique by the same folding, when there is one." });
    let active = json!({ "type": "boolean", "default": true,
        "description": "False for a suspended user, who stays readable and listed." });
    let external_id = json!({ "type": ["string", "null"], "minLength": 1, "maxLength": EXTERNAL_ID_MAX, "pattern": NO_CONTROL,
        "description": "The id that another system gave to this user." });
    let id = json!({ "type": "integer", "format": "int64", "minimum": 1, "readOnly": true,
        "description": "Given by the service, never used again." });
    let version = json!({ "type": "integer", "format": "int64", "minimum": 1, "readOnly": true,
        "description": "Grows by one with every change." });
    let time = |what: &str| json!({ "type": "string", "format": "date-time", "readOnly": true, "description": what });
    let write = |required: Value, name: &Value, active: &Value| json!({
        "type": "object", "additionalProperties": false, "required": required,
        "properties": {
            "name": name, "email": email, "active": active, "external_id": external_id,
            "profile": { "anyOf": [schema("Profile"), { "type": "null" }] },
        },
        "example": { "name": "Ana Souza", "email": "ana@example.com", "profile": { "title": "Engineer" } },
    });
    let all = json!({
        "id": id, "name": name, "email": email, "active": active, "external_id": external_id,
        "profile": schema("Profile"), "version": version,
        "created_at": time("When the user was created."), "updated_at": time("When an attribute last changed."),
    });
    let mut replacement = write(json!(["name"]), &name, &active);
    let mut patch = write(json!([]), &name, &active);
    for body in [&mut replacement, &mut patch] {
        for read_only in READ_ONLY {
            body["properties"][read_only] = all[read_only].clone();
        }
    }
    if let Some(map) = patch.as_object_mut() {
        map.shift_remove("required");
        map.insert("description".to_owned(), "A JSON merge patch (RFC 7396): null removes, what is absent stays.".into());
        map.insert("example".to_owned(), json!({ "email": null, "profile": { "title": "Lead" } }));
    }
    let mut list_item = all.clone();
    for readable in list_item.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
        if let Some(map) = readable.as_object_mut() { map.shift_remove("default"); }
    }
    vec![
        ("User", json!({ "type": "object", "additionalProperties": false, "required": Field::NAMES, "properties": all })),
        ("ListedUser", json!({
            "type": "object", "additionalProperties": false, "required": ["id", "name", "email"], "properties": list_item,
            "description": "`id`, `name` and `email`, and what `fields` adds.",
        })),
        ("NewUser", write(json!(["name"]), &name, &active)),
        ("UserReplacement", replacement),
        ("UserPatch", patch),
        ("Profile", json!({
            "type": "object", "propertyNames": { "pattern": NO_NUL },
            "additionalProperties": schema("ProfileValue"),
            "description": "Free attributes: at most 64 KiB as JSON, 2,000 values, and 16 levels deep, a scalar being a level too.",
        })),
        ("ProfileValue", json!({
            "description": "Any JSON; no NUL characters, numbers within ±(2^53-1).",
            "anyOf": [
                { "type": ["null", "boolean"] },
                { "type": "number", "minimum": -PROFILE_NUMBER_MAX, "maximum": PROFILE_NUMBER_MAX },
                { "type": "string", "pattern": NO_NUL },
                { "type": "array", "items": schema("ProfileValue") },
                { "type": "object", "propertyNames": { "pattern": NO_NUL }, "additionalProperties": schema("ProfileValue") },
            ],
        })),
    ]
}

#[rustfmt::skip]
fn batch() -> Vec<(&'static str, Value)> {
    let id = json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": i64::MAX });
    let if_match = json!({ "type": ["string", "null"], "pattern": "^(\\*|\"[0-9]{1,19}\")$",
        "description": "Go on only if the user has this `ETag`." });
    let operation = |op: &str, properties: Value, required: Value| {
        let mut all = json!({ "op": { "const": op } });
        if let (Some(all), Some(more)) = (all.as_object_mut(), properties.as_object()) {
            all.extend(more.clone());
        }
        json!({ "type": "object", "additionalProperties": false, "required": required, "properties": all })
    };
    vec![
        ("Batch", json!({
            "type": "object", "additionalProperties": false, "required": ["operations"],
            "properties": { "operations": {
                "type": "array", "minItems": 1, "maxItems": BATCH_MAX,
                "items": { "oneOf": [
                    operation("create", json!({ "body": schema("NewUser") }), json!(["op", "body"])),
                    operation("replace", json!({ "id": id, "if_match": if_match, "body": schema("UserReplacement") }), json!(["op", "id", "body"])),
                    operation("patch", json!({ "id": id, "if_match": if_match, "body": schema("UserPatch") }), json!(["op", "id", "body"])),
                    operation("delete", json!({ "id": id, "if_match": if_match }), json!(["op", "id"])),
                ] },
            } },
            "example": { "operations": [
                { "op": "create", "body": { "name": "Ana Souza" } },
                { "op": "patch", "id": 1, "body": { "active": false } },
            ] },
        })),
        ("BatchResult", json!({
            "type": "object", "additionalProperties": false, "required": ["results"],
            "properties": { "results": { "type": "array", "items": {
                "type": "object", "additionalProperties": false, "required": ["status", "id"],
                "properties": {
                    "status": { "type": "integer", "enum": [200, 201, 204], "description": "What the operation would have answered by itself." },
                    "id": id, "etag": { "type": "string" }, "user": schema("User"),
                },
            } } },
        })),
    ]
}

#[rustfmt::skip]
fn changes() -> Vec<(&'static str, Value)> {
    let actions: Vec<&str> = Action::ALL.iter().map(|action| action.name()).collect();
    vec![
        ("ChangePage", json!({
            "type": "object", "additionalProperties": false, "required": ["changes", "next", "more"],
            "properties": {
                "changes": { "type": "array", "items": schema("Change") },
                "next": { "type": "string", "description": "The position for the next request, also when nothing is new." },
                "more": { "type": "boolean", "description": "Whether there are entries beyond this page already." },
            },
        })),
        ("Change", json!({
            "type": "object", "additionalProperties": false,
            "required": ["position", "at", "action", "subject", "version", "change"],
            "properties": {
                "position": { "type": "string", "description": "Opaque; for `after`." },
                "at": { "type": "string", "format": "date-time" },
                "actor": schema("Actor"),
                "request_id": { "type": "string", "description": "The id of the request that did it." },
                "address": { "type": "string", "description": "The address of the client." },
                "action": { "type": "string", "enum": actions },
                "subject": {
                    "type": "object", "additionalProperties": false, "required": ["kind", "id"],
                    "properties": { "kind": { "type": "string", "enum": SubjectKind::ALL.map(SubjectKind::name) }, "id": { "type": "integer", "format": "int64" } },
                },
                "version": { "type": "integer", "format": "int64", "description": "The version that this change made; of a deletion, the last one. Apply an entry only if it is larger than the one you have." },
                "change": {
                    "type": "object", "additionalProperties": false,
                    "properties": { "before": { "type": "object" }, "after": { "type": "object" } },
                    "description": "The attributes before and after; of an update only those that differ.",
                },
            },
        })),
    ]
}

#[rustfmt::skip]
fn problem() -> (&'static str, Value) {
    ("Problem", json!({
            "type": "object", "required": ["type", "title", "status", "detail"],
            "description": "RFC 9457.",
            "properties": {
                "type": { "type": "string", "format": "uri", "description": "Stable: compare it, not the texts." },
                "title": { "type": "string" },
                "status": { "type": "integer", "minimum": 400, "maximum": 599 },
                "detail": { "type": "string" },
                "errors": { "type": "array", "items": {
                    "type": "object", "required": ["detail"],
                    "properties": {
                        "pointer": { "type": "string", "description": "JSON Pointer (RFC 6901) into the body." },
                        "parameter": { "type": "string" }, "header": { "type": "string" }, "detail": { "type": "string" },
                    },
                } },
            },
        }))
}
