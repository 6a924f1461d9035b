//! A batch does what its rows would do one after the other.

use rand::RngExt as _;
use rand::rngs::StdRng;
use roster::model::actor::Actor;
use roster::model::import::{ImportRow, KeyBy, Outcome};
use roster::store::Store;
use roster::store::journal::Author;
use serde_json::{Map, Value, json};

use super::journal;
use crate::random::{generator, seed};
use crate::support::{Database, both};

/// Few values, so that rows often meet.
fn row(random: &mut StdRng) -> (KeyBy, ImportRow) {
    let number = |random: &mut StdRng| random.random_range(0..6);
    let key = KeyBy::ALL[random.random_range(0..4)];
    let mut attributes = Map::new();
    let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
    if key == KeyBy::Name || random.random_bool(0.8) {
        set("name", json!(format!("{}{}", ["n", "N"][number(random) % 2], number(random))));
    }
    if key == KeyBy::Email || random.random_bool(0.6) {
        let email = json!(format!("e{}@example.com", number(random)));
        set("email", if random.random_bool(0.2) { Value::Null } else { email });
    }
    if key == KeyBy::ExternalId || random.random_bool(0.3) {
        set("external_id", json!(format!("x{}", number(random))));
    }
    if key == KeyBy::Id {
        set("id", json!(number(random) + 1));
    }
    if random.random_bool(0.3) {
        set("active", json!(random.random_bool(0.5)));
    }
    (key, ImportRow { attributes, members: Vec::new() })
}

fn author() -> Author {
    Author::local(1_700_000_000_000_000, Actor::sole("test"))
}

/// Outcomes without ids: PostgreSQL's sequence also counts what was undone.
fn told(outcomes: &[Outcome]) -> Vec<String> {
    let one = |outcome: &Outcome| match outcome {
        Outcome::Created { .. } => "created".to_owned(),
        Outcome::Updated { change, .. } => change.clone(),
        other => format!("{other:?}"),
    };
    outcomes.iter().map(one).collect()
}

async fn state(store: &Store) -> (Vec<String>, Vec<String>) {
    let mut users = Vec::new();
    let all = roster::model::listing::Listing::default();
    store
        .snapshot(&all, &mut |user| {
            users.push(format!("{user:?}"));
            true
        })
        .await
        .unwrap();
    let changes = journal(store).await;
    let changes = changes.iter().map(|c| format!("{} {} {} {}", c.action, c.subject_id, c.version, c.change));
    (users, changes.collect())
}

both! {
    async fn a_batch_is_its_rows_one_after_the_other(engine) {
        let seed = seed("bulk");
        let (one, other) = (Database::create(engine).await, Database::create(engine).await);
        let (singly, together) = (one.store().await, other.store().await);
        let mut random = generator(seed, 0);
        for _ in 0..40 {
            let (key, first) = row(&mut random);
            let mut rows = vec![first];
            while rows.len() < 12 {
                let (other_key, more) = row(&mut random);
                if other_key == key {
                    rows.push(more);
                }
            }
            let mut expected = Vec::new();
            for row in &rows {
                expected.extend(singly.import_batch(&author(), key, std::slice::from_ref(row)).await.unwrap());
            }
            let found = together.import_batch(&author(), key, &rows).await.unwrap();
            assert_eq!(told(&found), told(&expected), "{key:?} {rows:#?}");
            assert_eq!(state(&together).await, state(&singly).await, "{key:?} {rows:#?}");
        }
        let undone = together.begin_import(true, None).await.unwrap();
        undone.undo().await;
    }
}
