//! Walks through pages, and the unpaged stream, while others write: whoever exists during the whole walk, and
//! whose sort key does not change, appears exactly once, and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use rand::RngExt as _;
use rand::rngs::StdRng;
use reqwest::StatusCode;
use roster::clock::Clock;
use roster::model::listing::Sort;
use serde_json::{Value, json};

use crate::random::{generator, seed};
use crate::support::{Server, both, next_link};

const START: i64 = 1_700_000_000_000_000;
/// More than a stream reads at once.
const STILL: usize = 1700;
const OTHERS: usize = 300;
const FEW: &str = "filter=external_id%20eq%20%22few%22";

both! {
    async fn walks_beside_writers_are_complete(engine) {
        let seed = seed("walks");
        let time = Arc::new(AtomicI64::new(START));
        let server = Arc::new(Server::with(engine, &[], Clock::Fixed(time.clone())).await);
        let people = Arc::new(People::create(&server, &time, &mut generator(seed, 0)).await);
        let before = users(&server).await;
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (1..=3)
            .map(|stream| {
                let (server, time, people) = (server.clone(), time.clone(), people.clone());
                let (random, stop) = (generator(seed, stream), stop.clone());
                tokio::spawn(async move { disturb(&server, &time, &people, random, &stop).await })
            })
            .collect();
        for name in Sort::NAMES {
            for sort in [name.to_owned(), format!("-{name}")] {
                let expected = people.expected(&before, &sort);
                for query in ["limit=211", "limit=1000", "fields=id"] {
                    let path = format!("/users?sort={sort}&{query}");
                    check(&walk(&server, path.clone()).await, &expected, &path);
                }
                let few: Vec<i64> = expected.iter().filter(|id| people.few.contains(id)).copied().collect();
                let path = format!("/users?sort={sort}&limit=1&{FEW}");
                check(&walk(&server, path.clone()).await, &few, &path);
            }
        }
        stop.store(true, Ordering::Relaxed);
        let mut done = 0;
        for writer in writers {
            done += writer.await.unwrap();
        }
        assert!(done > 100, "only {done} writes went on beside the walks");
        Arc::into_inner(server).unwrap().stop().await;
    }
}

/// Ids by what the writers do to them. Users that are created and deleted meanwhile are not listed here.
struct People {
    still: BTreeSet<i64>,
    few: BTreeSet<i64>,
    profiled: Vec<i64>,
    moved: Vec<i64>,
}

impl People {
    async fn create(server: &Server, time: &AtomicI64, random: &mut StdRng) -> Self {
        let mut groups = vec!["still"; STILL];
        groups.extend(["profiled", "moved", "doomed"].into_iter().flat_map(|group| [group; OTHERS]));
        let mut ids: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        // All of a batch have the same time of creation.
        let mut rest: Vec<(usize, &str)> = groups.into_iter().enumerate().collect();
        while !rest.is_empty() {
            let size = random.random_range(1..=400).min(rest.len());
            let part: Vec<(usize, &str)> = rest.drain(..size).collect();
            let operations: Vec<Value> = part
                .iter()
                .map(|(index, _)| json!({ "op": "create", "body": person(random, &index.to_string(), *index < 20) }))
                .collect();
            let made = server.post("/users/batch", &json!({ "operations": operations })).await;
            let made: Value = made.error_for_status().unwrap().json().await.unwrap();
            for ((_, group), result) in part.iter().zip(made["results"].as_array().unwrap()) {
                ids.entry(group).or_default().push(result["id"].as_i64().unwrap());
            }
            time.fetch_add(1, Ordering::Relaxed);
        }
        let still: BTreeSet<i64> = ids["still"].iter().copied().collect();
        let few = ids["still"][..20].iter().copied().collect();
        Self { still, few, profiled: ids["profiled"].clone(), moved: ids["moved"].clone() }
    }

    /// Whose place in an order the writers do not touch, in that order.
    fn expected(&self, users: &BTreeMap<i64, Value>, sort: &str) -> Vec<i64> {
        let attribute = sort.trim_start_matches('-');
        let profiled = self.profiled.iter().filter(|_| attribute != "updated_at");
        let mut keyed: Vec<(&str, i64)> = self
            .still
            .iter()
            .chain(profiled)
            .map(|id| {
                (if attribute == "id" { "" } else { users[id][attribute].as_str().unwrap_or_default() }, *id)
            })
            .collect();
        keyed.sort_unstable();
        if sort.starts_with('-') {
            keyed.reverse();
        }
        keyed.into_iter().map(|(_, id)| id).collect()
    }
}

/// Names that are spread over the whole order; a third without an e-mail address.
fn person(random: &mut StdRng, unique: &str, few: bool) -> Value {
    let name = format!("{:04x}-{unique}", random.random::<u16>());
    let email = random.random_bool(0.67).then(|| format!("{:04x}@{unique}.example", random.random::<u16>()));
    json!({ "name": name, "email": email, "external_id": few.then_some("few") })
}

async fn users(server: &Server) -> BTreeMap<i64, Value> {
    let list = server.get("/users?fields=created_at,updated_at").await;
    let list: Vec<Value> = list.error_for_status().unwrap().json().await.unwrap();
    list.into_iter().map(|user| (user["id"].as_i64().unwrap(), user)).collect()
}

async fn walk(server: &Server, path: String) -> Vec<i64> {
    let mut ids = Vec::new();
    let mut next = Some(path);
    while let Some(path) = next {
        let page = server.get(&path).await.error_for_status().unwrap();
        next = next_link(&page);
        let page: Vec<Value> = page.json().await.unwrap();
        ids.extend(page.iter().map(|user| user["id"].as_i64().unwrap()));
    }
    ids
}

fn check(walked: &[i64], expected: &[i64], path: &str) {
    let wanted: BTreeSet<i64> = expected.iter().copied().collect();
    let found: Vec<i64> = walked.iter().filter(|id| wanted.contains(id)).copied().collect();
    assert_eq!(found.len(), expected.len(), "{path}");
    assert_eq!(found, expected, "{path}");
    let once: BTreeSet<&i64> = walked.iter().collect();
    if path.contains("sort=id") || path.contains("sort=-id") || path.contains("created_at") {
        assert_eq!(once.len(), walked.len(), "nobody's key changes, so nobody is seen twice: {path}");
    }
}

/// Writes until it is stopped; gives how many writes there were.
async fn disturb(
    server: &Server,
    time: &AtomicI64,
    people: &People,
    mut random: StdRng,
    stop: &AtomicBool,
) -> usize {
    let mut own: Vec<i64> = Vec::new();
    let mut writes = 0;
    while !stop.load(Ordering::Relaxed) {
        writes += 1;
        let unique = format!("{writes}-{:016x}", random.random::<u64>());
        let status = match random.random_range(0..5) {
            0 if !own.is_empty() => {
                let id = own.swap_remove(random.random_range(0..own.len()));
                server.delete(&format!("/users/{id}")).await.status()
            }
            1 => {
                let id = people.profiled[random.random_range(0..people.profiled.len())];
                server.patch(&format!("/users/{id}"), &json!({ "profile": { "a": unique } })).await.status()
            }
            2 => {
                let id = people.moved[random.random_range(0..people.moved.len())];
                server.patch(&format!("/users/{id}"), &person(&mut random, &unique, false)).await.status()
            }
            _ => {
                own.push(server.create(&person(&mut random, &unique, false)).await["id"].as_i64().unwrap());
                StatusCode::CREATED
            }
        };
        assert!(status.is_success(), "{status}");
        time.fetch_add(random.random_range(0..2), Ordering::Relaxed);
    }
    writes
}
