//! `roster log` against a server.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::Place;
use crate::support::{both, eventually, signal};

/// The whole record, once all of it is settled.
async fn settled(place: &Place, entries: usize) -> Vec<Value> {
    let mut found = Vec::new();
    eventually(Duration::from_secs(20), "the record is settled", async || {
        let ended = place.call(&["log"]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        found = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        found.len() >= entries
    })
    .await;
    found
}

both! {
    async fn the_record_is_read_in_its_order_and_in_every_form(engine) {
        let place = Place::start(engine).await;
        place.output(&["users", "create", "--name", "Ana", "--email", "a@example.com"]).await;
        place.output(&["users", "update", "1", "--email", "b@example.com", "--active", "false"]).await;
        place.call(&["users", "delete", "1"]).await;
        let entries = settled(&place, 3).await;
        let actions: Vec<&str> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["user.created", "user.updated", "user.deleted"]);

        let table = place.output(&["log", "--output", "table"]).await;
        let rows: Vec<&str> = table.lines().collect();
        for title in ["TIME", "ACTOR", "ACTION", "SUBJECT", "CHANGE", "ADDRESS", "REQUEST"] {
            assert!(rows[0].contains(title), "{table}");
        }
        assert!(rows[1].contains("user:1") && rows[1].contains("name: \"Ana\", email: \"a@example.com\""), "{table}");
        assert!(rows[2].contains("email: \"a@example.com\" → \"b@example.com\", active: true → false"), "{table}");
        assert!(rows[3].contains("user.deleted"), "{table}");
        let json: Vec<Value> = serde_json::from_str(&place.output(&["log", "--output", "json"]).await).unwrap();
        assert_eq!(json, entries);
        let csv = place.output(&["log", "--output", "csv"]).await;
        assert!(csv.starts_with("position,at,actor_kind,actor_id,actor_name,action,subject_kind,subject_id,version,"));
        assert_eq!(csv.lines().count(), 4);

        let after = entries[0]["position"].as_str().unwrap();
        let rest = place.output(&["log", "--after", after, "--limit", "1"]).await;
        assert_eq!(serde_json::from_str::<Value>(&rest).unwrap(), entries[1]);
        let none = place.call(&["log", "--after", "now"]).await;
        assert_eq!((none.code, none.stdout.as_str(), none.stderr.as_str()), (0, "", "no entries\n"));
        place.server.stop().await;
    }

    async fn following_shows_what_comes_and_ends_at_a_signal_with_0(engine) {
        let place = Place::start(engine).await;
        place.output(&["users", "create", "--name", "before"]).await;
        settled(&place, 1).await;
        for name in ["INT", "TERM"] {
            let mut child = place
                .command(&["log", "--follow", "--after", "now"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            // The first question may come before or after the new user: `now` is asked first.
            tokio::time::sleep(Duration::from_millis(700)).await;
            place.server.create(&json!({ "name": name })).await;
            let line = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await.unwrap().unwrap();
            let entry: Value = serde_json::from_str(&line.unwrap()).unwrap();
            assert_eq!(entry["change"]["after"]["name"], *name);
            signal(child.id().unwrap(), name);
            let output = tokio::time::timeout(Duration::from_secs(10), child.wait_with_output()).await.unwrap().unwrap();
            assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
        }
        place.server.stop().await;
    }

    async fn a_reader_that_goes_away_is_no_error(engine) {
        let place = Place::start(engine).await;
        for number in 0..3 {
            place.server.create(&json!({ "name": format!("u{number}"), "profile": { "x": "y".repeat(100_000) } })).await;
        }
        for arguments in [&["users", "list", "--fields", "profile"][..], &["users", "get", "1"]] {
            let mut child =
                place.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            drop(child.stdout.take());
            let output = tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await.unwrap().unwrap();
            assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
        }
        place.server.stop().await;
    }
}
