//! Servers to test against: in this process, over real sockets, on either database; or the program itself.

mod database;
mod program;
pub(crate) mod replicas;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use reqwest::header::{self, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, Response};
use roster::clock::Clock;
use roster::config::{self, Command, Environment, ServeConfig};
use roster::service::Service;
use roster::store::migrate::SCHEMA;
use roster::telemetry::{BuildInfo, Metrics};
use serde_json::Value;

/// Makes two tests of one: `both! { async fn name(engine) { … } }` runs on SQLite and on PostgreSQL.
macro_rules! both {
    ($($(#[$meta:meta])* async fn $name:ident($engine:ident) $body:block)*) => {
        $(
            $(#[$meta])*
            mod $name {
                #[allow(unused_imports, clippy::allow_attributes, reason = "not every test needs all of them")]
                use super::*;
                use $crate::support::Engine;

                async fn run($engine: Engine) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    Box::pin(run(Engine::Sqlite)).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    Box::pin(run(Engine::Postgres)).await;
                }
            }
        )*
    };
}
pub(crate) use both;

pub(crate) use database::Database;
pub(crate) use program::{Program, program, signal};
use replicas::Replica;
pub(crate) use roster::store::Engine;

/// The first token of the tests' databases, an admin's.
pub(crate) const ADMIN: &str = "first-token-of-the-tests-0123456789";

/// The file that has it.
pub(crate) fn token_file() -> &'static str {
    static FILE: OnceLock<String> = OnceLock::new();
    FILE.get_or_init(|| {
        let path = format!("{}/first-token-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        std::fs::write(&path, ADMIN).unwrap();
        path
    })
}

/// A variable of the test run; `cargo xtask test` sets them all.
#[expect(clippy::disallowed_methods, reason = "tests are told what to use by their environment")]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `cargo xtask test`"))
}

pub(crate) fn metrics() -> Arc<Metrics> {
    let text = || "test".to_owned();
    Arc::new(Metrics::new(BuildInfo { version: text(), commit: text(), rustc: text(), schema: SCHEMA }))
}

/// The settings of `roster serve` for these arguments.
pub(crate) fn settings(arguments: &[&str]) -> ServeConfig {
    let all = ["roster", "serve"].iter().chain(arguments).map(std::ffi::OsString::from);
    let none: [(String, String); 0] = [];
    match config::parse(all, &Environment::from_iter(none)) {
        Ok(Command::Serve(config)) => config,
        other => panic!("{other:?}"),
    }
}

/// A service in this process, or several behind one address: see [`replicas`].
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) ops: String,
    pub(crate) client: Client,
    pub(crate) service: Option<Service>,
    /// Those beside that one, and the address before all.
    others: (Vec<Replica>, Option<replicas::Door>),
    pub(crate) database: Arc<Database>,
}

impl Server {
    /// On a fresh database, with the system's clock.
    pub(crate) async fn start(engine: Engine) -> Self {
        Self::with(engine, &[], Clock::System).await
    }

    /// On a fresh database, with more arguments for `serve`.
    pub(crate) async fn with(engine: Engine, arguments: &[&str], clock: Clock) -> Self {
        Self::on(Arc::new(Database::create(engine).await), arguments, clock).await
    }

    /// On a database that others may use too.
    pub(crate) async fn on(database: Arc<Database>, arguments: &[&str], clock: Clock) -> Self {
        let mut all = vec!["--database-url", &database.url, "--listen", "127.0.0.1:0"];
        all.extend(["--bootstrap-token-file", token_file()]);
        all.extend(["--ops-listen", "127.0.0.1:0", "--drain-seconds", "0", "--shutdown-seconds", "2"]);
        // What a test gives comes last and wins.
        for pair in arguments.chunks(2) {
            if let Some(place) = all.iter().position(|known| *known == pair[0]) {
                all[place + 1] = pair[1];
            } else {
                all.extend(pair);
            }
        }
        let settings = settings(&all);
        let service = replicas::service(&settings, &clock).await;
        let mut url = format!("http://{}", service.address());
        let mut others = (Vec::new(), None);
        if !database.is_file() && replicas::wanted() > 1 {
            let mut addresses = vec![service.address().to_string()];
            for _ in 1..replicas::wanted() {
                let other = Replica::start(&all, &settings, &clock).await;
                addresses.push(other.address());
                others.0.push(other);
            }
            let door = replicas::Door::before(addresses).await;
            url.clone_from(&door.url);
            others.1 = Some(door);
        }
        let ops = format!("http://{}", service.ops_address());
        Self { url, ops, client: client(), service: Some(service), others, database }
    }

