//! What is asked: requests in which `§3§` stands for the id of the fourth user that was created.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use roster::model::filter::{Attribute, Filter};
use roster::model::user::{Field, User};
use serde_json::{Map, Value, json};

use crate::filter_strategies::{filter, user};

/// One step of a sequence.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The clock moves on by so many microseconds.
    Tick(i64),
    /// A request is sent to both servers.
    Ask(Ask),
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<String>,
}

const TYPES: [&str; 4] =
    ["application/json", "application/merge-patch+json", "application/json; charset=utf-8", "text/plain"];
const EMAILS: [&str; 8] = [
    "a@b.example",
    "A@B.Example",
    "straße@b.example",
    "STRASSE@b.example",
    "é@例え.jp",
    "no address",
    "a@b@c",
    "x\u{0}@b.example",
];
const NAMES: [&str; 14] = [
    "Ana",
    "ANA",
    "ana\u{ad}",
    "José",
    "Jose\u{301}",
    "ﬁ",
    "fi",
    "\u{200b}",
    "a\u{0}b",
    "line\nbreak",
    "👩🏽‍💻",
    "\u{202e}evil",
    "'; DROP TABLE users; --",
    "ᾳͅ",
];
const RAW: [&str; 9] = [
    "",
    "{",
    "[]",
    "null",
    "{\"name\":\"a\",\"name\":\"b\"}",
    "{\"name\":\"\\ud800\"}",
    "{\"name\":\"a\",\"profile\":{\"n\":1e400}}",
    "{\"name\":\"a\",\"profile\":{\"n\":9007199254740993}}",
    "{\"operations\":[]}",
];

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3_i64).prop_map(Step::Tick),
        6 => create().prop_map(Step::Ask),
        6 => change().prop_map(Step::Ask),
        2 => delete().prop_map(Step::Ask),
        3 => batch().prop_map(Step::Ask),
        3 => get().prop_map(Step::Ask),
        7 => list().prop_map(Step::Ask),
        1 => malformed().prop_map(Step::Ask),
    ]
}

fn id() -> impl Strategy<Value = String> {
    (0..12_u8).prop_map(|index| format!("§{index}§"))
}

/// Some of the attributes of a random user, some of them in hostile forms.
fn body() -> impl Strategy<Value = Value> {
    let own_name = option::weighted(0.5, select(&NAMES[..]));
    let own_email = option::weighted(0.6, select(&EMAILS[..]));
    let nothing = option::weighted(0.2, select(&Field::NAMES[..]));
    (user(), own_name, own_email, any::<[bool; 5]>(), nothing).prop_map(
        |(user, name, email, chosen, nothing)| {
            let mut body = attributes(&user, name, email);
            let mut keep = chosen.into_iter();
            // Most bodies have a name: without one there would hardly be a user.
            body.retain(|name, _| keep.next().unwrap_or(true) || name == "name");
            if let Some(name) = nothing {
                body.insert(name.to_owned(), Value::Null);
            }
            Value::Object(body)
        },
    )
}

fn attributes(user: &User, name: Option<&str>, email: Option<&str>) -> Map<String, Value> {
    let profile: Map<String, Value> = user
        .profile
        .iter()
        .filter(|(_, value)| !value.is_number())
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let mut body = Map::new();
    body.insert("name".to_owned(), name.unwrap_or(&user.name).into());
    body.insert("email".to_owned(), email.into());
    body.insert("active".to_owned(), user.active.into());
    body.insert("external_id".to_owned(), user.external_id.clone().into());
    body.insert("profile".to_owned(), Value::Object(profile));
    body
}

fn conditions() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let tag = prop_oneof![
        6 => (1..4_u8).prop_map(|version| format!("\"{version}\"")),
        1 => (1..4_u8).prop_map(|version| format!("W/\"{version}\"")),
        1 => Just("*".to_owned()),
        1 => Just("\"1\", \"2\"".to_owned()),
        1 => Just("1".to_owned()),
    ];
    option::weighted(0.4, (select(&["if-match", "if-none-match"][..]), tag)).prop_map(Vec::from_iter)
}

fn create() -> impl Strategy<Value = Ask> {
    let key = option::weighted(0.3, 0..4_u8);
    (body(), key).prop_map(|(body, key)| {
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(key.map(|key| ("idempotency-key", format!("§case§-{key}"))));
        Ask { method: "POST", path: "/users".to_owned(), headers, body: Some(body.to_string()) }
    })
}

fn change() -> impl Strategy<Value = Ask> {
    (select(&["PUT", "PATCH", "PATCH"][..]), id(), body(), conditions(), 0..20_usize).prop_map(
        |(method, id, body, mut headers, kind)| {
            headers.push(("content-type", (*TYPES.get(kind).unwrap_or(&TYPES[0])).to_owned()));
            Ask { method, path: format!("/users/{id}"), headers, body: Some(body.to_string()) }
        },
    )
}

