//! The program killed under write load: what was acknowledged is there, and nothing is there by half.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use reqwest::{Client, Method};
use serde_json::{Map, Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::asking::of_user;
use crate::random::{self, generator};
use crate::support::{Database, Program, both, client, eventually, parts};

const CRASHES: usize = 20;
const WRITERS: usize = 4;
const EVERYTHING: &str = "/users?fields=active,external_id,profile,version,created_at,updated_at";

type Users = BTreeMap<i64, Map<String, Value>>;

/// A write whose answer never came: it was done, or it was not.
#[derive(Clone, Debug)]
enum Doubt {
    Creates(Vec<String>),
    Patch(i64, u64),
    Delete(i64),
}

/// Writes users of its own, one request after the other, and remembers what was acknowledged.
struct Writer {
    name: String,
    random: StdRng,
    count: u64,
    known: Users,
    doubt: Option<Doubt>,
}

impl Writer {
    /// Writes until an answer does not come.
    async fn write(mut self, url: String, client: Client) -> Self {
        while self.doubt.is_none() {
            self.count += 1;
            let ids: Vec<i64> = self.known.keys().copied().collect();
            let some = (!ids.is_empty()).then(|| ids[self.random.random_range(0..ids.len())]);
            let (doubt, method, path, body) = self.choose(some);
            let request = client.request(method, format!("{url}{path}"));
            let request = if body.is_null() { request } else { request.json(&body) };
            let answer = async {
                let response = request.send().await?;
                Ok::<_, reqwest::Error>((response.status().as_u16(), response.text().await?))
            };
            match answer.await {
                Ok((status, text)) => self.acknowledged(&doubt, status, &text),
                Err(_) => self.doubt = Some(doubt),
            }
        }
        self
    }

    fn choose(&mut self, some: Option<i64>) -> (Doubt, Method, String, Value) {
        let name = format!("{} {}", self.name, self.count);
        match (some, self.random.random_range(0..10)) {
            (Some(id), 0..=3) => {
                let body = json!({ "profile": { "count": self.count } });
                (Doubt::Patch(id, self.count), Method::PATCH, format!("/users/{id}"), body)
            }
            (Some(id), 4..=5) => (Doubt::Delete(id), Method::DELETE, format!("/users/{id}"), Value::Null),
            (_, 6) => {
                let names: Vec<String> = (0..5).map(|part| format!("{name}.{part}")).collect();
                let operations: Vec<Value> =
                    names.iter().map(|name| json!({ "op": "create", "body": { "name": name } })).collect();
                let body = json!({ "operations": operations });
                (Doubt::Creates(names), Method::POST, "/users/batch".to_owned(), body)
            }
            _ => {
                let body =
                    json!({ "name": name, "email": format!("{}@example.com", name.replace(' ', "-")) });
                (Doubt::Creates(vec![name]), Method::POST, "/users".to_owned(), body)
            }
        }
    }

    fn acknowledged(&mut self, write: &Doubt, status: u16, text: &str) {
        assert!(matches!(status, 200 | 201 | 204), "{write:?}: {status} {text}");
        if let Doubt::Delete(id) = write {
            self.known.remove(id);
            return;
        }
        let body: Value = serde_json::from_str(text).unwrap();
        let one = std::slice::from_ref(&body);
        for item in body["results"].as_array().map_or(one, Vec::as_slice) {
            self.insert(item.get("user").unwrap_or(item));
        }
    }

    fn insert(&mut self, user: &Value) {
        let (id, user) = entry(user);
        self.known.insert(id, user);
    }

    /// Compares with what is there after a crash, and takes over what became of the write in doubt.
    fn settle(&mut self, table: &Users) {
        match self.doubt.take() {
            Some(Doubt::Creates(names)) => {
                let made: Vec<Value> = table
                    .values()
                    .filter(|user| names.iter().any(|name| user["name"] == name.as_str()))
                    .map(|user| Value::Object(user.clone()))
                    .collect();
                assert!(made.is_empty() || made.len() == names.len(), "half of a batch: {made:?}");
                for user in &made {
                    self.insert(user);
                }
            }
            Some(Doubt::Patch(id, count)) if table.get(&id) != self.known.get(&id) => {
                let mut expected = self.known[&id].clone();
                expected["profile"] = json!({ "count": count });
                expected["version"] = (expected["version"].as_i64().unwrap() + 1).into();
                expected["updated_at"] = table[&id]["updated_at"].clone();
                assert_eq!(table.get(&id), Some(&expected), "half of a patch");
                self.known.insert(id, expected);
            }
            Some(Doubt::Delete(id)) if !table.contains_key(&id) => {
                self.known.remove(&id);
            }
            _ => {}
        }
        for (id, user) in &self.known {
            assert_eq!(table.get(id), Some(user), "an acknowledged write of user {id} is lost");
        }
    }
}

/// A user without the attributes that it does not have.
fn entry(user: &Value) -> (i64, Map<String, Value>) {
    let user = user.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    let user: Map<String, Value> = user.map(|(name, value)| (name.clone(), value.clone())).collect();
    (user["id"].as_i64().unwrap(), user)
}

async fn get(client: &Client, url: &str) -> Value {
    let (status, body) = parts(client.get(url).send().await.unwrap()).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// The table as it follows from the journal alone.
#[derive(Default)]
struct Replay {
    users: Users,
    next: Option<String>,
}

impl Replay {
    /// Takes in what is new in the feed.
    async fn follow(&mut self, client: &Client, url: &str) {
        loop {
            let after = self.next.as_ref().map_or(String::new(), |next| format!("&after={next}"));
            let page = get(client, &format!("{url}/changes?limit=1000{after}")).await;
            page["changes"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|entry| of_user(entry))
                .for_each(|change| self.take(change));
            self.next = Some(page["next"].as_str().unwrap().to_owned());
            if page["more"] == false {
                return;
            }
        }
    }

    fn take(&mut self, change: &Value) {
        let id = change["subject"]["id"].as_i64().unwrap();
        let mut user = self.users.remove(&id).unwrap_or_default();
        let step = &change["change"];
        for (name, value) in
            step["before"].as_object().into_iter().flatten().filter(|(_, value)| !value.is_null())
        {
            assert_eq!(user.remove(name).as_ref(), Some(value), "{change} after {user:?}");
        }
        match step.get("after") {
            None => assert!(user.is_empty(), "{change} leaves {user:?}"),
            Some(after) => {
                let after = after.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
                user.extend(after.map(|(name, value)| (name.clone(), value.clone())));
                self.users.insert(id, user);
            }
        }
    }
}

/// Who is connected to a PostgreSQL database.
async fn sessions(database: &Database) -> Vec<i32> {
    if database.url.starts_with("sqlite:") {
        return Vec::new();
    }
    let text =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'roster'";
    let mut admin = PgConnection::connect(&database.url).await.unwrap();
    sqlx::query_scalar(text).fetch_all(&mut admin).await.unwrap()
}

/// Kills the program, starts it anew, and waits until the database has noticed the end of its sessions: until
/// then it may still be doing what they asked for.
async fn crash(program: &mut Program, database: &Database) {
    program.child.kill().await.unwrap();
    let old = sessions(database).await;
    *program = Program::serve(&database.url, &[]).await;
    drop(program.drain_log());
    eventually(Duration::from_secs(10), "the old sessions end", async || {
        !sessions(database).await.iter().any(|session| old.contains(session))
    })
    .await;
}

both! {
    async fn twenty_kills_lose_nothing_that_was_acknowledged(engine) {
        let seed = random::seed("crashes");
        let mut pauses = generator(seed, 1000);
        let database = Database::create(engine).await;
        let mut program = Program::serve(&database.url, &[]).await;
        let mut replay = Replay::default();
        let mut writers: Vec<Writer> = (0..WRITERS as u64)
            .map(|number| Writer {
                name: format!("writer {number}"),
                random: generator(seed, number),
                count: 0,
                known: Users::new(),
                doubt: None,
            })
            .collect();
        for _ in 0..CRASHES {
            let mut running = JoinSet::new();
            for writer in writers.drain(..) {
                running.spawn(writer.write(program.url.clone(), client()));
            }
            tokio::time::sleep(Duration::from_millis(pauses.random_range(20..400))).await;
            crash(&mut program, &database).await;
            writers = running.join_all().await;
            let client = client();
            let list = get(&client, &format!("{}{EVERYTHING}", program.url)).await;
            let table: Users = list.as_array().unwrap().iter().map(entry).collect();
            for writer in &mut writers {
                writer.settle(&table);
            }
            let known: BTreeSet<i64> = writers.iter().flat_map(|writer| writer.known.keys().copied()).collect();
            assert_eq!(known, table.keys().copied().collect(), "users whom nobody made");
            // The feed shows an entry once no transaction is left that could come before it.
            eventually(Duration::from_secs(10), "journal and rows agree", async || {
                replay.follow(&client, &program.url).await;
                replay.users == table
            })
            .await;
        }
        let written: u64 = writers.iter().map(|writer| writer.count).sum();
        println!("{written} writes, {} users", replay.users.len());
        assert!(written > 200, "{written} writes are no load");
    }
}
