//! `Idempotency-Key`: a request that is sent again is answered again, and done once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::{Method, Response};
use roster::clock::Clock;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::asking::{assert_invalid, create_all, field, journal, names, places};
use crate::support::{Database, Engine, Server, assert_problem, both, parts};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

async fn post(server: &Server, key: &str, path: &str, body: &Value) -> Response {
    server.request(Method::POST, path).header("idempotency-key", key).json(body).send().await.unwrap()
}

async fn create(server: &Server, key: &str, name: &str) -> Response {
    post(server, key, "/users", &json!({ "name": name })).await
}

/// All that a client sees of an answer, less what names the single exchange.
async fn seen(response: Response) -> (u16, BTreeMap<String, String>, String) {
    let status = response.status().as_u16();
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    let mut headers: BTreeMap<String, String> =
        response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    for name in ["date", "x-request-id", "traceparent"] {
        headers.remove(name);
    }
    (status, headers, response.text().await.unwrap())
}

/// Holds the lock that every writer needs, from outside the service.
enum Lock {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Lock {
    async fn take(engine: Engine, database: &Database) -> Self {
        match engine {
            Engine::Sqlite => {
                let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
                connection.execute("BEGIN IMMEDIATE").await.unwrap();
                Self::Sqlite(connection)
            }
            Engine::Postgres => {
                let mut connection = PgConnection::connect(&database.url).await.unwrap();
                connection.execute("BEGIN; LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
                Self::Postgres(connection)
            }
        }
    }

    async fn release(self) {
        match self {
            Self::Sqlite(mut connection) => drop(connection.execute("ROLLBACK").await.unwrap()),
            Self::Postgres(mut connection) => drop(connection.execute("ROLLBACK").await.unwrap()),
        }
    }
}

/// Two requests with one key while writers must wait: one is refused at once, the other is done after all.
async fn race(engine: Engine, one: &Server, other: &Server) {
    let lock = Lock::take(engine, &one.database).await;
    let mut first = Box::pin(create(one, "key", "Ana"));
    let mut second = Box::pin(create(other, "key", "Ana"));
    let refused = tokio::select! {
        response = &mut first => response,
        response = &mut second => { second = first; response }
    };
    assert_eq!(field(&refused, "retry-after"), Some("1"));
    assert_problem(refused, 409, "idempotency-key-running").await;
    lock.release().await;
    let done = seen(second.await).await;
    assert_eq!(done.0, 201, "{done:?}");
    for server in [one, other] {
        assert_eq!(seen(create(server, "key", "Ana").await).await, done);
    }
    assert_eq!(names(one, "/users").await, ["Ana"]);
}

both! {
    async fn a_request_sent_again_is_answered_again(engine) {
        let server = Server::start(engine).await;
        let first = seen(create(&server, "k-1", "Ana").await).await;
        assert_eq!(
            (first.0, first.1["location"].as_str(), first.1["etag"].as_str()),
            (201, "/users/1", "\"1\"")
        );
        assert_eq!(seen(create(&server, "k-1", "Ana").await).await, first);
        // Also when the user is another by now, or gone: the answer is the one to that request.
        server.patch("/users/1", &json!({ "name": "Eve" })).await;
        assert_eq!(seen(create(&server, "k-1", "Ana").await).await, first);
        server.delete("/users/1").await;
        assert_eq!(seen(create(&server, "k-1", "Ana").await).await, first);
        // And by another server on the database.
        let twin = Server::on(server.database.clone(), &[], Clock::System).await;
        assert_eq!(seen(create(&twin, "k-1", "Ana").await).await, first);
        twin.stop().await;
        // Another key, another request.
        assert_eq!(parts(create(&server, "k-2", "Ana").await).await.1["id"], 2);
        assert_eq!(journal(&server, 4).await.len(), 4);
        server.stop().await;
    }

    async fn a_batch_sent_again_is_answered_again(engine) {
        let server = Server::start(engine).await;
        create_all(&server, &[json!({ "name": "a" }), json!({ "name": "b" })]).await;
        let body = json!({ "operations": [{ "op": "create", "body": { "name": "c" } }, { "op": "delete", "id": 1 },
            { "op": "patch", "id": 2, "if_match": "\"1\"", "body": { "active": false } }] });
        let first = seen(post(&server, "k", "/users/batch", &body).await).await;
        assert_eq!(first.0, 200);
        assert_eq!(seen(post(&server, "k", "/users/batch", &body).await).await, first);
        let again = post(&server, "other", "/users/batch", &body).await;
        assert_eq!(again.status(), 409);
        assert_eq!(journal(&server, 5).await.len(), 5);
        server.stop().await;
    }

    async fn a_key_belongs_to_one_request(engine) {
        let server = Server::start(engine).await;
        let first = seen(create(&server, "k", "Ana").await).await;
        assert_problem(create(&server, "k", "Bob").await, 422, "idempotency-key-reused").await;
        let as_batch = json!({ "operations": [{ "op": "create", "body": { "name": "Bob" } }] });
        assert_problem(post(&server, "k", "/users/batch", &as_batch).await, 422, "idempotency-key-reused")
            .await;
        assert_eq!(seen(create(&server, "k", "Ana").await).await, first);
        // Keys are compared exactly.
        assert_eq!(create(&server, "K", "Bob").await.status(), 201);
        assert_eq!(create(&server, &"x".repeat(255), "Carl").await.status(), 201);
        for wrong in ["", "a b", "é", &"x".repeat(256)] {
            let response = create(&server, wrong, "Dora").await;
            assert_eq!(response.status(), 400, "{wrong}");
            assert_eq!(places(&assert_problem(response, 400, "malformed").await), ["idempotency-key"]);
        }
        let twice = server
            .request(Method::POST, "/users")
            .header("idempotency-key", "a")
            .header("idempotency-key", "a");
        let twice = twice.json(&json!({ "name": "Dora" })).send().await.unwrap();
        assert_eq!(places(&assert_problem(twice, 400, "malformed").await), ["idempotency-key"]);
        assert_eq!(names(&server, "/users").await, ["Ana", "Bob", "Carl"]);
        server.stop().await;
    }

    async fn a_key_is_kept_for_a_day(engine) {
        let time = Arc::new(AtomicI64::new(1_700_000_000_000_000));
        let server = Server::with(engine, &[], Clock::Fixed(time.clone())).await;
        let first = seen(create(&server, "k", "Ana").await).await;
        time.fetch_add(DAY - 1, Ordering::Relaxed);
        assert_eq!(seen(create(&server, "k", "Ana").await).await, first);
        assert_problem(create(&server, "k", "Bob").await, 422, "idempotency-key-reused").await;
        time.fetch_add(1, Ordering::Relaxed);
        assert_problem(create(&server, "k", "Ana").await, 409, "taken").await;
        let second = seen(create(&server, "k", "Bob").await).await;
        assert_eq!(second.0, 201);
        assert_eq!(seen(create(&server, "k", "Bob").await).await, second);
        // What is too old is cleared away, and only that.
        assert_eq!(create(&server, "k-2", "Carl").await.status(), 201);
        server.service.as_ref().unwrap().store().forget_old_keys(time.load(Ordering::Relaxed)).await.unwrap();
        assert_eq!(seen(create(&server, "k", "Bob").await).await, second);
        server
            .service
            .as_ref()
            .unwrap()
            .store()
            .forget_old_keys(time.load(Ordering::Relaxed) + DAY)
            .await
            .unwrap();
        assert_problem(create(&server, "k", "Bob").await, 409, "taken").await;
        server.stop().await;
    }

    async fn many_old_answers_are_cleared_away(engine) {
        const COUNT: &str = "SELECT count(*) FROM idempotency_keys";
        const FILL: &str = "WITH RECURSIVE numbers(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 12001) \
             INSERT INTO idempotency_keys (caller, key, fingerprint, results, created_at) \
             SELECT 'caller', 'key ' || n, '', '[]', CASE WHEN n <= 12000 THEN 0 ELSE 1 END FROM numbers";
        let database = Database::create(engine).await;
        let store = database.store().await;
        let left: i64 = if engine == Engine::Sqlite {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database.path());
            let mut direct = SqliteConnection::connect_with(&options).await.unwrap();
            direct.execute(FILL).await.unwrap();
            store.forget_old_keys(DAY).await.unwrap();
            sqlx::query_scalar(COUNT).fetch_one(&mut direct).await.unwrap()
        } else {
            let mut direct = PgConnection::connect(&database.url).await.unwrap();
            direct.execute(FILL).await.unwrap();
            store.forget_old_keys(DAY).await.unwrap();
            sqlx::query_scalar(COUNT).fetch_one(&mut direct).await.unwrap()
        };
        assert_eq!(left, 1);
        store.close().await;
    }

