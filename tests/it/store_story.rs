//! One story that calls every public function of the store, on both engines, in the order of a directory's
//! life. What the engines answer must be equal to the last value.

mod callers;
mod moving;
mod reading;

use std::time::Duration;

use roster::model::actor::Actor;
use roster::model::change::Selection;
use roster::model::etag::Condition;
use roster::model::listing::Listing;
use roster::model::position::Position;
use roster::model::user::User;
use roster::store::changes::Standing;
use roster::store::idempotency::IdempotencyKey;
use roster::store::journal::Author;
use roster::store::migrate::{MIGRATIONS, SchemaState};
use roster::store::users::{Operation, Preconditions, WriteContext, WriteError, Written};
use roster::store::{OpenError, Store, StoreError, StoreOptions, Target};
use serde_json::{Map, Value, json};

use crate::rules::{functions_of_the_store, read_source};
use crate::support::{Database, both, metrics};
use reading::{journal, lists, lists_in_every_order, lookups, measures};

/// Microseconds since 1970-01-01 UTC.
const START: i64 = 1_700_000_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

both! {
    async fn every_function_of_the_store(engine) {
        waiting_ends(engine).await;
        let database = Database::create(engine).await;
        let store = open(&database, false).await;
        assert_eq!(store.engine(), engine);
        assert!(!store.is_read_only());
        let (_, _, most) = store.connections();
        assert_eq!(most, if engine == Engine::Sqlite { 11 } else { 10 }, "SQLite has one more, for writing");
        schema(&store).await;
        writes(&store).await;
        refusals(&store).await;
        lookups(&store).await;
        measures(&store).await;
        lists(&store).await;
        lists_in_every_order(&store).await;
        journal(&store).await;
        kept_answers(&store).await;
        without_writes(&database, &store).await;
        moving::in_bulk(&store, START + 2 * DAY).await;
        callers::tokens(&store).await;
        moving::elsewhere(&store, START + 2 * DAY).await;
        store.close().await;
        assert!(matches!(store.lookup(&[1]).await, Err(StoreError::Unavailable(_))));
        let failed = write(&store, START, vec![create(json!({ "name": "late" }))]).await.unwrap_err();
        assert!(matches!(failed.error, StoreError::Unavailable(_)), "{failed:?}");
    }
}

#[test]
fn no_function_of_the_store_is_left_out() {
    let story = read_source("tests/it/store_story.rs")
        + &read_source("tests/it/store_story/reading.rs")
        + &read_source("tests/it/store_story/moving.rs")
        + &read_source("tests/it/store_story/callers.rs");
    let functions = functions_of_the_store();
    assert!(functions.len() > 10, "{functions:?}");
    let missing: Vec<&String> = functions
        .iter()
        .filter(|name| {
            !story.contains(&format!("store.{name}(")) && !story.contains(&format!("Store::{name}("))
        })
        .collect();
    assert!(missing.is_empty(), "the story does not call {missing:?}");
}

