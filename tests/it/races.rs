//! Writers that want the same thing at the same time.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, assert_problem, both, parts};

both! {
    async fn one_of_fifty_creates_gets_the_address(engine) {
        let server = Server::start(engine).await;
        let bodies: Vec<Value> = (0..50)
            .map(|index| {
                // Different spellings of one address.
                let email = if index % 2 == 0 { "straße@example.com" } else { "STRASSE@Example.COM" };
                json!({ "name": format!("user {index}"), "email": email })
            })
            .collect();
        let mut made = Vec::new();
        for response in join_all(bodies.iter().map(|body| server.post("/users", body))).await {
            if response.status() == 201 {
                made.push(response.json::<Value>().await.unwrap());
            } else {
                let problem = assert_problem(response, 409, "taken").await;
                assert_eq!(problem["errors"], json!([{ "pointer": "/email", "detail": "is taken" }]));
            }
        }
        assert_eq!(made.len(), 1);
        let list = json!([{ "id": made[0]["id"], "name": made[0]["name"], "email": made[0]["email"] }]);
        assert_eq!(parts(server.get("/users").await).await, (200, list));
        server.stop().await;
    }

    async fn one_of_twenty_updates_of_a_version_wins(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        for round in 1..=5 {
            let updates = (0..20).map(|writer| {
                let body = json!({ "profile": { "round": round, "writer": writer } });
                let request = server.request(Method::PATCH, "/users/1").header("if-match", format!("\"{round}\""));
                request.json(&body).send()
            });
            let mut won = Vec::new();
            for response in join_all(updates).await {
                let response = response.unwrap();
                if response.status() == 200 {
                    assert_eq!(response.headers()["etag"], format!("\"{}\"", round + 1));
                    won.push(response.json::<Value>().await.unwrap());
                } else {
                    assert_problem(response, 412, "precondition-failed").await;
                }
            }
            assert_eq!(won.len(), 1, "round {round}");
            assert_eq!(parts(server.get("/users/1").await).await, (200, won.remove(0)));
        }
        server.stop().await;
    }

    async fn updates_without_a_condition_all_count(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        let bodies: Vec<Value> =
            (0..30).map(|writer| json!({ "profile": { format!("w{writer}"): writer } })).collect();
        for response in join_all(bodies.iter().map(|body| server.patch("/users/1", body))).await {
            assert_eq!(response.status(), 200);
        }
        let (_, user) = parts(server.get("/users/1").await).await;
        assert_eq!((&user["version"], user["profile"].as_object().unwrap().len()), (&json!(31), 30));
        server.stop().await;
    }

    async fn batches_that_lock_in_opposite_order_both_end_well(engine) {
        const USERS: usize = 60;
        let server = Server::start(engine).await;
        let creates: Vec<Value> =
            (1..=USERS).map(|id| json!({ "op": "create", "body": { "name": format!("user {id}") } })).collect();
        assert_eq!(server.post("/users/batch", &json!({ "operations": creates })).await.status(), 200);
        for round in 0..4 {
            let patch = |id: usize, by: &str| {
                json!({ "op": "patch", "id": id, "body": { "profile": { by: round } } })
            };
            let up: Vec<Value> = (1..=USERS).map(|id| patch(id, "up")).collect();
            let down: Vec<Value> = (1..=USERS).rev().map(|id| patch(id, "down")).collect();
            let (up, down) = (json!({ "operations": up }), json!({ "operations": down }));
            let (up, down) = tokio::join!(server.post("/users/batch", &up), server.post("/users/batch", &down));
            assert_eq!((up.status().as_u16(), down.status().as_u16()), (200, 200), "round {round}");
        }
        let (_, users) = parts(server.get("/users?fields=version,profile").await).await;
        for user in users.as_array().unwrap() {
            assert_eq!((&user["version"], &user["profile"]), (&json!(9), &json!({ "up": 3, "down": 3 })));
        }
        server.stop().await;
    }
}
