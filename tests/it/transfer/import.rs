//! `roster import`.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use roster::clock::Clock;
use roster::model::change::Change;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::{Place, journal, numbered};
use crate::commands::{call, end};
use crate::follower::Follower;
use crate::postgres_server::{PostgresServer, Stop};
use crate::random::{generator, seed};
use crate::support::{Database, Server, both, eventually, program, signal};

/// Users without what differs between two imports of the same file: ids and times.
fn comparable(lines: &[String]) -> Vec<Value> {
    let mut users: Vec<Value> = lines
        .iter()
        .map(|line| {
            let user: Value = serde_json::from_str(line).unwrap();
            json!([user["name"], user["email"], user["external_id"], user["profile"], user["version"]])
        })
        .collect();
    users.sort_by_key(Value::to_string);
    users
}

fn actor(entry: &Change) -> &str {
    &entry.actor.as_ref().unwrap().name
}

both! {
    async fn rows_are_taken_or_told(engine) {
        let place = Place::create(engine).await;
        let file = place.file(
            "people.csv",
            "\u{feff}Login;Mail;Title;active\r\nAda;ada@example.com;\"Dr. \"\"X\"\"\r\nBSc\";yes\r\n\
             Bob;ADA@EXAMPLE.com;;0\r\nCy;;;maybe\r\nada;;;\r\n",
        );
        let map = ["--map", "Login=name", "--map", "Mail=email", "--map", "Title=profile.title"];
        let errors = place.path("errors.ndjson");
        let more = ["--errors", errors.to_str().unwrap(), "--quiet"];
        let ended = place.call(&[&["import", &file][..], &map, &more].concat()).await;
        assert_eq!(ended.code, 3, "{ended:?}");
        assert_eq!(ended.stdout, "rows: 4, created: 1, updated: 1, unchanged: 0, refused: 2, commits: 1\n");
        assert!(ended.stderr.contains("line 4: email is taken by another user\n"), "{ended:?}");
        assert!(ended.stderr.ends_with("error: 2 of 4 rows were refused\n"), "{ended:?}");
        let kept = std::fs::read_to_string(&errors).unwrap();
        let kept: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((kept.len(), &kept[1]["line"], &kept[1]["cells"]["Login"]), (2, &json!(5), &json!("Cy")));
        assert_eq!(kept[1]["errors"][0]["pointer"], "/active");

        // The last row had no mail and no title, which its columns say: so they are gone.
        let users = comparable(&place.export().await);
        assert_eq!(users, [json!(["ada", null, null, {}, 2])]);
        let changes = journal(&place.database.store().await).await;
        let told: Vec<(&str, i64, &str)> =
            changes.iter().map(|entry| (entry.action.as_str(), entry.version, actor(entry))).collect();
        assert_eq!(told, [("user.created", 1, "import"), ("user.updated", 2, "import")]);
        let change: Value = serde_json::from_str(changes[1].change.get()).unwrap();
        let before = json!({ "name": "Ada", "email": "ada@example.com", "version": 1,
            "profile": { "title": "Dr. \"X\"\r\nBSc" } });
        assert_eq!(change["before"], before);
    }

    async fn the_same_again_changes_nothing(engine) {
        let place = Place::create(engine).await;
        let file = place.file("people.csv", numbered(2500, "Engineer"));
        assert!(place.import(&file).await.starts_with("rows: 2500, created: 2500, "));
        let before = place.export().await;
        let same = "rows: 2500, created: 0, updated: 0, unchanged: 2500, refused: 0, commits: 3\n";
        assert_eq!(place.import(&file).await, same);
        let again = place.file("again.ndjson", before.join("\n"));
        assert_eq!(place.import(&again).await, same);
        assert_eq!(place.export().await, before);
        let changed = place.file("changed.csv", numbered(10, "Boss"));
        assert!(place.import(&changed).await.contains("updated: 10,"));
        assert_eq!(journal(&place.database.store().await).await.len(), 2510);
    }

    async fn a_dry_run_and_a_strict_import_change_nothing(engine) {
        let place = Place::create(engine).await;
        place.import(&place.file("first.csv", "name,email\nada,a@example.com\n")).await;
        let before = place.export().await;
        let file = place.file("next.csv", "name,email\nbob,b@example.com\nada,c@example.com\neve,b@example.com\n");
        let dry = place.call(&["import", &file, "--dry-run", "--quiet"]).await;
        assert_eq!(dry.code, 3, "{dry:?}");
        assert!(dry.stdout.starts_with("line 2: would be created\nline 3: user 1 would change: {"), "{dry:?}");
        assert!(dry.stdout.contains("created: 1, updated: 1, unchanged: 0, refused: 1, commits: 0"), "{dry:?}");
        let strict = place.call(&["import", &file, "--strict", "--quiet"]).await;
        strict.assert_refused("line 4: email is taken by another user; nothing was changed");
        assert_eq!(place.export().await, before);
        let good = place.file("good.csv", "name,email\nbob,b@example.com\nada,c@example.com\n");
        let strict = place.call(&["import", &good, "--strict", "--quiet"]).await;
        assert_eq!((strict.code, place.export().await.len()), (0, 2), "{strict:?}");
    }

    async fn refused_rows_go_where_they_are_sent(engine) {
        let place = Place::create(engine).await;
        let bad = place.file("bad.csv", "name\n\"\"\n");
        let itself = place.call(&["import", &bad, "--errors", &bad, "--quiet"]).await;
        itself.assert_refused("bad.csv is the input");
        assert_eq!(std::fs::read_to_string(&bad).unwrap(), "name\n\"\"\n");
        let (kept, link, pipe) = (place.file("kept", "old"), place.path("link"), place.path("pipe"));
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        let made = tokio::process::Command::new("mkfifo").arg(&pipe).status().await.unwrap();
        assert!(made.success());
        let reader = std::thread::spawn({ let pipe = pipe.clone(); move || std::fs::read_to_string(pipe).unwrap() });
        let (new, dangling) = (place.path("new"), place.path("dangling"));
        std::os::unix::fs::symlink("new", &dangling).unwrap();
        for errors in [&link, &pipe, &dangling] {
            let ended = place.call(&["import", &bad, "--errors", errors.to_str().unwrap(), "--quiet"]).await;
            assert_eq!(ended.code, 3, "{ended:?}");
        }
        assert!(dangling.is_symlink() && std::fs::read_to_string(&new).unwrap().contains("\"line\":2"));
        let (to_file, to_pipe) = (std::fs::read_to_string(&kept).unwrap(), reader.join().unwrap());
        assert!(link.is_symlink() && to_file == to_pipe && to_file.contains("\"line\":2"), "{to_file} {to_pipe}");
    }

    async fn rows_find_their_users_by_any_key(engine) {
        let place = Place::create(engine).await;
        let first = "name,email,external_id\nada,a@example.com,x1\nbob,b@example.com,x2\ncy,c@example.com,x2\n";
        place.import(&place.file("first.csv", first)).await;
        let cases = [
            ("email", "email,name\nA@EXAMPLE.COM,ada2\n", ""),
            ("external_id", "external_id,name\nx1,ada3\nx2,zed\n", "external_id belongs to 2 users"),
            ("id", "id,name\n1,ada4\n99,nobody\n", "id is the id of no user"),
            ("id", "id,name\nx,ada5\n", "id must be a whole number"),
            ("name", "name,email\n,e@example.com\n", "name is the key, and is missing"),
        ];
        for (key, text, told) in cases {
            let file = place.file("next.csv", text);
            let ended = place.call(&["import", &file, "--key", key, "--quiet"]).await;
            assert_eq!(ended.code, if told.is_empty() { 0 } else { 3 }, "{ended:?}");
            assert!(ended.stderr.contains(told), "{told}: {ended:?}");
        }
        let names: Vec<Value> = comparable(&place.export().await).into_iter().map(|user| user[0].clone()).collect();
        assert_eq!(names, ["ada4", "bob", "cy"]);
    }

    async fn a_killed_import_is_simply_run_again(engine) {
        let undisturbed = Place::create(engine).await;
        let text = numbered(20_000, "Engineer");
        let file = undisturbed.file("people.csv", &text);
        undisturbed.import(&file).await;
        let mut random = generator(seed("killed import"), 0);
        let place = Place::create(engine).await;
        for _ in 0..4 {
            let mut command = program(&["import", &file, "--quiet"]);
            command.env("ROSTER_DATABASE_URL", &place.database.url).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(random.random_range(20..700))).await;
            let _ = child.kill().await;
        }
        place.import(&file).await;
        assert_eq!(comparable(&place.export().await), comparable(&undisturbed.export().await));
        let store = place.database.store().await;
        assert_eq!(journal(&store).await.len(), 20_000, "one entry for each user, whichever attempt made it");
    }

    async fn a_signal_ends_it_after_a_batch(engine) {
        let place = Place::create(engine).await;
        let mut command = program(&["import", "-"]);
        command.env("ROSTER_DATABASE_URL", &place.database.url).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // The input stays open: the program waits for more.
        input.write_all(numbered(3000, "x").as_bytes()).await.unwrap();
        let store = place.database.store().await;
        eventually(Duration::from_secs(20), "two batches", async || {
            let all = roster::model::listing::Listing::default();
            store.count(&all).await.unwrap() >= 2000
        })
        .await;
        signal(child.id().unwrap(), "INT");
        let output = tokio::time::timeout(Duration::from_secs(10), child.wait_with_output()).await.unwrap().unwrap();
        let (stdout, stderr) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(4), "{stdout}{stderr}");
        let count = place.export().await.len();
        assert!(stdout.contains(&format!("created: {count}, ")), "{stdout} has not {count}");
        assert!(stderr.contains("stopped by a signal"), "{stderr}");
    }

    async fn two_imports_and_writers_meet(engine) {
        let place = Place::create(engine).await;
        let forward = place.file("forward.csv", numbered(3000, "one"));
        let text = numbered(3000, "two");
        let mut lines: Vec<&str> = text.lines().collect();
        lines[1..].reverse();
        let backward = place.file("backward.csv", lines.join("\n"));
        let database = Arc::new(place.database);
        let server = Server::on(database.clone(), &[], Clock::System).await;
        let url = [("ROSTER_DATABASE_URL", database.url.as_str())];
        let writers = async {
            let mut made = 0;
            for round in 0..60 {
                let body = json!({ "active": round % 2 == 0 });
                let status = server.patch(&format!("/users/{}", round % 20 + 1), &body).await.status();
                assert!([200, 404].contains(&status.as_u16()), "{status}");
                made += usize::from(status == 200);
            }
            made
        };
        let (one, two, _) = tokio::join!(
            async { call(&["import", &forward, "--quiet"], &url).await },
            async { call(&["import", &backward, "--quiet"], &url).await },
            writers,
        );
        assert!(one.code == 0 && two.code == 0, "{one:?} {two:?}");
        let all = journal(&database.store().await).await;
        let settled = all.iter().filter(|entry| entry.subject_kind == "user").count();
        let mut follower = Follower::default();
        follower.catch_up(&server).await;
        assert_eq!(follower.entries.len(), settled);
        let mut versions = std::collections::BTreeMap::new();
        for entry in &follower.entries {
            let last = versions.insert(entry["subject"]["id"].as_i64().unwrap(), entry["version"].as_i64().unwrap());
            assert_eq!(entry["version"].as_i64().unwrap(), last.unwrap_or(0) + 1, "{entry}");
        }
        assert_eq!(versions.len(), 3000);
        server.stop().await;
    }

    async fn what_it_cannot_do_is_said_in_one_line(engine) {
        let place = Place::create(engine).await;
        let file = place.file("people.csv", "name\nada\n");
        place.call(&["import", "/nowhere/at.csv"]).await.assert_refused("/nowhere/at.csv");
        place.call(&["import", &file, "--key", "shoe"]).await.assert_refused("--key: \"shoe\"");
        place.call(&["import", &file, "--map", "x"]).await.assert_refused("COLUMN=ATTRIBUTE");
        place.call(&["import", &file, "--errors", "/nowhere/e"]).await.assert_refused("/nowhere/e");
        let read_only = [("ROSTER_DATABASE_URL", place.database.url.as_str()), ("ROSTER_READ_ONLY", "true")];
        let refused = call(&["import", &file, "--quiet"], &read_only).await;
        refused.assert_refused("read-only");
        let empty = Database::create(engine).await;
        let mut command = program(&["import", &file]);
        command.env("ROSTER_DATABASE_URL", &empty.url);
        end(command).await.assert_refused("migrate");
    }
}

