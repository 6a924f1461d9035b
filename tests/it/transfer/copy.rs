//! `roster copy` and `roster backup`.

use std::sync::Arc;

use roster::clock::Clock;
use roster::store::copy::copied_tables;
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};

use super::{Place, numbered};
use crate::commands::call;
use crate::follower::Follower;
use crate::support::{Database, Engine, Server, both, client};

#[tokio::test]
async fn there_and_back_again() {
    let place = Place::create(Engine::Sqlite).await;
    place.import(&place.file("in.csv", numbered(100_000, "Engineer"))).await;
    place.import(&place.file("some.csv", numbered(20_000, "Boss"))).await;
    let first = Server::on(Arc::new(place.database), &[], Clock::System).await;
    // The newest user is gone, and its id with it.
    assert_eq!(first.delete("/users/100000").await.status(), 204);
    let mut follower = Follower::default();
    for _ in 0..3 {
        follower.page(&first, 1000).await;
    }
    let postgres = Arc::new(Database::create(Engine::Postgres).await);
    let there = call(&["copy", &first.database.url, &postgres.url, "--quiet"], &[]).await;
    assert_eq!(there.code, 0, "{there:?}");
    assert!(there.stdout.contains("users: 99999 rows, checksum "), "{there:?}");
    assert_eq!(there.stderr, "nothing was changed in the source meanwhile\n");
    let second = Server::on(postgres, &[], Clock::System).await;
    let ada = second.create(&json!({ "name": "ada" })).await;
    assert!(ada["id"].as_i64() > Some(100_000), "an id is never used again: {ada}");
    for _ in 0..3 {
        follower.page(&second, 1000).await;
    }

    let sqlite = Arc::new(Database::create(Engine::Sqlite).await);
    let back = call(&["copy", &second.database.url, &sqlite.url, "--quiet"], &[]).await;
    assert_eq!(back.code, 0, "{back:?}");
    let third = Server::on(sqlite, &[], Clock::System).await;
    assert!(third.create(&json!({ "name": "bob" })).await["id"].as_i64() > ada["id"].as_i64());
    while follower.page(&third, 1000).await > 0 {}
    assert_eq!(follower.entries.len(), 120_003, "of users, beside the first token");
    let positions = follower.positions();
    assert!(positions.is_sorted_by(|one, next| one < next), "each entry once, in order");
    assert_eq!(follower.names().last(), Some(&"bob"));
    for server in [first, second, third] {
        server.stop().await;
    }
}

both! {
    async fn only_an_empty_target_is_written(engine) {
        let place = Place::create(engine).await;
        place.import(&place.file("in.csv", numbered(10, "x"))).await;
        let other = Place::create(engine).await;
        let copied = call(&["copy", &place.database.url, &other.database.url], &[]).await;
        assert_eq!(copied.code, 0, "{copied:?}");
        assert_eq!(other.export().await, place.export().await);
        let again = call(&["copy", &place.database.url, &other.database.url, "--quiet"], &[]).await;
        again.assert_refused("the target is not empty: it has rows in users");
        let itself = call(&["copy", &place.database.url, &place.database.url], &[]).await;
        itself.assert_refused("the same database");
        let file = other.file("url", &place.database.url);
        let at = call(&["copy", &format!("@{file}"), &other.database.url], &[]).await;
        at.assert_refused("not empty");
        let unready = Database::create(engine).await;
        let refused = call(&["copy", &unready.url, &other.database.url], &[]).await;
        refused.assert_refused("migrate");
    }
}

#[tokio::test]
async fn every_table_is_copied() {
    let place = Place::create(Engine::Sqlite).await;
    let mut connection = SqliteConnection::connect(&place.database.url).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
         AND name <> 'schema_migrations' ORDER BY name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut copied = copied_tables();
    copied.sort_unstable();
    assert_eq!(copied.iter().map(|(name, _)| *name).collect::<Vec<_>>(), tables);
    for (table, columns) in copied {
        let found: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1) ORDER BY cid")
            .bind(table)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        assert_eq!(columns, found, "{table}");
    }
}

#[tokio::test]
async fn a_backup_is_a_database_of_one_moment() {
    let place = Place::create(Engine::Sqlite).await;
    place.import(&place.file("in.csv", numbered(3000, "x"))).await;
    let path = place.path("backup.db");
    let file = path.to_str().unwrap().to_owned();
    let database = Arc::new(place.database);
    let server = Server::on(database.clone(), &[], Clock::System).await;
    let mut follower = Follower::default();
    follower.page(&server, 1000).await;
    let url = [("ROSTER_DATABASE_URL", database.url.as_str())];
    let (ended, _) = tokio::join!(async { call(&["backup", &file], &url).await }, async {
        server.create(&json!({ "name": "meanwhile" })).await
    });
    assert!(ended.code == 0 && ended.stdout.is_empty(), "{ended:?}");
    call(&["backup", &file], &url).await.assert_refused("exists already");
    call(&["backup", "/nowhere/b.db"], &url).await.assert_refused("/nowhere/b.db");
    assert_eq!(std::fs::read_dir(place.directory.path()).unwrap().count(), 2, "nothing half-written is left");
    server.stop().await;

    let url = format!("sqlite:{file}");
    let exported = call(&["export", "--format", "ndjson", "-q"], &[("ROSTER_DATABASE_URL", &url)]).await;
    assert!([3000, 3001].contains(&exported.stdout.lines().count()), "{}", exported.stdout.lines().count());
    let restored = crate::support::Program::serve(&url, &[]).await;
    let next = &follower.next;
    let page =
        client().get(format!("{}/changes?limit=1000&after={next}", restored.url)).send().await.unwrap();
    let page: serde_json::Value = page.json().await.unwrap();
    assert_eq!(page["changes"][0]["subject"]["id"], 1001);
}

#[tokio::test]
async fn a_backup_of_postgresql_is_made_by_its_own_tools() {
    let place = Place::create(Engine::Postgres).await;
    place.call(&["backup", "x.db"]).await.assert_refused("pg_dump");
}