fn delete() -> impl Strategy<Value = Ask> {
    (id(), conditions()).prop_map(|(id, headers)| Ask {
        method: "DELETE",
        path: format!("/users/{id}"),
        headers,
        body: None,
    })
}

fn get() -> impl Strategy<Value = Ask> {
    let accept = option::weighted(0.2, select(&["*/*", "text/csv", "application/*;q=0.1", "image/png"][..]));
    (id(), conditions(), accept).prop_map(|(id, mut headers, accept)| {
        headers.extend(accept.map(|accept| ("accept", accept.to_owned())));
        Ask { method: "GET", path: format!("/users/{id}"), headers, body: None }
    })
}

fn batch() -> impl Strategy<Value = Ask> {
    let operation = (select(&["create", "create", "replace", "patch", "delete"][..]), id(), body(), 0..6_u8)
        .prop_map(|(op, id, body, tag)| match op {
            "create" => json!({ "op": op, "body": body }),
            // A text until both servers' ids are known; see `Side::fill`.
            "delete" => json!({ "op": op, "id": id }),
            _ if tag == 0 => json!({ "op": op, "id": id, "body": body, "if_match": "\"1\"" }),
            _ => json!({ "op": op, "id": id, "body": body }),
        });
    (proptest::collection::vec(operation, 1..4), option::weighted(0.2, 0..4_u8)).prop_map(
        |(operations, key)| {
            let mut headers = vec![("content-type", "application/json".to_owned())];
            headers.extend(key.map(|key| ("idempotency-key", format!("§case§-{key}"))));
            let body =
                json!({ "operations": operations }).to_string().replace("\"§", "§").replace("§\"", "§");
            Ask { method: "POST", path: "/users/batch".to_owned(), headers, body: Some(body) }
        },
    )
}

fn malformed() -> impl Strategy<Value = Ask> {
    let place = prop_oneof![
        Just(("POST", "/users".to_owned())),
        Just(("POST", "/users/batch".to_owned())),
        id().prop_map(|id| ("PUT", format!("/users/{id}"))),
        id().prop_map(|id| ("PATCH", format!("/users/{id}"))),
        Just(("DELETE", "/users".to_owned())),
        Just(("GET", "/users/x".to_owned())),
        Just(("GET", "/users?sort=x".to_owned())),
        Just(("GET", "/users?cursor=x".to_owned())),
    ];
    (place, select(&RAW[..])).prop_map(|((method, path), raw)| {
        let headers = vec![("content-type", "application/json".to_owned())];
        Ask { method, path, headers, body: (method != "GET").then(|| raw.to_owned()) }
    })
}

fn list() -> impl Strategy<Value = Ask> {
    let sort = option::weighted(
        0.6,
        (select(&["id", "name", "email", "created_at", "updated_at"][..]), any::<bool>()),
    );
    let fields =
        option::weighted(0.5, select(vec!["profile", "active,version", "profile.a,external_id,updated_at"]));
    let search = option::weighted(0.2, select(vec!["a", "JO", "é", "%", "s", "ana@"]));
    let condition = prop_oneof![
        3 => Just(None),
        4 => filter().prop_filter("ids differ", |filter| !names_id(filter)).prop_map(|one| Some(one.to_string())),
        1 => (select(vec!["eq", "ne", "gt", "le"]), id()).prop_map(|(op, id)| Some(format!("id {op} {id}"))),
    ];
    let accept = select(vec!["application/json", "application/json", "application/x-ndjson", "text/csv"]);
    (sort, fields, search, condition, option::weighted(0.7, 1..5_u8), any::<bool>(), accept).prop_map(
        |(sort, fields, search, condition, limit, count, accept)| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            if let Some((name, descending)) = sort {
                query.append_pair("sort", &format!("{}{name}", if descending { "-" } else { "" }));
            }
            let limit = limit.map(|limit| limit.to_string());
            let count = count.then(|| "exact".to_owned());
            let pairs = [
                ("fields", fields.map(str::to_owned)),
                ("q", search.map(str::to_owned)),
                ("filter", condition),
                ("limit", limit),
                ("count", count),
            ];
            for (name, value) in pairs {
                if let Some(value) = value {
                    query.append_pair(name, &value);
                }
            }
            // The marks stay as they are, for `Side::fill` to find.
            let path = format!("/users?{}", query.finish().replace("%C2%A7", "§"));
            Ask { method: "GET", path, headers: vec![("accept", accept.to_owned())], body: None }
        },
    )
}

fn names_id(filter: &Filter) -> bool {
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().any(names_id),
        Filter::Not(inner) => names_id(inner),
        Filter::Present(attribute) | Filter::Compare { attribute, .. } => *attribute == Attribute::Id,
    }
}
