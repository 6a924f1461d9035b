//! The feed of changes beside concurrent writers: nothing missed, nothing repeated.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::follower::{Follower, Table, whole_list};
use crate::random::{generator, seed};
use crate::support::{Server, both, eventually};

const WRITERS: usize = 4;
const WRITES: usize = 70;
/// Transactions elsewhere on the PostgreSQL server hold the feed back while they run.
const PATIENCE: Duration = Duration::from_mins(1);

both! {
    async fn a_follower_misses_and_repeats_nothing(engine) {
        let server = Arc::new(Server::start(engine).await);
        let running = start_writers(&server, seed("feed"));
        let mut follower = Follower::default();
        while running.load(Ordering::Acquire) > 0 {
            follower.page(&server, 7).await;
        }
        let (table, _) = whole_list(&server).await;
        eventually(PATIENCE, "the follower knows the table", async || {
            follower.catch_up(&server).await;
            follower.replay(Table::new()) == table
        })
        .await;
        follower.assert_whole();
        assert!(follower.entries.len() > WRITERS * WRITES / 4, "{}", follower.entries.len());
        let mut again = Follower::default();
        again.catch_up(&server).await;
        assert_eq!(again.entries, follower.entries, "what was served once stays as and where it is");
        Arc::into_inner(server).unwrap().stop().await;
    }

    async fn a_list_and_the_later_changes_make_the_final_table(engine) {
        let server = Arc::new(Server::start(engine).await);
        let running = start_writers(&server, seed("lists in the middle"));
        let mut lists = Vec::new();
        while running.load(Ordering::Acquire) > 0 {
            lists.push(whole_list(&server).await);
        }
        assert!(lists.len() > 3, "the writers were too fast");
        let (table, _) = whole_list(&server).await;
        let step = (lists.len() / 12).max(1);
        for (list, position) in lists.into_iter().step_by(step) {
            let mut follower = Follower::after(&position);
            eventually(PATIENCE, "list + later changes = table", async || {
                follower.catch_up(&server).await;
                follower.replay(list.clone()) == table
            })
            .await;
        }
        Arc::into_inner(server).unwrap().stop().await;
    }
}

/// Starts the writers; gives how many of them still run.
fn start_writers(server: &Arc<Server>, seed: u64) -> Arc<AtomicUsize> {
    let running = Arc::new(AtomicUsize::new(WRITERS));
    let ids = Arc::new(Mutex::new(Vec::new()));
    for writer in 0..WRITERS {
        let (server, ids, running) = (server.clone(), ids.clone(), running.clone());
        let random = generator(seed, writer as u64);
        tokio::spawn(async move {
            // Also when it panics: the table then differs from what the follower expects.
            let _ended = Ended(running);
            write(&server, &ids, random, writer).await;
            drop(server);
        });
    }
    running
}

struct Ended(Arc<AtomicUsize>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

async fn write(server: &Server, ids: &Mutex<Vec<i64>>, mut random: StdRng, writer: usize) {
    for index in 0..WRITES {
        let some: Vec<i64> = {
            let ids = ids.lock().unwrap();
            (0..3).filter_map(|_| ids.get(random.random_range(0..ids.len().max(1))).copied()).collect()
        };
        let name = format!("{writer}-{index}");
        let body = json!({ "profile": { "by": name }, "active": random.random_bool(0.5) });
        let response = match (random.random_range(0..10), some.first()) {
            (0..4, Some(id)) => server.patch(&format!("/users/{id}"), &body).await,
            (4..6, Some(id)) => server.delete(&format!("/users/{id}")).await,
            (6..8, Some(_)) => server.post("/users/batch", &batch(&name, &some)).await,
            _ => server.post("/users", &json!({ "name": name })).await,
        };
        let status = response.status().as_u16();
        // Others may have deleted the user meanwhile.
        assert!([200, 201, 204, 404, 409].contains(&status), "{status}");
        if status == 201 {
            let made: Value = response.json().await.unwrap();
            ids.lock().unwrap().push(made["id"].as_i64().unwrap());
        }
    }
}

/// Creates first, so that the transaction has written before it comes to users that others change too.
fn batch(name: &str, some: &[i64]) -> Value {
    let create = json!({ "op": "create", "body": { "name": format!("{name}-new") } });
    let patch = |id: &i64| json!({ "op": "patch", "id": id, "body": { "profile": { "batch": name } } });
    let operations: Vec<Value> = std::iter::once(create).chain(some.iter().map(patch)).collect();
    json!({ "operations": operations })
}
