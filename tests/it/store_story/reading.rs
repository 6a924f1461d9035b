//! The part of the story that reads: users by id, lists in every order, the journal.

use std::time::Duration;

use roster::model::actor::Actor;
use roster::model::change::Selection;
use roster::model::filter::Filter;
use roster::model::listing::{After, Key, Listing, Sort};
use roster::model::position::Position;
use roster::model::user::{Field, timestamp};
use roster::store::changes::Standing;
use roster::store::list::Item;
use roster::store::measure::UserCounts;
use roster::store::{Engine, Store};
use serde_json::{Value, json};

use super::{START, ana};
use crate::support::eventually;

pub(super) async fn lookups(store: &Store) {
    let found = store.lookup(&[3, 1, 2, 1, -5, i64::MAX]).await.unwrap();
    let mut names: Vec<(i64, &str)> = found.iter().map(|(id, user)| (*id, user.name.as_str())).collect();
    names.sort_unstable();
    assert_eq!(names, [(1, "Anaïs"), (3, "Cyd")]);
    assert_eq!(found[&3].external_id.as_deref(), Some("c"));
    assert!(store.lookup(&[]).await.unwrap().is_empty());
}

pub(super) async fn measures(store: &Store) {
    assert_eq!(store.count_users().await.unwrap(), UserCounts { active: 2, inactive: 0 });
    assert!(store.has_had_users().await.unwrap());
    let limit = Duration::from_secs(20);
    // Nothing older runs anywhere on the server, once the other tests' transactions have ended.
    eventually(limit, "all is settled", async || store.oldest_waiting_change().await.unwrap().is_none())
        .await;
    assert!(!store.is_on_unknown_server().await.unwrap(), "this process writes, and has begun an epoch");
    assert_eq!(store.file_space().is_some(), store.engine() == Engine::Sqlite);
}

async fn ids(
    store: &Store,
    listing: &Listing,
    after: Option<&After>,
    limit: i64,
) -> (Vec<i64>, Option<After>) {
    let mut ids = Vec::new();
    let next = store.list(listing, after, limit, &mut |item| ids.push(item.id)).await.unwrap();
    (ids, next)
}

pub(super) async fn lists(store: &Store) {
    let plain = Listing::default();
    let mut rows = Vec::new();
    let mut used = 0;
    eventually(Duration::from_secs(5), "all connections are back", async || store.connections().0 == 0).await;
    let emit = &mut |item: Item<'_>| {
        used = store.connections().0;
        assert!(item.user.is_none(), "only what was asked for is read");
        rows.push((item.id, item.name.to_owned(), item.email.map(str::to_owned)));
    };
    assert_eq!(store.list(&plain, None, 10, emit).await.unwrap(), None);
    let expected = [(1, "Anaïs".to_owned(), Some("ana@example.org".to_owned())), (3, "Cyd".to_owned(), None)];
    // PostgreSQL's rows are handed on as they come, SQLite's when all are there.
    let on_loan = u32::from(store.engine() == Engine::Postgres);
    assert_eq!((used, rows.as_slice()), (on_loan, expected.as_slice()));
    let with_profile = Listing { fields: vec![Field::parse("profile").unwrap()], ..Listing::default() };
    let mut users = Vec::new();
    store.list(&with_profile, None, 10, &mut |item| users.extend(item.user)).await.unwrap();
    let known = store.lookup(&[1, 3]).await.unwrap();
    assert_eq!(users, [known[&1].clone(), known[&3].clone()]);
    let filtered = Listing { filter: Some(Filter::parse("profile.a.c gt 1").unwrap()), ..Listing::default() };
    assert_eq!(ids(store, &filtered, None, 10).await, (vec![3], None));
    let mut searched = Listing::default();
    searched.set_search("ANA@");
    assert_eq!(ids(store, &searched, None, 10).await, (vec![1], None));
    for (listing, count) in [(&plain, 2), (&filtered, 1), (&searched, 1)] {
        assert_eq!(store.count(listing).await.unwrap(), count);
    }
}

pub(super) async fn lists_in_every_order(store: &Store) {
    let text = |text: &str| Key::Text(text.to_owned());
    let orders = [
        ("id", [1, 3], Key::Number(1)),
        ("-id", [3, 1], Key::Number(3)),
        ("name", [1, 3], text("anaïs")),
        ("-name", [3, 1], text("cyd")),
        ("email", [3, 1], text("")),
        ("-email", [1, 3], text("ana@example.org")),
        ("created_at", [1, 3], Key::Number(START)),
        ("-created_at", [3, 1], Key::Number(START)),
        ("updated_at", [1, 3], Key::Number(START + 3)),
        ("-updated_at", [3, 1], Key::Number(START + 3)),
    ];
    for (sort, [first, second], key) in orders {
        let listing = Listing { sort: Sort::parse(sort).unwrap(), ..Listing::default() };
        let place = After { key, id: first };
        assert_eq!(ids(store, &listing, None, 1).await, (vec![first], Some(place.clone())), "{sort}");
        assert_eq!(ids(store, &listing, Some(&place), 1).await, (vec![second], None), "{sort}");
    }
}

pub(super) async fn journal(store: &Store) {
    // Transactions elsewhere on the PostgreSQL server hold the feed back while they run.
    eventually(Duration::from_secs(30), "the journal is settled", async || {
        store.changes(&Selection::default(), Position::default(), 100).await.unwrap().0.len() == 7
    })
    .await;
    let (changes, more) = store.changes(&Selection::default(), Position::default(), 100).await.unwrap();
    assert!(!more);
    let change = |place: usize| -> Value { serde_json::from_str(changes[place].change.get()).unwrap() };
    let facts: Vec<_> =
        changes.iter().map(|one| (one.action.as_str(), one.subject_id, one.version, one.at)).collect();
    let expected = [
        ("user.created", 1, 1, START),
        ("user.created", 2, 1, START),
        ("user.created", 3, 1, START),
        ("user.updated", 1, 2, START + 1),
        ("user.deleted", 2, 1, START + 3),
        ("user.updated", 1, 3, START + 3),
        ("user.updated", 3, 2, START + 3),
    ];
    assert_eq!(facts, expected);
    let author = Some(Actor::sole("story"));
    assert!(changes.iter().all(|one| (&one.actor, one.subject_kind.as_str()) == (&author, "user")));
    assert!(changes.is_sorted_by(|a, b| a.position < b.position));
    assert_eq!(change(0), json!({ "after": ana().to_json() }));
    let later = changes[3].at;
    let before = json!({ "active": true, "version": 1, "updated_at": timestamp(START) });
    let after = json!({ "active": false, "version": 2, "updated_at": timestamp(later) });
    assert_eq!(change(3), json!({ "before": before, "after": after }));
    assert_eq!(change(4).as_object().unwrap().keys().collect::<Vec<_>>(), ["before"]);
    let (two, more) = store.changes(&Selection::default(), changes[1].position, 2).await.unwrap();
    assert_eq!(
        two.iter().map(|one| one.position).collect::<Vec<_>>(),
        [changes[2].position, changes[3].position]
    );
    assert!(more);
    let (none, more) = store.changes(&Selection::default(), changes[6].position, 2).await.unwrap();
    assert!(none.is_empty() && !more);
    let end = Standing { position: changes[6].position, quiet: true };
    eventually(Duration::from_secs(30), "the table is quiet", async || {
        store.standing().await.unwrap() == end
    })
    .await;
}
