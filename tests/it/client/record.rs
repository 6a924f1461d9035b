//! `roster log` against a server.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{Place, assert_ended};
use crate::commands::end;
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
        let entries = settled(&place, 4).await;
        let actions: Vec<&str> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["token.created", "user.created", "user.updated", "user.deleted"]);

        let table = place.output(&["log", "--output", "table"]).await;
        let rows: Vec<&str> = table.lines().collect();
        for title in ["TIME", "ACTOR", "ACTION", "SUBJECT", "CHANGE", "ADDRESS", "REQUEST"] {
            assert!(rows[0].contains(title), "{table}");
        }
        assert!(rows[1].contains("token.created") && rows[1].contains("token:1"), "{table}");
        assert!(rows[2].contains("user:1") && rows[2].contains("name: \"Ana\", email: \"a@example.com\""), "{table}");
        assert!(rows[3].contains("email: \"a@example.com\" → \"b@example.com\", active: true → false"), "{table}");
        assert!(rows[4].contains("user.deleted") && rows[4].contains("127.0.0.1"), "{table}");
        assert!(rows[2..].iter().all(|row| row.contains(" token:1 ")), "{table}");
        let json: Vec<Value> = serde_json::from_str(&place.output(&["log", "--output", "json"]).await).unwrap();
        assert_eq!(json, entries);
        let csv = place.output(&["log", "--output", "csv"]).await;
        assert!(csv.starts_with("position,at,actor_kind,actor_id,actor_name,action,subject_kind,subject_id,version,"));
        assert_eq!(csv.lines().count(), 5);

        let after = entries[0]["position"].as_str().unwrap();
        let rest = place.output(&["log", "--after", after, "--limit", "1"]).await;
        assert_eq!(serde_json::from_str::<Value>(&rest).unwrap(), entries[1]);
        let none = place.call(&["log", "--after", "now"]).await;
        assert_eq!((none.code, none.stdout.as_str(), none.stderr.as_str()), (0, "", "no entries\n"));
        place.server.stop().await;
    }

    async fn the_record_is_chosen_by_actor_and_subject(engine) {
        let place = Place::start(engine).await;
        place.output(&["users", "create", "--name", "Ana"]).await;
        place.output(&["users", "create", "--name", "Bo"]).await;
        settled(&place, 3).await;
        let count = async |arguments: &[&str]| {
            let ended = place.call(&[&["log"], arguments].concat()).await;
            assert_eq!(ended.code, 0, "{ended:?}");
            ended.stdout.lines().count()
        };
        assert_eq!(count(&["--actor", "token:1"]).await, 2);
        assert_eq!(count(&["--actor", "token:2"]).await, 0);
        assert_eq!(count(&["--subject", "user:2"]).await, 1);
        assert_eq!(count(&["--subject", "token:1"]).await, 1);
        assert_eq!(count(&["--actor", "token:1", "--subject", "user:1", "--limit", "1"]).await, 1);
        for wrong in [["--subject", "shoe:1"], ["--actor", "x"]] {
            assert_ended(&place.call(&[&["log"][..], &wrong].concat()).await, 2, &wrong[0][2..]);
        }
        place.server.stop().await;
    }

    async fn a_reader_sees_what_was_done_but_not_by_whom(engine) {
        let place = Place::start(engine).await;
        place.output(&["users", "create", "--name", "Ana"]).await;
        settled(&place, 2).await;
        let token = place.token("reader").await;
        let mut log = place.command(&["log"]);
        log.env_remove("ROSTER_TOKEN_FILE").env("ROSTER_TOKEN", &token);
        let seen = end(log).await;
        let entry: Value = serde_json::from_str(&seen.stdout).unwrap();
        assert_eq!((&entry["action"], entry.get("actor"), entry.get("address")), (&json!("user.created"), None, None));
        let mut create = place.command(&["users", "create", "--name", "Bo"]);
        create.env_remove("ROSTER_TOKEN_FILE").env("ROSTER_TOKEN", &token);
        assert_ended(&end(create).await, 5, "users:write");
        let mut revoked = place.command(&["users", "list"]);
        revoked.env_remove("ROSTER_TOKEN_FILE").env("ROSTER_TOKEN", "rst_revoked-or-never-given-0123456789");
        assert_ended(&end(revoked).await, 5, "the token is not accepted");
        let mut none = place.command(&["users", "list"]);
        none.env_remove("ROSTER_TOKEN_FILE");
        assert_ended(&end(none).await, 5, "there is no token: set ROSTER_TOKEN, or use roster login");
        place.server.stop().await;
    }

    async fn following_shows_what_comes_and_ends_at_a_signal_with_0(engine) {
        let place = Place::start(engine).await;
        place.output(&["users", "create", "--name", "before"]).await;
        settled(&place, 2).await;
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
            place.server.create(&json!({ "name": format!("u{number}"), "profile": { "x": "y".repeat(50_000) } })).await;
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