/// A batch that was committed stays and is counted; the rest is for the next time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_is_told() {
    let server = PostgresServer::new();
    let url = server.url("postgres");
    assert_eq!(call(&["migrate", "--database-url", &url], &[]).await.code, 0);
    let mut command = program(&["import", "-"]);
    command.env("ROSTER_DATABASE_URL", &url).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = numbered(2500, "x");
    input.write_all(text.as_bytes()).await.unwrap();
    let users = async || {
        let ended = call(&["export", "-q"], &[("ROSTER_DATABASE_URL", &url)]).await;
        ended.stdout.lines().count().saturating_sub(1)
    };
    eventually(Duration::from_secs(20), "two batches", async || users().await == 2000).await;
    server.stop(Stop::Immediate);
    drop(input);
    let output =
        tokio::time::timeout(Duration::from_secs(30), child.wait_with_output()).await.unwrap().unwrap();
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(2), "{stdout}{stderr}");
    assert!(stdout.starts_with("rows: 2000, created: 2000, "), "{stdout}");
    assert!(stderr.lines().count() == 1 && stderr.starts_with("error: database"), "{stderr}");
    server.start();
    assert_eq!(users().await, 2000);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("people.csv");
    std::fs::write(&file, text).unwrap();
    let again = call(&["import", file.to_str().unwrap(), "-q"], &[("ROSTER_DATABASE_URL", &url)]).await;
    assert!(again.stdout.starts_with("rows: 2500, created: 500, updated: 0, unchanged: 2000"), "{again:?}");
}
