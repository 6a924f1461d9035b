//! The feed on PostgreSQL where transactions end in another order than they began, are rolled back, or were
//! done on another server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use roster::clock::Clock;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::follower::{Follower, Table, whole_list};
use crate::random::{generator, seed};
use crate::support::{Database, Engine, Server, eventually};

/// Transactions elsewhere on the PostgreSQL server hold the feed back while they run.
const PATIENCE: Duration = Duration::from_mins(1);

/// A transaction that the test holds open, as another process would.
struct Open(PgConnection);

impl Open {
    async fn begin(database: &Database) -> Self {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        connection.execute("BEGIN").await.unwrap();
        Self(connection)
    }

    async fn user(&mut self, name: &str) -> i64 {
        let insert =
            "INSERT INTO users (name, name_key, created_at, updated_at) VALUES ($1, $1, 0, 0) RETURNING id";
        sqlx::query_scalar(insert).bind(name).fetch_one(&mut self.0).await.unwrap()
    }

    async fn entry(&mut self, id: i64, name: &str) {
        let after = json!({ "after": {
            "id": id, "name": name, "email": null, "active": true, "external_id": null, "profile": {},
            "version": 1, "created_at": "1970-01-01T00:00:00.000000Z", "updated_at": "1970-01-01T00:00:00.000000Z",
        } });
        let insert = "INSERT INTO journal (epoch, at, actor, action, subject_kind, subject_id, version, change) \
            SELECT max(epoch), 0, 'test', 'user.created', 'user', $1, 1, $2 FROM journal_epochs";
        sqlx::query(insert).bind(id).bind(after.to_string()).execute(&mut self.0).await.unwrap();
    }

    async fn create(&mut self, name: &str) {
        let id = self.user(name).await;
        self.entry(id, name).await;
    }

    async fn end(mut self, how: &str) {
        self.0.execute(sqlx::AssertSqlSafe(how.to_owned())).await.unwrap();
        self.0.close().await.unwrap();
    }
}

