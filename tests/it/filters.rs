//! Filters in the database mean what they mean in memory, and the common ones use an index.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use roster::model::filter::Filter;
use roster::model::fold::fold;
use roster::model::listing::{After, Key, Listing, Sort};
use roster::model::user::User;
use roster::store::Store;
use roster::store::list::{Arg, page};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

use crate::filter_strategies::{comparison, filter, user};
use crate::random::seed;
use crate::support::{Database, Engine, both};

const INSERT: &str = "INSERT INTO users \
    (id, name, name_key, email, email_key, active, external_id, profile, version, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// Runs the same statement on the one or the other engine.
macro_rules! direct {
    ($database:expr, $engine:expr, $connection:ident => $body:expr) => {
        if $engine == Engine::Sqlite {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename($database.path());
            let mut $connection = SqliteConnection::connect_with(&options).await.unwrap();
            $body
        } else {
            let mut $connection = PgConnection::connect(&$database.url).await.unwrap();
            $body
        }
    };
}

both! {
    async fn filters_mean_the_same_in_the_database_and_in_memory(engine) {
        let seed = seed("filters");
        let config = Config { failure_persistence: None, rng_seed: RngSeed::Fixed(seed), ..Config::default() };
        let mut runner = TestRunner::new(config);
        let drawn = vec(user(), 600).new_tree(&mut runner).unwrap().current();
        let users = distinct(drawn);
        assert!(users.len() > 100, "only {} distinct users", users.len());
        let database = Database::create(engine).await;
        let store = database.store().await;
        insert(&database, engine, &users).await;
        let mut told_apart = 0;
        for round in 0..700 {
            let filter = if round % 2 == 0 { draw(&comparison(), &mut runner) } else { draw(&filter(), &mut runner) };
            let expected: BTreeSet<i64> = users.iter().filter(|user| filter.matches(user)).map(|user| user.id).collect();
            told_apart += usize::from(!expected.is_empty() && expected.len() < users.len());
            let listing = Listing { filter: Some(filter), ..Listing::default() };
            let found = ids(&store, &listing).await;
            let text = listing.filter.as_ref().unwrap().to_string();
            assert_eq!(found, expected, "{text}: {:?}", first_difference(&users, &found, &expected));
            assert_eq!(store.count(&listing).await.unwrap(), i64::try_from(expected.len()).unwrap(), "{text}");
        }
        assert!(told_apart > 250, "only {told_apart} filters are true of some and not of all");
        store.close().await;
    }

    async fn common_filters_and_pages_use_an_index(engine) {
        let database = Database::create(engine).await;
        let store = database.store().await;
        store.close().await;
        direct!(database, engine, connection => {
            sqlx::raw_sql(AssertSqlSafe(many(engine))).execute(&mut connection).await.unwrap();
        });
        let filters = [
            "id eq 12345",
            "id eq \"12345\"",
            "id sw \"1234\"",
            "name eq \"User 12345\"",
            "name sw \"User 1234\"",
            "email eq \"U12345@Example.com\"",
            "email sw \"u1234\"",
            "external_id eq \"x-12345\"",
            "external_id sw \"x-1234\"",
        ];
        for text in filters {
            let listing = Listing { filter: Some(Filter::parse(text).unwrap()), ..Listing::default() };
            let plan = explain(&database, engine, &listing, None).await;
            assert!(is_search(engine, &plan), "{text}:\n{}", plan.join("\n"));
        }
        let searched = Listing { search: Some("user 1234".to_owned()), ..Listing::default() };
        let plan = explain(&database, engine, &searched, None).await;
        assert!(is_search(engine, &plan), "q:\n{}", plan.join("\n"));
        let text = |text: &str| Key::Text(text.to_owned());
        let places = [
            ("id", Key::Number(9000)),
            ("name", text("user 15000")),
            ("email", text("u15000@example.com")),
            ("created_at", Key::Number(9000)),
            ("updated_at", Key::Number(9000)),
        ];
        for (sort, key) in places {
            for sort in [sort.to_owned(), format!("-{sort}")] {
                let listing = Listing { sort: Sort::parse(&sort).unwrap(), ..Listing::default() };
                for after in [None, Some(After { key: key.clone(), id: 9000 })] {
                    let plan = explain(&database, engine, &listing, after.as_ref()).await;
                    assert!(is_in_order(engine, &plan, after.is_some()), "{sort}:\n{}", plan.join("\n"));
                }
            }
        }
    }
}

