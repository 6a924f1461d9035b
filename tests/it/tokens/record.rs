//! What is on record of callers: in the journal, in the log, in the metrics; and what stops those who fail.

use std::time::{Duration, Instant};

use reqwest::Method;
use roster::clock::Clock;
use serde_json::{Value, json};

use super::give;
use crate::asking::metric;
use crate::refusals::Refusals;
use crate::support::{ADMIN, Database, Server, assert_problem, both, client, client_of, eventually, parts};

async fn changes(server: &Server, query: &str) -> Vec<Value> {
    let (status, page) = parts(server.get(&format!("/changes{query}")).await).await;
    assert_eq!(status, 200, "{page}");
    page["changes"].as_array().unwrap().clone()
}

both! {
    async fn the_journal_tells_who_did_what_from_where(engine) {
        let server = Server::start(engine).await;
        let given = give(&server, json!({ "name": "ci", "role": "writer" })).await;
        let writer = client_of(given["token"].as_str());
        let request = writer.post(format!("{}/users", server.url)).header("x-request-id", "req-7");
        assert_eq!(request.json(&json!({ "name": "Ana" })).send().await.unwrap().status(), 201);
        let body = json!({ "email": "ana@example.com" });
        assert_eq!(server.patch("/users/1", &body).await.status(), 200);
        eventually(Duration::from_secs(10), "settled", async || changes(&server, "").await.len() == 4).await;

        let all = changes(&server, "").await;
        let who: Vec<(&str, &str)> = all
            .iter()
            .map(|entry| (entry["action"].as_str().unwrap(), entry["actor"]["id"].as_str().unwrap()))
            .collect();
        assert_eq!(who, [("token.created", "bootstrap"), ("token.created", "1"), ("user.created", "2"), ("user.updated", "1")]);
        let created = &all[2];
        assert_eq!(created["actor"], json!({ "kind": "token", "id": "2", "name": "ci" }));
        assert_eq!((&created["request_id"], &created["address"]), (&json!("req-7"), &json!("127.0.0.1")));
        assert_eq!(all[3]["change"]["before"]["email"], Value::Null);
        assert_eq!(all[3]["change"]["after"]["email"], json!("ana@example.com"));
        // A token is told of without its secret and without its hash.
        let text = all[1]["change"].to_string();
        assert_eq!(all[1]["change"], json!({ "after": { "name": "ci", "role": "writer", "expires_at": null, "revoked_at": null } }));
        assert!(!text.contains(given["token"].as_str().unwrap()), "{text}");

        assert_eq!(changes(&server, "?actor=token:2").await, std::slice::from_ref(created));
        assert_eq!(changes(&server, "?subject=user:1").await, all[2..]);
        assert_eq!(changes(&server, "?subject=token:2").await, all[1..2]);
        assert_eq!(changes(&server, "?subject=user:1&actor=token:1").await, all[3..]);
        assert!(changes(&server, "?actor=token:9").await.is_empty());
        assert!(changes(&server, "?subject=user:99999999999999999999").await.is_empty(), "too large to be anybody's");
        for query in ["actor=token", "subject=user", "subject=group:1", "subject=user:01", "subject=user:-1", "subject=user:%2B1"] {
            assert_problem(server.get(&format!("/changes?{query}")).await, 422, "invalid").await;
        }
        server.stop().await;
    }

    async fn a_reader_follows_users_and_sees_nobody(engine) {
        let server = Server::start(engine).await;
        let given = give(&server, json!({ "name": "r", "role": "reader" })).await;
        server.create(&json!({ "name": "Ana" })).await;
        eventually(Duration::from_secs(10), "settled", async || changes(&server, "").await.len() == 3).await;
        let reader = client_of(given["token"].as_str());
        let get = async |query: &str| reader.get(format!("{}/changes{query}", server.url)).send().await.unwrap();
        let (_, page) = parts(get("").await).await;
        let entries = page["changes"].as_array().unwrap();
        assert_eq!((entries.len(), &entries[0]["action"]), (1, &json!("user.created")));
        for hidden in ["actor", "request_id", "address"] {
            assert!(entries[0].get(hidden).is_none(), "{page}");
        }
        assert_eq!(parts(get("?subject=token:2").await).await.1["changes"], json!([]));
        let problem = assert_problem(get("?actor=token:1").await, 403, "forbidden").await;
        assert!(problem["detail"].as_str().unwrap().contains("record:read"), "{problem}");
        server.stop().await;
    }

    async fn each_refusal_is_one_line_of_the_log_without_the_secret(engine) {
        let database = Database::create(engine).await;
        let mut refusals = Refusals::start(&database.url, &[]).await;
        let tokens = format!("{}/tokens", refusals.program.url);
        let body = json!({ "name": "x", "role": "admin", "expires_at": "2100-01-01T00:00:00Z" });
        let revoked = parts(client().post(&tokens).json(&body).send().await.unwrap()).await.1;
        let revoked = revoked["token"].as_str().unwrap();
        let good = format!("Bearer {ADMIN}");
        refusals.send("before it is revoked", "/me", &[&format!("Bearer {revoked}")], 200).await;
        assert_eq!(client().delete(format!("{tokens}/2")).send().await.unwrap().status(), 204);

        let wrong = "rst_wrong-battery-wrong-battery-wrong-battery-000";
        let (twice, long) = (format!("{wrong} {wrong}"), "x".repeat(20_000));
        let unlike = format!("{}{}", &revoked[..revoked.len() - 1], if revoked.ends_with('A') { 'B' } else { 'A' });
        let malformed = ["", &twice, &long, "wrong-batt\u{e9}ry", "' OR '1'='1'--"];
        let (comma, quoted) = (format!("{ADMIN},"), format!("\"{ADMIN}\""));
        let invalid = [
            wrong, revoked, &unlike, &comma, &quoted, "rst_", "header-of.claims-of.signature-of", "../../etc/passwd",
        ];
        for token in malformed.iter().chain(&invalid) {
            refusals.refuse(token, token).await;
        }
        let missing = [
            ("/me", vec![]), ("/users", vec![]), ("/me", vec![format!("Basic {ADMIN}")]), ("/me", vec![ADMIN.to_owned()]),
            ("/me", vec![format!("Bearer{ADMIN}")]), (&format!("/users?access_token={ADMIN}"), vec![]),
        ];
        for (path, fields) in &missing {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let response = refusals.send(path, path, &fields, 401).await;
            assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"roster\"");
            assert_problem(response, 401, "unauthenticated").await;
        }
        refusals.send("two fields", "/me", &[&good, &good], 401).await;
        refusals.send("good", "/me", &[&good], 200).await;

        for (reason, count) in [("missing", missing.len()), ("malformed", malformed.len() + 1), ("invalid", invalid.len())] {
            let name = format!("roster_requests_refused_total{{reason=\"{reason}\"}}");
            assert_eq!(metric(&refusals.program.ops, &name).await.unwrap().to_string(), count.to_string(), "{reason}");
        }
        refusals.end().await;
    }

    async fn an_address_that_fails_too_often_waits(engine) {
        let server = Server::with(engine, &["--failed-credentials-per-minute", "5"], Clock::System).await;
        let given = give(&server, json!({ "name": "good", "role": "reader" })).await;
        let url = format!("{}/users", server.url);
        let mut answers = Vec::new();
        for number in 0..10 {
            // A claim of another address changes nothing: no proxy is trusted.
            let request = client_of(Some(&format!("rst_guess-{number}-of-somebody-who-has-no-token"))).get(&url);
            let response = request.header("x-forwarded-for", format!("192.0.2.{number}")).send().await.unwrap();
            answers.push(response.status().as_u16());
            if answers[answers.len() - 1] == 429 {
                let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
                assert!((1..=12).contains(&wait), "{wait}");
                assert_problem(response, 429, "too-many-requests").await;
            }
        }
        assert_eq!(answers, [401, 401, 401, 401, 401, 401, 429, 429, 429, 429]);
        // Whoever has a good token is not held up by a neighbour.
        assert_eq!(server.get("/users").await.status(), 200);
        assert_eq!(client_of(given["token"].as_str()).get(&url).send().await.unwrap().status(), 200);
        server.stop().await;
    }

    async fn a_caller_has_a_share_of_its_own(engine) {
        let server = Server::with(engine, &["--requests-per-second", "5"], Clock::System).await;
        let mut callers = Vec::new();
        for name in ["a", "b"] {
            callers.push(client_of(give(&server, json!({ "name": name, "role": "reader" })).await["token"].as_str()));
        }
        let url = format!("{}/me", server.url);
        let mut answers = Vec::new();
        for _ in 0..20 {
            answers.push(callers[0].get(&url).send().await.unwrap().status().as_u16());
        }
        assert!(answers.contains(&429) && answers[..5].iter().all(|answer| *answer == 200), "{answers:?}");
        assert_eq!(callers[1].get(&url).send().await.unwrap().status(), 200);
        server.stop().await;
    }

    async fn a_storm_of_wrong_tokens_costs_few_statements(engine) {
        let server = Server::with(engine, &["--failed-credentials-per-minute", "0"], Clock::System).await;
        let counted = "roster_database_query_duration_seconds_count{operation=\"usable_tokens\"}";
        let (before, start) = (metric(&server.ops, counted).await.unwrap_or(0.0), Instant::now());
        let mut storm = tokio::task::JoinSet::new();
        for number in 0..32 {
            let url = format!("{}/users", server.url);
            storm.spawn(async move {
                let client = client_of(Some(&format!("rst_storm-{number}-of-somebody-who-has-no-token")));
                for _ in 0..20 {
                    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
                }
            });
        }
        let good = server.get("/users").await;
        assert_eq!(good.status(), 200);
        while let Some(done) = storm.join_next().await {
            done.unwrap();
        }
        let (statements, seconds) = (metric(&server.ops, counted).await.unwrap() - before, start.elapsed().as_secs_f64());
        println!("640 wrong tokens took {seconds:.1} s and {statements} statements");
        assert!(statements <= seconds * 10.0 + 5.0, "{statements} in {seconds}");
        assert_eq!(server.request(Method::GET, "/users").send().await.unwrap().status(), 200);
        server.stop().await;
    }
}
