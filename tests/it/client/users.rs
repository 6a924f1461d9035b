//! `roster users` against a server.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Place, assert_ended};
use crate::commands::end;
use crate::support::both;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The ids of a CSV file with a header line.
fn first_column(csv: &str) -> Vec<String> {
    csv.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
}

/// Brings numbered users to the server.
async fn fill(place: &Place, count: usize) {
    let mut csv = "name,email\n".to_owned();
    for number in 0..count {
        let _ = writeln!(csv, "user{number:05},user{number}@example.com");
    }
    let request =
        place.server.request(reqwest::Method::POST, "/users/import").header("content-type", "text/csv");
    let report = request.body(csv).send().await.unwrap().text().await.unwrap();
    assert!(report.contains(&format!("\"created\":{count}")), "{report}");
}

both! {
    async fn a_user_is_created_read_changed_and_deleted(engine) {
        let place = Place::start(engine).await;
        let created = place.output(&[
            "users", "create", "--name", "Ana", "--email", "ana@example.com", "--external-id", "x-1", "--inactive",
            "--profile", r#"{"title":"Dr","n":1}"#,
        ]).await;
        let user = &lines(&created)[0];
        assert_eq!((&user["name"], &user["active"], &user["profile"]["title"]), (&json!("Ana"), &json!(false), &json!("Dr")));
        let id = user["id"].to_string();
        assert_eq!(place.output(&["users", "get", &id]).await, created);

        let patch = place.home.path().join("patch.json");
        std::fs::write(&patch, r#"{"n":null,"m":2}"#).unwrap();
        let profile = format!("@{}", patch.display());
        let changed = place.output(&[
            "users", "update", &id, "--no-email", "--active", "true", "--name", "Anna", "--no-external-id",
            "--profile", &profile, "--if-match", "1",
        ]).await;
        let user = &lines(&changed)[0];
        let expected = (json!("Anna"), Value::Null, Value::Null, json!(true), json!({ "title": "Dr", "m": 2 }), json!(2));
        let found = ["name", "email", "external_id", "active", "profile", "version"].map(|name| user[name].clone());
        assert_eq!(<(Value, Value, Value, Value, Value, Value)>::from(found), expected);

        for arguments in [
            &["users", "update", &id, "--name", "x", "--if-match", "\"1\""][..],
            &["users", "delete", &id, "--if-match", "1"],
        ] {
            assert_ended(&place.call(arguments).await, 6, "has changed");
        }
        let deleted = place.call(&["users", "delete", &id, "--if-match", "2"]).await;
        assert_eq!((deleted.code, deleted.stdout.as_str()), (0, ""), "{deleted:?}");
        assert_eq!(deleted.stderr, format!("user {id} is deleted\n"));
        for arguments in [&["users", "get", &id][..], &["users", "delete", &id], &["users", "update", &id, "--name", "y"]] {
            assert_ended(&place.call(arguments).await, 1, "user");
        }
        place.server.stop().await;
    }

    async fn what_the_server_refuses_is_one_line_with_the_place(engine) {
        let place = Place::start(engine).await;
        place.output(&["users", "create", "--name", "Ana", "--email", "a@example.com"]).await;
        for (arguments, code, words) in [
            (&["users", "create", "--name", "ANA"][..], 6, "/name"),
            (&["users", "create", "--name", "b", "--email", "no"], 2, "/email"),
            (&["users", "create", "--name", "", "--email", "no"], 2, "/name: "),
            (&["users", "create", "--name", "b", "--profile", r#"{"a":1,"a":2}"#], 2, "a"),
            (&["users", "create", "--name", "b", "--profile", "[]"], 2, "must be a JSON object"),
            (&["users", "create", "--name", "b", "--profile", "{"], 2, "is not JSON"),
            (&["users", "create", "--name", "b", "--profile", "@/nowhere"], 2, "/nowhere"),
            (&["users", "update", "1"], 2, "nothing is to be changed"),
            (&["users", "list", "--filter", "nmae eq 1"], 2, "filter"),
            (&["users", "list", "--sort", "shoe"], 2, "sort"),
            (&["users", "list", "--fields", "shoe"], 2, "fields"),
            (&["log", "--after", "x"], 2, "after"),
        ] {
            let ended = place.call(arguments).await;
            assert_ended(&ended, code, words);
            assert_eq!(ended.stdout, "", "{arguments:?}");
        }
        place.server.stop().await;
    }

    async fn a_walk_over_2500_users_misses_none(engine) {
        let place = Place::start(engine).await;
        fill(&place, 2500).await;
        let expected: Vec<String> = (0..2500).map(|number| format!("user{number:05}")).collect();
        let names = |users: &[Value]| -> Vec<String> {
            users.iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
        };
        let by_name = |form| ["users", "list", "--sort", "name", "--output", form];
        assert_eq!(names(&lines(&place.output(&by_name("ndjson")).await)), expected);
        let array: Vec<Value> = serde_json::from_str(&place.output(&by_name("json")).await).unwrap();
        assert_eq!(names(&array), expected);
        let csv = place.output(&by_name("csv")).await;
        assert!(csv.starts_with("id,name,email\r\n") && csv.lines().count() == 2501);
        let table = place.output(&by_name("table")).await;
        let shown: Vec<&str> = table.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(shown, expected);

        let some = lines(&place.output(&["users", "list", "--sort", "-name", "--limit", "1500"]).await);
        let reversed: Vec<String> = expected.iter().rev().take(1500).cloned().collect();
        assert_eq!(names(&some), reversed);
        let matching = place.output(&["users", "list", "--filter", "email ew \"9@example.com\"", "--output", "csv"]).await;
        assert_eq!(first_column(&matching).len(), 250);
        assert_eq!(lines(&place.output(&["users", "list", "--q", "USER0249"]).await).len(), 10);
        place.server.stop().await;
    }

    async fn fields_become_columns_and_empty_lists_are_told(engine) {
        let place = Place::start(engine).await;
        for (form, expected) in [("json", "[]\n"), ("ndjson", ""), ("csv", "id,name,email,profile.a\r\n"), ("table", "")] {
            let ended = place.call(&["users", "list", "--fields", "profile.a", "--output", form]).await;
            let all = (ended.code, ended.stdout.as_str(), ended.stderr.as_str());
            assert_eq!(all, (0, expected, "no users\n"));
        }
        place.output(&["users", "create", "--name", "Ana", "--profile", r#"{"a":[1,"x"]}"#]).await;
        let csv = place.output(&["users", "list", "--fields", "active,profile.a", "--output", "csv"]).await;
        assert_eq!(csv, "id,name,email,active,profile.a\r\n1,Ana,,true,\"[1,\"\"x\"\"]\"\r\n");
        let once = place.output(&["users", "list", "--fields", "id,active,active", "--output", "csv"]).await;
        assert_eq!(once, "id,name,email,active\r\n1,Ana,,true\r\n");
        let table = place.output(&["users", "list", "--fields", "active,profile.a", "--output", "table"]).await;
        let words = |line: usize| table.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(0), ["ID", "NAME", "EMAIL", "ACTIVE", "PROFILE.A"]);
        assert_eq!(words(1), ["1", "Ana", "true", "[1,\"x\"]"]);
        let upright = place.output(&["users", "get", "1", "--output", "table"]).await;
        assert!(upright.starts_with("id           1\nname         Ana\nemail\nactive       true\n"), "{upright}");
        place.server.stop().await;
    }

    async fn find_is_exact_and_takes_names_and_addresses(engine) {
        let place = Place::start(engine).await;
        place.output(&["users", "create", "--name", "Ana", "--email", "ana@example.com"]).await;
        place.output(&["users", "create", "--name", "Ana Maria", "--email", "maria@example.com"]).await;
        place.output(&["users", "create", "--name", "maria@example.com"]).await;
        for (wanted, ids) in
            [("ana", &[1][..]), ("ANA@example.com", &[1]), ("maria@example.com", &[2, 3]), ("Ana Maria", &[2])]
        {
            let found = lines(&place.output(&["users", "find", wanted]).await);
            let found: Vec<i64> = found.iter().map(|user| user["id"].as_i64().unwrap()).collect();
            assert_eq!(found, ids, "{wanted}");
        }
        for wanted in ["an", "nobody", "\" or id gt 0 or name eq \""] {
            let ended = place.call(&["users", "find", wanted, "--output", "csv"]).await;
            assert_ended(&ended, 1, "no user has");
            assert_eq!(ended.stdout, "id,name,email\r\n");
        }
        place.server.stop().await;
    }

    async fn a_wrong_address_is_not_an_unknown_user(engine) {
        let place = Place::start(engine).await;
        let (typo, ops) = (format!("{}/typo", place.server.url), place.server.ops.clone());
        for url in [&typo, &ops] {
            for arguments in [&["users", "find", "ana"][..], &["users", "get", "1"], &["log"]] {
                let mut command = place.command(arguments);
                command.env("ROSTER_URL", url);
                let ended = end(command).await;
                assert_ended(&ended, 2, "there is no such path: the address is not that of Roster's API");
            }
        }
        assert_ended(&place.call(&["users", "get", "1"]).await, 1, "there is no user with this id");
        place.server.stop().await;
    }

    async fn a_key_of_ones_own_makes_a_repetition_harmless(engine) {
        let place = Place::start(engine).await;
        let create = ["users", "create", "--name", "Ana", "--idempotency-key", "k1"];
        let first = place.output(&create).await;
        assert_eq!(place.output(&create).await, first);
        let other = place.call(&["users", "create", "--name", "Bo", "--idempotency-key", "k1"]).await;
        assert_ended(&other, 2, "Idempotency-Key");
        assert_eq!(lines(&place.output(&["users", "list"]).await).len(), 1);
        place.server.stop().await;
    }
}