    /// The operations addresses of all services.
    pub(crate) fn all_ops(&self) -> Vec<String> {
        std::iter::once(self.ops.clone()).chain(self.others.0.iter().map(Replica::ops)).collect()
    }

    /// A request to the public port.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Response {
        self.request(Method::PUT, path).json(body).send().await.unwrap()
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Response {
        self.request(Method::PATCH, path).json(body).send().await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        self.request(Method::DELETE, path).send().await.unwrap()
    }

    /// Creates a user and gives its attributes.
    pub(crate) async fn create(&self, body: &Value) -> Value {
        let response = self.post("/users", body).await;
        assert_eq!(response.status(), 201, "{body}");
        response.json().await.unwrap()
    }

    /// Ends the service in an orderly way.
    pub(crate) async fn stop(mut self) {
        let service = self.service.take();
        service.iter().for_each(Service::stop);
        self.others.0.iter().for_each(Replica::stop);
        if let Some(service) = service {
            service.ended().await;
        }
        for other in self.others.0.drain(..) {
            other.ended().await;
        }
    }
}

/// An HTTP client that follows no redirects and uses no proxy, with the first token of each test's database.
pub(crate) fn client() -> Client {
    client_of(Some(ADMIN))
}

/// The same with another token, or with none.
pub(crate) fn client_of(token: Option<&str>) -> Client {
    // A kept connection would stay with one of several services.
    let idle = if replicas::wanted() > 1 { 0 } else { usize::MAX };
    let builder = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    let builder = builder.pool_max_idle_per_host(idle);
    builder.default_headers(credentials(token)).build().unwrap()
}

/// The fields of a request with this token, or with none.
pub(crate) fn credentials(token: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    }
    headers
}

/// The status, and the body as JSON (null when it is empty).
pub(crate) async fn parts(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    (status, body)
}

/// Asserts that an answer is a problem with this status and type.
pub(crate) async fn assert_problem(response: Response, status: u16, slug: &str) -> Value {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let (found, body) = parts(response).await;
    assert_eq!((found, body["status"].as_u64()), (status, Some(u64::from(status))), "{body}");
    assert_eq!(body["type"], format!("urn:roster:problem:{slug}"), "{body}");
    body
}

/// The path and query of the `rel="next"` link.
pub(crate) fn next_link(response: &Response) -> Option<String> {
    let link = response.headers().get("link")?.to_str().unwrap();
    Some(link.strip_prefix('<')?.split_once(">; rel=\"next\"")?.0.to_owned())
}

/// Waits until something is so, at most `limit`; gives the time that it took.
pub(crate) async fn eventually<F>(limit: Duration, what: &str, mut check: F) -> Duration
where
    F: AsyncFnMut() -> bool,
{
    let start = Instant::now();
    loop {
        if check().await {
            return start.elapsed();
        }
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asserts that an answer says that the database is away, and nothing of where it is.
pub(crate) fn assert_away((status, problem): (u16, Value), method: &Method) {
    let kind = problem["type"].as_str().unwrap().rsplit(':').next().unwrap();
    // A write that was under way when the time was up may have been done.
    let expected = kind == "unavailable" || (*method != Method::GET && kind == "outcome-unknown");
    assert!(status == 503 && expected && !problem.to_string().contains("127.0.0.1"), "{method}: {problem}");
}
