//! The contract: the reviewed file, the program's own document and the route table say the same.

use std::collections::BTreeSet;

use roster::api::body::IDEMPOTENCY_KEY_MAX;
use roster::api::list::FIELDS_MAX;
use roster::api::users::BATCH_MAX;
use roster::model::filter::MAX_BYTES;
use roster::model::listing::{LIMIT_MAX, SEARCH_MAX, Sort};
use roster::model::user::{EMAIL_MAX, EXTERNAL_ID_MAX, NAME_MAX, PROFILE_NUMBER_MAX};
use roster::{openapi, routes};
use serde_json::{Value, json};

use crate::support::{Server, both};

const COMMITTED: &str = include_str!("../../openapi.json");

fn committed() -> Value {
    serde_json::from_str(COMMITTED).unwrap()
}

/// The operations of the file: method, path, and what is said of them.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap();
        methods.iter().map(move |(method, operation)| (method.to_ascii_uppercase(), path.clone(), operation))
    });
    all.collect()
}

/// Every value under `place`, with its JSON pointer.
fn walk<'a>(value: &'a Value, place: &str, visit: &mut dyn FnMut(&str, &'a Value)) {
    visit(place, value);
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{place}/{index}"), visit);
            }
        }
        Value::Object(map) => {
            for (name, member) in map {
                walk(member, &format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")), visit);
            }
        }
        _ => {}
    }
}

#[test]
fn the_committed_file_is_the_programs_document() {
    let wanted = openapi::text();
    let lines = COMMITTED.lines().zip(wanted.lines()).enumerate();
    for (number, (have, want)) in lines {
        assert_eq!(have, want, "openapi.json, line {}: run `cargo xtask openapi`", number + 1);
    }
    assert_eq!(COMMITTED.len(), wanted.len(), "one is longer than the other: run `cargo xtask openapi`");
}

both! {
    async fn the_committed_file_is_what_is_served(engine) {
        let server = Server::start(engine).await;
        let response = server.get("/openapi.json").await;
        assert_eq!((response.status().as_u16(), &response.headers()["content-type"]), (200, &"application/json".parse().unwrap()));
        assert!(response.text().await.unwrap() == COMMITTED, "run `cargo xtask openapi`");
        server.stop().await;
    }
}

#[test]
fn routes_and_operations_are_the_same() {
    let document = committed();
    let documented: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(method, path, operation)| {
            (method, path, operation["operationId"].as_str().unwrap().to_owned())
        })
        .collect();
    let routes = routes::public();
    let served: BTreeSet<_> = routes
        .iter()
        .map(|route| (route.method.to_string(), route.path.to_owned(), route.id.to_owned()))
        .collect();
    assert_eq!(documented, served);
    assert_eq!(served.len(), routes.len(), "a route is there twice");
}

#[test]
fn operation_ids_are_unique() {
    let document = committed();
    let all = operations(&document);
    let ids: BTreeSet<&str> =
        all.iter().map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "{ids:?}");
}

#[test]
fn every_reference_resolves_and_every_component_is_used() {
    let document = committed();
    let mut used = BTreeSet::new();
    walk(&document, "", &mut |place, value| {
        let Some(target) = value.get("$ref") else { return };
        let target =
            target.as_str().unwrap().strip_prefix('#').unwrap_or_else(|| panic!("{place}: not in here"));
        assert!(document.pointer(target).is_some(), "{place}: there is no {target}");
        used.insert(target.to_owned());
    });
    for kind in ["schemas", "parameters", "headers", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let place = format!("/components/{kind}/{name}");
            assert!(used.contains(&place), "nothing refers to {place}");
        }
    }
}

#[test]
fn links_lead_to_operations() {
    let document = committed();
    let ids: BTreeSet<&str> = operations(&document)
        .into_iter()
        .map(|(_, _, operation)| operation["operationId"].as_str().unwrap())
        .collect();
    let mut links = 0;
    walk(&document, "", &mut |place, value| {
        for (name, link) in value.get("links").and_then(Value::as_object).into_iter().flatten() {
            assert!(ids.contains(link["operationId"].as_str().unwrap()), "{place}/links/{name}");
            links += 1;
        }
    });
    assert!(links > 0);
}

#[test]
fn path_parameters_are_those_of_the_template() {
    let document = committed();
    for (method, path, operation) in operations(&document) {
        let named: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let parameters = operation["parameters"].as_array().into_iter().flatten().map(|parameter| {
            let target = parameter["$ref"].as_str().unwrap().trim_start_matches('#');
            document.pointer(target).unwrap()
        });
        let described: BTreeSet<&str> = parameters
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(named, described, "{method} {path}");
    }
}

#[test]
fn every_error_is_a_problem() {
    let document = committed();
    for (method, path, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.as_str() < "400" {
                continue;
            }
            let target = response["$ref"].as_str().unwrap().trim_start_matches('#');
            let content = document.pointer(target).unwrap()["content"].as_object().unwrap();
            let types: Vec<&String> = content.keys().collect();
            assert_eq!(types, ["application/problem+json"], "{method} {path} {status}");
        }
    }
}

#[test]
fn documented_limits_are_the_ones_in_force() {
    let document = committed();
    let at = |place: &str| document.pointer(place).unwrap_or_else(|| panic!("there is no {place}")).clone();
    for schema in ["User", "ListedUser", "NewUser", "UserReplacement", "UserPatch"] {
        let limit =
            |attribute: &str| at(&format!("/components/schemas/{schema}/properties/{attribute}/maxLength"));
        assert_eq!(limit("name"), json!(NAME_MAX), "{schema}");
        assert_eq!(limit("email"), json!(EMAIL_MAX), "{schema}");
        assert_eq!(limit("external_id"), json!(EXTERNAL_ID_MAX), "{schema}");
    }
    let number = "/components/schemas/ProfileValue/anyOf/1";
    assert_eq!(at(&format!("{number}/maximum")), json!(PROFILE_NUMBER_MAX));
    assert_eq!(at(&format!("{number}/minimum")), json!(-PROFILE_NUMBER_MAX));
    assert_eq!(at("/components/schemas/Batch/properties/operations/maxItems"), json!(BATCH_MAX));
    let parameter =
        |name: &str, keyword: &str| at(&format!("/components/parameters/{name}/schema/{keyword}"));
    for name in ["limit", "pageLimit"] {
        assert_eq!((parameter(name, "minimum"), parameter(name, "maximum")), (json!(1), json!(LIMIT_MAX)));
    }
    assert_eq!((parameter("id", "minimum"), parameter("id", "maximum")), (json!(1), json!(i64::MAX)));
    assert_eq!(parameter("fields", "maxItems"), json!(FIELDS_MAX));
    assert_eq!(parameter("q", "maxLength"), json!(SEARCH_MAX));
    assert_eq!(parameter("filter", "maxLength"), json!(MAX_BYTES));
    assert_eq!(parameter("idempotencyKey", "maxLength"), json!(IDEMPOTENCY_KEY_MAX));
    let orders: Vec<String> =
        Sort::NAMES.iter().flat_map(|name| [(*name).to_owned(), format!("-{name}")]).collect();
    assert_eq!(parameter("sort", "enum"), json!(orders));
}
