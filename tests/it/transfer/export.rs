//! `roster export`.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use roster::clock::Clock;
use serde_json::{Value, json};

use super::{Place, numbered};
use crate::commands::call;
use crate::support::{Server, both, program};

both! {
    async fn out_and_in_and_out_again(engine) {
        let place = Place::create(engine).await;
        let text = "name,email,active,external_id,profile\n\
                    \"=cmd()\",a@example.com,true,'quoted,\"{\"\"x\"\":[1,{\"\"y\"\":null}]}\"\n\
                    '=twice,,false,,\n\"a,b\"\"c\",b@example.com,true,-5,{}\n";
        place.import(&place.file("in.csv", text)).await;
        let users = place.export().await;
        assert!(users[1].contains("\"name\":\"=twice\""), "{users:?}");
        for (name, flag) in [("a.csv", "--escape-formulas"), ("b.csv", "-q"), ("c.json", "-q"), ("d.ndjson", "-q")] {
            let path = place.path(name);
            let file = path.to_str().unwrap();
            let ended = place.call(&["export", "--output", file, flag, "--quiet"]).await;
            let ended = if flag == "-q" { place.call(&["export", "--output", file, "-q"]).await } else { ended };
            assert!(ended.code == 0 && ended.stdout.is_empty(), "{ended:?}");
            let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(file).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
            let other = Place::create(engine).await;
            other.import(file).await;
            let strip = |line: &String| {
                let user: Value = serde_json::from_str(line).unwrap();
                json!([user["id"], user["name"], user["email"], user["active"], user["external_id"], user["profile"]])
            };
            let found: Vec<Value> = other.export().await.iter().map(strip).collect();
            assert_eq!(found, users.iter().map(strip).collect::<Vec<_>>(), "{name}");
        }
        let harmless = std::fs::read_to_string(place.path("a.csv")).unwrap();
        assert!(harmless.contains("\r\n1,'=cmd(),") && harmless.contains(",'-5,"), "{harmless}");
        let left: Vec<_> = std::fs::read_dir(place.directory.path()).unwrap().collect();
        assert_eq!(left.len(), 5, "{left:?}");
    }

    async fn only_those_who_match(engine) {
        let place = Place::create(engine).await;
        place.import(&place.file("in.csv", numbered(300, "x"))).await;
        let filter = "external_id eq \"x-7\" or name sw \"user29\"";
        let ended = place.call(&["export", "--filter", filter, "--format", "json", "--quiet"]).await;
        let users: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(users.as_array().unwrap().len(), 12, "{users}");
        place.call(&["export", "--filter", "name xx 1"]).await.assert_refused("(at character 6)");
        place.call(&["export", "--format", "xml"]).await.assert_refused("--format: \"xml\"");
        place.call(&["export", "--output", "/nowhere/x.csv"]).await.assert_refused("/nowhere/x.csv");
    }

    async fn it_is_one_moment(engine) {
        let place = Place::create(engine).await;
        place.import(&place.file("in.csv", numbered(5000, "x"))).await;
        let database = Arc::new(place.database);
        let server = Server::on(database.clone(), &[], Clock::System).await;
        let done = AtomicBool::new(false);
        // The first and the last user always change together.
        let writer = async {
            let mut round = 0;
            while !done.load(Ordering::Relaxed) {
                round += 1;
                let body = json!({ "profile": { "round": round } });
                let change = |id| json!({ "op": "patch", "id": id, "body": body });
                let answer = server.post("/users/batch", &json!({ "operations": [change(1), change(5000)] })).await;
                assert_eq!(answer.status(), 200);
            }
            round
        };
        let exports = async {
            let mut rounds = Vec::new();
            for _ in 0..6 {
                let url = [("ROSTER_DATABASE_URL", database.url.as_str())];
                let ended = call(&["export", "--format", "ndjson", "--quiet"], &url).await;
                let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                assert_eq!((ended.code, lines.len()), (0, 5000));
                assert_eq!(lines[0]["profile"], lines[4999]["profile"]);
                rounds.push(lines[0]["profile"]["round"].as_i64());
            }
            done.store(true, Ordering::Relaxed);
            rounds
        };
        let (round, rounds) = tokio::join!(writer, exports);
        assert!(round > 6 && rounds.first() < rounds.last(), "{round} {rounds:?}");
        server.stop().await;
    }

    async fn an_output_that_fails_is_told(engine) {
        let place = Place::create(engine).await;
        place.import(&place.file("in.csv", numbered(5000, "x"))).await;
        let url = ("ROSTER_DATABASE_URL", place.database.url.as_str());
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = program(&["export", "--quiet"]);
        let child = command.env(url.0, url.1).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && told.starts_with("error: stdout: "), "{told}");
        let mut command = program(&["export", "--quiet"]);
        command.env(url.0, url.1).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && told.starts_with("error: stdout: whoever reads it went away"), "{told}");
    }
}
