//! The part of the story in which users come and go in bulk.

use std::future::pending;

use roster::model::actor::Actor;
use roster::model::import::{ImportRow, KeyBy, Outcome};
use roster::model::listing::Listing;
use roster::store::copy::CopyError;
use roster::store::journal::Author;
use roster::store::{Engine, Store, StoreError};
use serde_json::{Value, json};

use crate::support::Database;

fn row(attributes: Value) -> ImportRow {
    match attributes {
        Value::Object(attributes) => ImportRow { attributes, members: Vec::new() },
        other => panic!("{other} is not an object"),
    }
}

async fn names(store: &Store) -> Vec<String> {
    let mut names = Vec::new();
    let mut take = |user: roster::store::snapshot::Stored<'_>| {
        names.push(user.name.to_owned());
        true
    };
    store.snapshot(&Listing::default(), &mut take).await.unwrap();
    names
}

pub(super) async fn in_bulk(store: &Store, now: i64) {
    let author = Author::local(now, Actor::sole("story"));
    let rows = [
        row(json!({ "name": "Dan", "email": "dan@example.com" })),
        row(json!({ "name": "DAN", "active": false })),
        row(json!({ "name": "Eve", "email": "DAN@example.com" })),
    ];
    let outcomes = store.import_batch(&author, KeyBy::Name, &rows).await.unwrap();
    assert!(matches!(outcomes[0], Outcome::Created { id } if id > 3), "{outcomes:?}");
    assert!(matches!(outcomes[1], Outcome::Updated { .. }), "{outcomes:?}");
    assert!(
        matches!(&outcomes[2], Outcome::Refused(errors) if errors[0].pointer == "/email"),
        "{outcomes:?}"
    );
    let before = names(store).await;
    assert_eq!(before.last().map(String::as_str), Some("DAN"));

    let mut undone = store.begin_import(true, None).await.unwrap();
    undone.import_rows(&author, KeyBy::Name, &[row(json!({ "name": "Fay" }))]).await.unwrap();
    undone.undo().await;
    assert_eq!(names(store).await, before);
    let mut done = store.begin_import(false, None).await.unwrap();
    done.import_rows(&author, KeyBy::Name, &[row(json!({ "name": "Gus" }))]).await.unwrap();
    store.commit_import(done).await.unwrap();
    assert_eq!(names(store).await.len(), before.len() + 1);
}

pub(super) async fn elsewhere(store: &Store, now: i64) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let target = Database::create(engine).await;
        let copy = target.store().await;
        let copied = store.copy_to(&copy, now, pending(), &mut |_, _| {}).await.unwrap();
        assert_eq!(copied.missed, Some(0));
        assert_eq!(names(&copy).await, names(store).await);
        let again = store.copy_to(&copy, now, pending(), &mut |_, _| {}).await;
        assert!(matches!(again, Err(CopyError::NotEmpty("users"))), "{again:?}");
        copy.close().await;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backup.db");
    match store.backup(&path).await {
        Ok(()) => assert!(path.metadata().unwrap().len() > 0 && store.engine() == Engine::Sqlite),
        Err(error) => assert!(store.engine() == Engine::Postgres && matches!(error, StoreError::Internal(_))),
    }
}