    async fn a_refused_request_keeps_nothing(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        assert_invalid(create(&server, "k", "").await, &["/name"]).await;
        assert_problem(create(&server, "k", "ANA").await, 409, "taken").await;
        let body = json!({ "operations": [{ "op": "create", "body": { "name": "Bob" } }, { "op": "delete", "id": 9 }] });
        assert_problem(post(&server, "k", "/users/batch", &body).await, 409, "batch-refused").await;
        assert_problem(send_broken(&server).await, 400, "malformed").await;
        assert_eq!(create(&server, "k", "Bob").await.status(), 201);
        server.stop().await;
    }

    async fn while_the_first_runs_the_second_is_refused(engine) {
        let server = Server::start(engine).await;
        race(engine, &server, &server).await;
        server.stop().await;
    }
}

async fn send_broken(server: &Server) -> Response {
    let request = server.request(Method::POST, "/users").header("idempotency-key", "k");
    request.header("content-type", "application/json").body("{").send().await.unwrap()
}

/// The lock on the key is in the database, so it holds between servers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_first_runs_elsewhere_the_second_is_refused() {
    let one = Server::start(Engine::Postgres).await;
    let other = Server::on(one.database.clone(), &[], Clock::System).await;
    race(Engine::Postgres, &one, &other).await;
    one.stop().await;
    other.stop().await;
}
