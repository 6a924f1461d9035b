//! Two servers that are asked the same, and their answers in a form that can be compared.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reqwest::{Method, Response};
use roster::clock::Clock;
use serde_json::{Value, json};

use super::steps::{Ask, Step};
use crate::follower::Follower;
use crate::support::{Engine, Server, eventually, next_link};

/// Headers whose values must be equal.
const HEADERS: [&str; 10] = [
    "content-type",
    "etag",
    "location",
    "cache-control",
    "vary",
    "roster-total-count",
    "retry-after",
    "accept-patch",
    "allow",
    "content-disposition",
];

pub(super) struct Pair {
    sqlite: Side,
    postgres: Side,
    time: Arc<AtomicI64>,
    cases: usize,
    /// How many answers were compared.
    pub(super) compared: usize,
}

struct Side {
    server: Server,
    follower: Follower,
    /// In the order of creation.
    ids: Vec<i64>,
}

impl Pair {
    pub(super) async fn start() -> Self {
        let time = Arc::new(AtomicI64::new(0));
        let sqlite = Side::start(Engine::Sqlite, &time).await;
        let postgres = Side::start(Engine::Postgres, &time).await;
        Self { sqlite, postgres, time, cases: 0, compared: 0 }
    }

    pub(super) async fn stop(self) {
        self.sqlite.server.stop().await;
        self.postgres.server.stop().await;
    }

    /// Goes through a sequence from an empty table on; the error tells the first difference.
    pub(super) async fn run(&mut self, steps: &[Step]) -> Result<(), String> {
        self.cases += 1;
        let case = self.cases;
        self.time.store(1_700_000_000_000_000, Ordering::Relaxed);
        self.sqlite.empty().await;
        self.postgres.empty().await;
        self.feed().await?;
        for step in steps {
            match step {
                Step::Tick(microseconds) => {
                    self.time.fetch_add(*microseconds, Ordering::Relaxed);
                }
                Step::Ask(ask) => {
                    let here = self.sqlite.ask(ask, case).await;
                    let there = self.postgres.ask(ask, case).await;
                    self.compared += 1;
                    differ(&format!("{ask:?}"), &here, &there)?;
                }
            }
        }
        let everything = Ask {
            method: "GET",
            path: "/users?fields=active,external_id,profile,version,created_at,updated_at".to_owned(),
            headers: Vec::new(),
            body: None,
        };
        differ(
            "the table",
            &self.sqlite.ask(&everything, case).await,
            &self.postgres.ask(&everything, case).await,
        )?;
        self.feed().await
    }

    /// Compares what is new in the feeds.
    async fn feed(&mut self) -> Result<(), String> {
        let Side { server, follower, .. } = &mut self.sqlite;
        follower.catch_up(server).await;
        let count = follower.entries.len();
        let Side { server, follower, .. } = &mut self.postgres;
        // Transactions elsewhere on the PostgreSQL server hold the feed back while they run.
        eventually(Duration::from_secs(30), "as many changes on PostgreSQL", async || {
            follower.catch_up(server).await;
            follower.entries.len() >= count
        })
        .await;
        differ("the feed", &self.sqlite.changes(), &self.postgres.changes())
    }
}

fn differ(what: &str, sqlite: &Value, postgres: &Value) -> Result<(), String> {
    if sqlite == postgres {
        Ok(())
    } else {
        Err(format!("{what}\n  SQLite:     {sqlite}\n  PostgreSQL: {postgres}"))
    }
}

impl Side {
    async fn start(engine: Engine, time: &Arc<AtomicI64>) -> Self {
        let server = Server::with(engine, &[], Clock::Fixed(time.clone())).await;
        Self { server, follower: Follower::default(), ids: Vec::new() }
    }

    async fn empty(&mut self) {
        let list: Vec<Value> = self.server.get("/users").await.json().await.unwrap();
        let operations: Vec<Value> =
            list.iter().map(|user| json!({ "op": "delete", "id": user["id"] })).collect();
        if !operations.is_empty() {
            let done = self.server.post("/users/batch", &json!({ "operations": operations })).await;
            assert_eq!(done.status(), 200);
        }
    }