/// Follows until these names have come, one after the other.
async fn expect(follower: &mut Follower, server: &Server, names: &[&str]) {
    eventually(PATIENCE, &format!("{names:?} in the feed"), async || {
        follower.catch_up(server).await;
        follower.names().len() >= names.len()
    })
    .await;
    assert_eq!(follower.names(), names);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_in_the_reverse_order_of_their_start() {
    let server = Server::start(Engine::Postgres).await;
    server.create(&json!({ "name": "zero" })).await;
    let mut follower = Follower::default();
    expect(&mut follower, &server, &["zero"]).await;
    let mut first = Open::begin(&server.database).await;
    let one = first.user("one").await;
    let mut second = Open::begin(&server.database).await;
    second.create("two").await;
    second.end("COMMIT").await;
    // The list shows what is committed; the feed waits for whoever may still come before it.
    let (list, position) = whole_list(&server).await;
    assert_eq!(list.values().map(|user| user["name"].as_str().unwrap()).collect::<Vec<_>>(), ["zero", "two"]);
    let response = server.get("/users").await;
    assert!(!response.headers().contains_key("etag"), "the table may change without a new position");
    follower.catch_up(&server).await;
    assert_eq!(follower.names(), ["zero"]);
    first.entry(one, "one").await;
    first.end("COMMIT").await;
    expect(&mut follower, &server, &["zero", "one", "two"]).await;
    let places = follower.positions();
    assert!(places[1] < places[2] && places[1].position > places[2].position, "{places:?}");
    follower.assert_whole();
    let mut later = Follower::after(&position);
    expect(&mut later, &server, &["one", "two"]).await;
    let (table, _) = whole_list(&server).await;
    assert_eq!(later.replay(list), table);
    server.stop().await;
}

/// A batch of an import that finds out late that it has to change a user more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_waited_comes_after_what_it_waited_for() {
    let server = Server::start(Engine::Postgres).await;
    for name in ["one", "two", "three"] {
        server.create(&json!({ "name": name, "email": format!("{name}@example.com") })).await;
    }
    let mut other = Open::begin(&server.database).await;
    other.0.execute("SELECT 1 FROM users WHERE id = 2 FOR UPDATE").await.unwrap();
    let rows = "name,email\none,1@example.com\ntwo,2@example.com\nthree,three@example.com\n";
    let import = server.request(reqwest::Method::POST, "/users/import").header("content-type", "text/csv");
    let import = tokio::spawn(import.body(rows).send());
    // A transaction sees the activity of others as it was at its first look.
    let mut looking = PgConnection::connect(&server.database.url).await.unwrap();
    eventually(PATIENCE, "the import waits for the second user", async || {
        assert!(!import.is_finished(), "it did not wait");
        let waiting = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE%'";
        sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut looking).await.unwrap() == 1
    })
    .await;
    // As the file has it, until now.
    let changed = server.patch("/users/3", &json!({ "email": "3@example.com" })).await;
    assert_eq!(changed.status(), 200);
    other.end("COMMIT").await;
    let told = import.await.unwrap().unwrap().text().await.unwrap();
    assert!(told.contains("\"updated\":3") && told.contains("\"complete\":true"), "{told}");
    let mut follower = Follower::default();
    eventually(PATIENCE, "all of the feed", async || {
        follower.catch_up(&server).await;
        follower.entries.len() == 7
    })
    .await;
    let versions: Vec<&serde_json::Value> = follower
        .entries
        .iter()
        .filter(|entry| entry["subject"]["id"] == 3)
        .map(|entry| &entry["version"])
        .collect();
    assert_eq!(versions, [1, 2, 3]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rolled_back_is_never_told() {
    let server = Server::start(Engine::Postgres).await;
    let mut follower = Follower::default();
    let mut first = Open::begin(&server.database).await;
    first.create("never").await;
    let mut second = Open::begin(&server.database).await;
    second.create("two").await;
    second.end("COMMIT").await;
    follower.catch_up(&server).await;
    assert_eq!(follower.names(), [""; 0]);
    first.end("ROLLBACK").await;
    expect(&mut follower, &server, &["two"]).await;
    assert_eq!(whole_list(&server).await.0, follower.replay(Table::new()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_overlap_at_random() {
    const WRITERS: usize = 4;
    let server = Server::start(Engine::Postgres).await;
    let seed = seed("overlapping transactions");
    let running = Arc::new(AtomicUsize::new(WRITERS));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (database, running) = (server.database.clone(), running.clone());
            let random = generator(seed, writer as u64);
            tokio::spawn(async move {
                let committed = overlap(&database, writer, random).await;
                running.fetch_sub(1, Ordering::Release);
                committed
            })
        })
        .collect();
    let mut follower = Follower::default();
    while running.load(Ordering::Acquire) > 0 && !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        follower.page(&server, 5).await;
    }
    let mut committed = Vec::new();
    for writer in writers {
        committed.extend(writer.await.unwrap());
    }
    let count: usize = committed.iter().map(Vec::len).sum();
    eventually(PATIENCE, "all that was committed", async || {
        follower.catch_up(&server).await;
        follower.entries.len() >= count
    })
    .await;
    follower.assert_whole();
    let names = follower.names();
    assert_eq!(names.len(), count);
    for names_of_one in committed {
        let start = names.iter().position(|name| *name == names_of_one[0]).unwrap();
        assert_eq!(names[start..start + names_of_one.len()], names_of_one, "one transaction, one stretch");
    }
    server.stop().await;
}

/// Transactions of random length, a quarter of them rolled back; gives the names of each that was committed.
async fn overlap(database: &Database, writer: usize, mut random: StdRng) -> Vec<Vec<String>> {
    let mut committed = Vec::new();
    for round in 0..25 {
        let mut open = Open::begin(database).await;
        let names: Vec<String> =
            (0..random.random_range(1..4)).map(|index| format!("{writer}-{round}-{index}")).collect();
        for name in &names {
            open.create(name).await;
            // Not a wait for something: the length of the transaction.
            tokio::time::sleep(Duration::from_millis(random.random_range(0..6))).await;
        }
        if random.random_bool(0.25) {
            open.end("ROLLBACK").await;
        } else {
            open.end("COMMIT").await;
            committed.push(names);
        }
    }
    committed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_moves_to_another_server() {
    let database = Arc::new(Database::create(Engine::Postgres).await);
    let old = Server::on(database.clone(), &[], Clock::System).await;
    for name in ["one", "two"] {
        old.create(&json!({ "name": name })).await;
    }
    expect(&mut Follower::default(), &old, &["one", "two"]).await;
    old.stop().await;
    // As if all this had been done on a server that had counted more transactions than this one ever will.
    let mut admin = PgConnection::connect(&database.url).await.unwrap();
    admin.execute("UPDATE journal SET xid = xid + 4000000000000").await.unwrap();
    admin.execute("UPDATE journal_epochs SET server = 'elsewhere'").await.unwrap();
    let new = Server::on(database, &[], Clock::System).await;
    let mut follower = Follower::default();
    // The first token, and the first user.
    assert_eq!(follower.page(&new, 2).await, 2);
    let mut middle = Follower::after(&follower.next);
    let (list, position) = whole_list(&new).await;
    new.create(&json!({ "name": "three" })).await;
    expect(&mut follower, &new, &["one", "two", "three"]).await;
    expect(&mut middle, &new, &["two", "three"]).await;
    follower.assert_whole();
    let mut later = Follower::after(&position);
    expect(&mut later, &new, &["three"]).await;
    assert_eq!(later.replay(list), whole_list(&new).await.0);
    let places = follower.positions();
    assert_eq!(places.iter().map(|place| place.epoch).collect::<Vec<_>>(), [1, 1, 2]);
    assert!(places[1].xid > places[2].xid, "{places:?}");
    let epochs = "SELECT count(*), count(DISTINCT server) FROM journal_epochs, pg_control_system() \
        WHERE epoch = 1 AND server = 'elsewhere' OR epoch = 2 AND server = system_identifier::text";
    let counted: (i64, i64) = sqlx::query_as(epochs).fetch_one(&mut admin).await.unwrap();
    let all: i64 =
        sqlx::query_scalar("SELECT count(*) FROM journal_epochs").fetch_one(&mut admin).await.unwrap();
    assert_eq!((counted, all), ((2, 2), 2), "one more epoch, however many connections there were");
    new.stop().await;
}