fn draw<T>(strategy: &impl Strategy<Value = T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).unwrap().current()
}

/// Users that can live in one table.
fn distinct(users: Vec<User>) -> Vec<User> {
    let (mut ids, mut names, mut emails) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut kept = Vec::new();
    for mut user in users {
        if user.email.as_deref().is_some_and(|email| !emails.insert(fold(email))) {
            user.email = None;
        }
        if !ids.contains(&user.id) && names.insert(fold(&user.name)) {
            ids.insert(user.id);
            kept.push(user);
        }
    }
    kept
}

async fn insert(database: &Database, engine: Engine, users: &[User]) {
    direct!(database, engine, connection => {
        let mut tx = connection.begin().await.unwrap();
        for user in users {
            sqlx::query(INSERT)
                .bind(user.id)
                .bind(user.name.as_str())
                .bind(fold(&user.name))
                .bind(user.email.as_deref())
                .bind(user.email.as_deref().map(fold))
                .bind(user.active)
                .bind(user.external_id.as_deref())
                .bind(serde_json::to_string(&user.profile).unwrap())
                .bind(user.version)
                .bind(user.created_at)
                .bind(user.updated_at)
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    });
}

async fn ids(store: &Store, listing: &Listing) -> BTreeSet<i64> {
    let mut ids = BTreeSet::new();
    let next = store.list(listing, None, 10_000, &mut |item| assert!(ids.insert(item.id))).await.unwrap();
    assert_eq!(next, None);
    ids
}

fn first_difference<'a>(
    users: &'a [User],
    found: &BTreeSet<i64>,
    expected: &BTreeSet<i64>,
) -> Option<&'a User> {
    let id = found.symmetric_difference(expected).next()?;
    users.iter().find(|user| user.id == *id)
}

/// 20,000 users, and the engine's statistics of them.
fn many(engine: Engine) -> String {
    let (series, statistics) = match engine {
        Engine::Sqlite => {
            let counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)";
            (format!("{counted} SELECT i FROM n"), "ANALYZE")
        }
        Engine::Postgres => ("SELECT i FROM generate_series(1, 20000) AS n(i)".to_owned(), "ANALYZE users"),
    };
    format!(
        "INSERT INTO users (id, name, name_key, email, email_key, external_id, created_at, updated_at) \
         SELECT i, 'User ' || i, 'user ' || i, 'U' || i || '@example.com', 'u' || i || '@example.com', \
         'x-' || i, i / 3, i / 3 FROM ({series}) AS numbers; {statistics}"
    )
}

/// The engine's plan for the first page of 50 after a place.
async fn explain(
    database: &Database,
    engine: Engine,
    listing: &Listing,
    after: Option<&After>,
) -> Vec<String> {
    let statement = page(listing, after, 51, engine);
    let (word, column) = if engine == Engine::Sqlite { ("EXPLAIN QUERY PLAN", 3) } else { ("EXPLAIN", 0) };
    let text = format!("{word} {}", statement.text);
    direct!(database, engine, connection => {
        let mut query = sqlx::query(AssertSqlSafe(text));
        for arg in &statement.args {
            query = match arg {
                Arg::Text(text) => query.bind(text.as_str()),
                Arg::Int(number) => query.bind(*number),
                Arg::Real(number) => query.bind(*number),
            };
        }
        let rows = query.fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>(column)).collect()
    })
}

fn has(plan: &[String], word: &str) -> bool {
    plan.iter().any(|line| line.contains(word))
}

/// Only what the filter may be true of is looked at.
fn is_search(engine: Engine, plan: &[String]) -> bool {
    match engine {
        Engine::Sqlite => has(plan, "SEARCH users") && !has(plan, "SCAN"),
        Engine::Postgres => has(plan, "Index Cond") && !has(plan, "Seq Scan"),
    }
}

/// Rows come in the order of an index, from a place in it, and nothing is sorted.
fn is_in_order(engine: Engine, plan: &[String], from_a_place: bool) -> bool {
    match engine {
        Engine::Sqlite => {
            let sought = if from_a_place { "SEARCH users" } else { "SCAN users" };
            has(plan, sought) && !has(plan, "TEMP B-TREE")
        }
        Engine::Postgres => {
            has(plan, "Index") && !has(plan, "Sort") && has(plan, "Index Cond") == from_a_place
        }
    }
}