async fn open(database: &Database, read_only: bool) -> Store {
    let target = Target::parse(&database.url).unwrap();
    Store::wait_for(&target, Some(Duration::from_secs(5))).await.unwrap();
    let options = StoreOptions { read_only, ..StoreOptions::default() };
    Store::open(&target, options, metrics()).await.unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

fn create(body: Value) -> Operation {
    Operation::Create(object(body))
}

fn patch(id: i64, body: Value) -> Operation {
    Operation::Patch(id, object(body), Preconditions::default())
}

fn if_match(text: &str) -> Preconditions {
    Preconditions { if_match: Condition::parse(text), if_none_match: None }
}

async fn write(store: &Store, now: i64, operations: Vec<Operation>) -> Result<Vec<Written>, WriteError> {
    let author = Author::local(now, Actor::sole("story"));
    store.write(WriteContext { author, idempotency: None }, operations).await
}

async fn write_with_key(
    store: &Store,
    now: i64,
    fingerprint: &str,
    name: &str,
) -> Result<Vec<Written>, StoreError> {
    let key = |text: &str| text.to_owned();
    let idempotency =
        Some(IdempotencyKey { caller: key("story"), key: key("k"), fingerprint: key(fingerprint) });
    let context = WriteContext { author: Author::local(now, Actor::sole("story")), idempotency };
    store.write(context, vec![create(json!({ "name": name }))]).await.map_err(|failed| failed.error)
}

fn ana() -> User {
    User {
        id: 1,
        name: "Ana".to_owned(),
        email: Some("Ana@Example.com".to_owned()),
        active: true,
        external_id: None,
        profile: Map::new(),
        version: 1,
        created_at: START,
        updated_at: START,
    }
}

fn as_json(written: &[Written]) -> Value {
    serde_json::to_value(written).unwrap()
}

async fn waiting_ends(engine: crate::support::Engine) {
    if engine == crate::support::Engine::Sqlite {
        let nowhere = Target::parse("sqlite:/nowhere/roster.db").unwrap();
        assert!(Store::wait_for(&nowhere, None).await.is_ok(), "there is no server to wait for");
        let opened = Store::open(&nowhere, StoreOptions::default(), metrics()).await;
        assert!(matches!(opened, Err(OpenError::Never(_))));
        return;
    }
    let nobody = Target::parse("postgres://nobody@127.0.0.1:1/nothing").unwrap();
    let waited = Store::wait_for(&nobody, Some(Duration::from_millis(100))).await;
    assert!(matches!(waited, Err(OpenError::NotYet(_))), "{waited:?}");
    let mut told = 0;
    let wait = Store::wait_for_telling(&nobody, Some(Duration::from_millis(100)), |_| told += 1).await;
    assert!(wait.is_err() && told > 0, "{told} attempts were told");
}

async fn schema(store: &Store) {
    let names: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
    let fresh = SchemaState { pending: names.clone(), newer: 0 };
    assert_eq!(store.schema_state().await.unwrap(), fresh);
    assert_eq!(store.probe().await.unwrap(), fresh);
    assert!(matches!(store.lookup(&[1]).await, Err(StoreError::Unavailable(_))), "there is no table yet");
    assert_eq!(store.migrate(START).await.unwrap(), names);
    assert_eq!(store.migrate(START).await.unwrap(), Vec::<&str>::new());
    assert!(store.migrate_for(START, Some("nobody")).await.is_err(), "there is no such role, or none at all");
    assert_eq!(store.schema_state().await.unwrap(), SchemaState::default());
    assert_eq!(store.probe().await.unwrap(), SchemaState::default());
    let nothing = Standing { position: Position::default(), quiet: true };
    assert_eq!(store.standing().await.unwrap(), nothing);
    assert!(!store.has_had_users().await.unwrap());
    assert_eq!(store.changes(&Selection::default(), Position::default(), 10).await.unwrap().0.len(), 0);
}

/// Leaves Ana (id 1, version 3) and Cyd (id 3, version 2); Bob (id 2) is gone.
async fn writes(store: &Store) {
    let bodies = [
        json!({ "name": "Ana", "email": "Ana@Example.com" }),
        json!({ "name": "Bob", "active": false, "external_id": "b-1" }),
        json!({ "name": "Cyd", "profile": { "a": { "b": [1, "é", null] } } }),
    ];
    let made = write(store, START, bodies.into_iter().map(create).collect()).await.unwrap();
    assert_eq!(made.iter().map(|one| one.created).collect::<Vec<_>>(), [true; 3]);
    assert_eq!(made[0].user, Some(ana()));
    let bob = made[1].user.clone().unwrap();
    assert_eq!((bob.id, bob.active, bob.external_id.as_deref()), (2, false, Some("b-1")));
    let patched = write(store, START + 1, vec![patch(1, json!({ "active": false }))]).await.unwrap();
    let inactive = User { active: false, version: 2, updated_at: START + 1, ..ana() };
    assert_eq!((patched[0].created, &patched[0].user), (false, &Some(inactive.clone())));
    let same = write(store, START + 2, vec![patch(1, json!({ "active": false }))]).await.unwrap();
    assert_eq!(same[0].user, Some(inactive), "what changes nothing makes no version");
    let steps = vec![
        Operation::Delete(2, Preconditions::default()),
        Operation::Replace(
            1,
            object(json!({ "name": "Anaïs", "email": "ana@example.org" })),
            if_match("\"2\""),
        ),
        patch(3, json!({ "profile": { "a": { "b": null, "c": 1.5 } }, "external_id": "c" })),
    ];
    let done = write(store, START + 3, steps).await.unwrap();
    assert_eq!(as_json(&done[..1]), json!([{ "created": false, "user": null }]));
    let anais = done[1].user.clone().unwrap();
    assert_eq!((anais.name.as_str(), anais.active, anais.version), ("Anaïs", true, 3));
    assert_eq!((anais.created_at, anais.updated_at), (START, START + 3));
    assert_eq!(Value::Object(done[2].user.clone().unwrap().profile), json!({ "a": { "c": 1.5 } }));
}

/// Every refusal takes the whole write with it.
async fn refusals(store: &Store) {
    let first = || patch(1, json!({ "name": "undone" }));
    let second = [
        (create(json!({ "name": "ANAI\u{308}S" })), "Taken(\"name\")"),
        (create(json!({ "name": "x", "email": "ANA@EXAMPLE.ORG" })), "Taken(\"email\")"),
        (patch(3, json!({ "name": "undone" })), "Taken(\"name\")"),
        (patch(2, json!({})), "NotFound"),
        (Operation::Delete(99, Preconditions::default()), "NotFound"),
        (Operation::Delete(3, if_match("\"1\"")), "PreconditionFailed"),
        (Operation::Patch(3, Map::new(), if_match("W/\"2\"")), "PreconditionFailed"),
    ];
    for (operation, expected) in second {
        let what = format!("{operation:?}");
        let before =
            if what.contains("ANAI") || what.contains("ANA@") { patch(1, json!({})) } else { first() };
        let failed = write(store, START + 4, vec![before, operation]).await.unwrap_err();
        assert_eq!((failed.operation, format!("{:?}", failed.error)), (1, expected.to_owned()), "{what}");
        assert!(!failed.error.is_fault());
    }
    let failed = write(store, START + 4, vec![first(), create(json!({ "nam": 1 }))]).await.unwrap_err();
    let StoreError::Invalid(errors) = &failed.error else { panic!("{failed:?}") };
    let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!((failed.operation, pointers), (1, vec!["/nam", "/name"]));
}

async fn kept_answers(store: &Store) {
    let first = write_with_key(store, START + 10, "f", "dora").await.unwrap();
    let again = write_with_key(store, START + 11, "f", "dora").await.unwrap();
    assert_eq!(as_json(&again), as_json(&first));
    assert_eq!(store.count(&Listing::default()).await.unwrap(), 3);
    let reused = write_with_key(store, START + 12, "g", "eve").await;
    assert!(matches!(reused, Err(StoreError::KeyReused)), "{reused:?}");
    store.forget_old_keys(START + 10 + DAY - 1).await.unwrap();
    let reused = write_with_key(store, START + 10 + DAY - 1, "g", "eve").await;
    assert!(matches!(reused, Err(StoreError::KeyReused)), "an answer is kept for 24 hours");
    store.forget_old_keys(START + 10 + DAY).await.unwrap();
    // At an old time too: the answer is not only out of date, but gone.
    let eve = write_with_key(store, START + 13, "g", "eve").await.unwrap();
    assert_eq!(eve[0].user.as_ref().map(|user| user.name.as_str()), Some("eve"));
}

async fn without_writes(database: &Database, store: &Store) {
    let reader = open(database, true).await;
    assert!(reader.is_read_only());
    let denied = write(&reader, START, vec![create(json!({ "name": "no" }))]).await.unwrap_err();
    assert!(matches!(denied.error, StoreError::ReadOnly(_)), "{denied:?}");
    reader.forget_old_keys(START + (9 * DAY)).await.unwrap();
    let reused = write_with_key(store, START + 14, "h", "no").await;
    assert!(matches!(reused, Err(StoreError::KeyReused)), "a server without writes forgets nothing");
    assert_eq!(reader.count(&Listing::default()).await.unwrap(), 4);
    reader.close().await;
}