    /// Puts ids for marks. Whom nobody has created yet gets an id that nobody has.
    fn fill(&self, text: &str, case: usize) -> String {
        let mut filled = String::new();
        for (index, part) in text.split('§').enumerate() {
            if index % 2 == 0 {
                filled.push_str(part);
            } else if part == "case" {
                filled.push_str(&case.to_string());
            } else {
                let place: usize = part.parse().unwrap();
                filled.push_str(&self.ids.get(place).copied().unwrap_or(1_000_000_000_000).to_string());
            }
        }
        filled
    }

    async fn ask(&mut self, ask: &Ask, case: usize) -> Value {
        if ask.path.is_empty() {
            return Value::Null;
        }
        let mut path = self.fill(&ask.path, case);
        let mut answers = Vec::new();
        // Through all pages, if it is a list.
        loop {
            let method = Method::from_bytes(ask.method.as_bytes()).unwrap();
            let mut request = self.server.request(method, &path);
            for (name, value) in &ask.headers {
                request = request.header(*name, self.fill(value, case));
            }
            if let Some(body) = &ask.body {
                request = request.body(self.fill(body, case));
            }
            let response = request.send().await.unwrap();
            let next = next_link(&response);
            answers.push(self.comparable(response).await);
            match next {
                Some(next) => path = next,
                None => return Value::Array(answers),
            }
        }
    }

    async fn comparable(&mut self, response: Response) -> Value {
        let status = response.status().as_u16();
        assert_ne!(status / 100, 5, "{response:?}");
        let mut headers = serde_json::Map::new();
        for name in HEADERS {
            // A list's tag is made of a position.
            let values =
                response.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned());
            let values: Vec<String> = values.filter(|value| !value.starts_with("W/")).collect();
            headers.insert(name.to_owned(), json!(values));
        }
        let kind = headers["content-type"][0].as_str().unwrap_or_default().to_owned();
        let text = response.text().await.unwrap();
        let body = match kind.split(';').next().unwrap() {
            "text/csv" => Value::Array(text.split("\r\n").map(|line| self.csv_line(line)).collect()),
            "application/x-ndjson" => {
                text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
            }
            _ if text.is_empty() => Value::Null,
            _ => serde_json::from_str(&text).unwrap(),
        };
        self.learn(status, &body);
        let location = headers["location"][0].as_str().and_then(|place| place.rsplit_once('/'));
        if let Some((start, id)) = location {
            headers["location"] = json!([start, self.place(id.parse().unwrap())]);
        }
        json!({ "status": status, "headers": headers, "body": self.without_ids(body) })
    }

    /// Notes the ids of new users.
    fn learn(&mut self, status: u16, body: &Value) {
        let results = body["results"].as_array().cloned().unwrap_or_default();
        let made =
            results.iter().filter(|result| result["status"] == 201).chain((status == 201).then_some(body));
        for id in made.filter_map(|user| user["id"].as_i64()) {
            if !self.ids.contains(&id) {
                self.ids.push(id);
            }
        }
    }

    fn place(&self, id: i64) -> String {
        self.ids
            .iter()
            .position(|known| *known == id)
            .map_or_else(|| "unknown".to_owned(), |at| format!("user {at}"))
    }

    fn csv_line(&self, line: &str) -> Value {
        match line.split_once(',').and_then(|(id, rest)| Some((id.parse().ok()?, rest))) {
            Some((id, rest)) => json!([self.place(id), rest]),
            None => line.into(),
        }
    }

    fn without_ids(&self, value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(|item| self.without_ids(item)).collect(),
            Value::Object(members) => {
                let each = members.into_iter().map(|(name, member)| match (name.as_str(), member.as_i64()) {
                    ("id", Some(id)) => (name, json!(self.place(id))),
                    ("position", _) => (name, Value::Null),
                    ("profile", _) => (name, member),
                    _ => (name, self.without_ids(member)),
                });
                Value::Object(each.collect())
            }
            other => other,
        }
    }

    /// What is new in the feed.
    fn changes(&mut self) -> Value {
        let mut entries = std::mem::take(&mut self.follower.entries);
        for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
            entry.remove("request_id");
        }
        self.without_ids(Value::Array(entries))
    }
}
