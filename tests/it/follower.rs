//! A reader of `/changes`, and what it can conclude.

use std::collections::{BTreeMap, BTreeSet};

use roster::model::position::Position;
use serde_json::{Value, json};

use crate::asking::of_user;
use crate::support::Server;

/// Users by id, with all their attributes.
pub(crate) type Table = BTreeMap<i64, Value>;

/// Reads on where it stopped, and keeps what it read.
#[derive(Default)]
pub(crate) struct Follower {
    pub(crate) next: String,
    pub(crate) entries: Vec<Value>,
}

impl Follower {
    /// From a position on, as an answer gave it; empty for the beginning.
    pub(crate) fn after(position: &str) -> Self {
        Self { next: position.to_owned(), entries: Vec::new() }
    }

    /// Reads one page; gives how many entries it had.
    pub(crate) async fn page(&mut self, server: &Server, limit: usize) -> usize {
        let after = if self.next.is_empty() { String::new() } else { format!("&after={}", self.next) };
        let page = server.get(&format!("/changes?limit={limit}{after}")).await;
        let page: Value = page.error_for_status().unwrap().json().await.unwrap();
        let entries = page["changes"].as_array().unwrap();
        assert!(entries.len() <= limit);
        // The cursor of an empty page leads on too.
        page["next"].as_str().unwrap().clone_into(&mut self.next);
        self.entries.extend(entries.iter().filter(|entry| of_user(entry)).cloned());
        entries.len()
    }

    /// Reads until a page is empty.
    pub(crate) async fn catch_up(&mut self, server: &Server) {
        while self.page(server, 100).await > 0 {}
    }

    /// The names that were given to users, in order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.entries.iter().filter_map(|entry| entry["change"]["after"]["name"].as_str()).collect()
    }

    pub(crate) fn positions(&self) -> Vec<Position> {
        let texts = self.entries.iter().map(|entry| entry["position"].as_str().unwrap());
        texts.map(|text| Position::decode(text).unwrap()).collect()
    }

    /// The table that the entries make of another one.
    pub(crate) fn replay(&self, mut table: Table) -> Table {
        for entry in &self.entries {
            let id = entry["subject"]["id"].as_i64().unwrap();
            let after = &entry["change"]["after"];
            match entry["action"].as_str().unwrap() {
                "user.created" => {
                    table.insert(id, after.clone());
                }
                "user.updated" => {
                    // Missing if a list was taken after the user's end: then the end is still to come.
                    if let Some(user) = table.get_mut(&id) {
                        for (name, value) in after.as_object().unwrap() {
                            user[name] = value.clone();
                        }
                    }
                }
                "user.deleted" => {
                    table.remove(&id);
                }
                other => panic!("{other}"),
            }
        }
        table
    }

    /// Read from the beginning, nothing is missing and nothing is repeated: positions rise, and the versions of
    /// each user are 1, 2, 3, …, the last one once more at its end.
    pub(crate) fn assert_whole(&self) {
        assert!(self.positions().is_sorted_by(|a, b| a < b), "positions do not rise");
        let mut versions: BTreeMap<i64, i64> = BTreeMap::new();
        let mut gone = BTreeSet::new();
        for entry in &self.entries {
            let id = entry["subject"]["id"].as_i64().unwrap();
            assert!(!gone.contains(&id), "something after the end: {entry}");
            let version = versions.entry(id).or_default();
            match entry["action"].as_str().unwrap() {
                "user.deleted" => {
                    gone.insert(id);
                }
                action => {
                    *version += 1;
                    assert_eq!(action == "user.created", *version == 1, "{entry}");
                }
            }
            assert_eq!(entry["version"], json!(version), "{entry}");
        }
    }
}

/// All users, and the position from which to follow the changes that the list does not show.
pub(crate) async fn whole_list(server: &Server) -> (Table, String) {
    let fields = "fields=active,external_id,profile,version,created_at,updated_at";
    let list = server.get(&format!("/users?{fields}")).await.error_for_status().unwrap();
    let position = list.headers()["roster-position"].to_str().unwrap().to_owned();
    let list: Vec<Value> = list.json().await.unwrap();
    (list.into_iter().map(|user| (user["id"].as_i64().unwrap(), user)).collect(), position)
}
