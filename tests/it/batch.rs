//! Many changes in one request: all of them, or none.

use serde_json::{Value, json};

use crate::asking::{assert_invalid, journal, names, places};
use crate::support::{Server, assert_problem, both, parts};

async fn batch(server: &Server, operations: Value) -> reqwest::Response {
    server.post("/users/batch", &json!({ "operations": operations })).await
}

both! {
    async fn a_batch_tells_what_became_of_each(engine) {
        let server = Server::start(engine).await;
        for name in ["a", "b", "c", "d"] {
            server.create(&json!({ "name": name, "email": format!("{name}@x") })).await;
        }
        let response = batch(
            &server,
            json!([
                { "op": "create", "body": { "name": "e", "profile": { "n": 1 } } },
                { "op": "replace", "id": 1, "body": { "name": "a" } },
                { "op": "patch", "id": 2, "if_match": "\"1\"", "body": { "active": false } },
                { "op": "delete", "id": 3, "if_match": "*" },
                // Each sees what the ones before it did: the name is free, the version has grown.
                { "op": "create", "body": { "name": "C", "email": "c@x" } },
                { "op": "patch", "id": 2, "if_match": "\"9\", \"2\"", "body": { "name": "bb" } },
                { "op": "patch", "id": 4, "if_match": null, "body": {} },
            ]),
        )
        .await;
        assert_eq!(response.headers()["content-type"], "application/json");
        let (status, body) = parts(response).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body.as_object().unwrap().len(), 1);
        let results = body["results"].as_array().unwrap();
        let heads: Vec<Value> = results.iter().map(|r| json!([r["status"], r["id"], r["etag"]])).collect();
        assert_eq!(
            json!(heads),
            json!([
                [201, 5, "\"1\""],
                [200, 1, "\"2\""],
                [200, 2, "\"2\""],
                [204, 3, null],
                [201, 6, "\"1\""],
                [200, 2, "\"3\""],
                [200, 4, "\"1\""]
            ])
        );
        assert_eq!(results[3], json!({ "status": 204, "id": 3 }));
        for (index, id) in [(0, 5), (1, 1), (4, 6), (5, 2), (6, 4)] {
            assert_eq!(
                parts(server.get(&format!("/users/{id}")).await).await,
                (200, results[index]["user"].clone())
            );
        }
        assert_eq!((&results[1]["user"]["email"], &results[2]["user"]["name"]), (&Value::Null, &json!("b")));
        let actions: Vec<Value> = journal(&server, 10)
            .await
            .iter()
            .map(|entry| json!([entry["action"], entry["subject"]["id"]]))
            .collect();
        assert_eq!(
            json!(actions[4..]),
            json!([
                ["user.created", 5],
                ["user.updated", 1],
                ["user.updated", 2],
                ["user.deleted", 3],
                ["user.created", 6],
                ["user.updated", 2]
            ])
        );
        server.stop().await;
    }

    async fn one_refusal_undoes_the_batch(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "a", "email": "a@x" })).await;
        server.create(&json!({ "name": "b" })).await;
        let before = parts(server.get("/users?fields=active,version").await).await.1;
        let good = [
            json!({ "op": "create", "body": { "name": "new" } }),
            json!({ "op": "patch", "id": 1, "body": { "active": false } }),
            json!({ "op": "delete", "id": 2 }),
        ];
        let refused = [
            (json!({ "op": "create", "body": { "name": "A" } }), "/body/name"),
            (json!({ "op": "create", "body": { "name": "c", "email": "A@X" } }), "/body/email"),
            (json!({ "op": "create", "body": { "name": "NEW" } }), "/body/name"),
            (json!({ "op": "patch", "id": 1, "body": { "name": "new" } }), "/body/name"),
            (json!({ "op": "patch", "id": 1, "if_match": "\"1\"", "body": {} }), ""),
            (json!({ "op": "replace", "id": 1, "if_match": "W/\"2\"", "body": { "name": "a" } }), ""),
            (json!({ "op": "delete", "id": 1, "if_match": "\"7\"" }), ""),
            (json!({ "op": "patch", "id": 2, "body": {} }), ""),
            (json!({ "op": "delete", "id": 99 }), ""),
            (json!({ "op": "replace", "id": i64::MAX, "body": { "name": "x" } }), ""),
        ];
        for (operation, place) in refused {
            let mut operations = good.to_vec();
            operations.push(operation.clone());
            operations.push(json!({ "op": "create", "body": { "name": "later" } }));
            let problem = assert_problem(batch(&server, json!(operations)).await, 409, "batch-refused").await;
            assert_eq!(places(&problem), [format!("/operations/3{place}")], "{operation}");
            assert!(problem["detail"].as_str().unwrap().starts_with("operation 3: "), "{problem}");
            assert_eq!(
                parts(server.get("/users?fields=active,version").await).await.1,
                before,
                "{operation}"
            );
        }
        // Wrong values are told as such, wherever they are.
        for (operation, wrong) in [
            (
                json!({ "op": "create", "body": { "name": "", "x": 1 } }),
                ["/operations/3/body/x", "/operations/3/body/name"],
            ),
            (
                json!({ "op": "patch", "id": 1, "body": { "name": "", "x": 1 } }),
                ["/operations/3/body/x", "/operations/3/body/name"],
            ),
            (
                json!({ "op": "replace", "id": 1, "body": { "email": "", "id": 2 } }),
                ["/operations/3/body/id", ""],
            ),
        ] {
            let mut operations = good.to_vec();
            operations.push(operation);
            let problem = assert_problem(batch(&server, json!(operations)).await, 422, "invalid").await;
            assert!(
                wrong.iter().all(|place| place.is_empty() || places(&problem).contains(place)),
                "{problem}"
            );
            assert_eq!(parts(server.get("/users?fields=active,version").await).await.1, before);
        }
        server.patch("/users/1", &json!({ "active": false })).await;
        assert_eq!(journal(&server, 3).await.len(), 3);
        server.stop().await;
    }

    async fn operations_are_read_strictly(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "a" })).await;
        let body = json!({ "name": "b" });
        let cases = [
            (json!(1), ""),
            (json!({}), "/op"),
            (json!({ "op": "upsert", "body": body }), "/op"),
            (json!({ "op": 1 }), "/op"),
            (json!({ "op": "create" }), "/body"),
            (json!({ "op": "create", "body": [] }), "/body"),
            (json!({ "op": "create", "id": 1, "body": body }), "/id"),
            (json!({ "op": "create", "if_match": "*", "body": body }), "/if_match"),
            (json!({ "op": "patch", "body": body }), "/id"),
            (json!({ "op": "patch", "id": 1 }), "/body"),
            (json!({ "op": "patch", "id": "1", "body": body }), "/id"),
            (json!({ "op": "patch", "id": 0, "body": body }), "/id"),
            (json!({ "op": "patch", "id": 1.5, "body": body }), "/id"),
            (json!({ "op": "patch", "id": u64::MAX, "body": body }), "/id"),
            (json!({ "op": "replace", "id": 1, "if_match": "1", "body": body }), "/if_match"),
            (json!({ "op": "replace", "id": 1, "if_match": 1, "body": body }), "/if_match"),
            (json!({ "op": "delete", "id": 1, "body": body }), "/body"),
            (json!({ "op": "delete", "id": 1, "a/b": 1 }), "/a~1b"),
        ];
        for (operation, place) in &cases {
            let response = batch(&server, json!([{ "op": "delete", "id": 1 }, operation])).await;
            assert_invalid(response, &[&format!("/operations/1{place}")]).await;
        }
        let all: Vec<&Value> = cases.iter().map(|(operation, _)| operation).collect();
        let wrong: Vec<String> =
            cases.iter().enumerate().map(|(n, (_, place))| format!("/operations/{n}{place}")).collect();
        let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
        assert_invalid(batch(&server, json!(all)).await, &wrong).await;
        for (body, wrong) in [
            (json!({}), &["/operations"][..]),
            (json!({ "operations": {} }), &["/operations"]),
            (json!({ "operations": null }), &["/operations"]),
            (json!({ "operations": [{ "op": "delete", "id": 1 }], "x": 1 }), &["/x"]),
        ] {
            assert_invalid(server.post("/users/batch", &body).await, wrong).await;
        }
        assert_eq!(names(&server, "/users").await, ["a"]);
        server.stop().await;
    }

    async fn a_batch_has_one_to_a_thousand_operations(engine) {
        let server = Server::start(engine).await;
        let creates = |count: usize| {
            (0..count)
                .map(|n| json!({ "op": "create", "body": { "name": format!("u{n}") } }))
                .collect::<Value>()
        };
        for count in [0, 1001] {
            let problem = assert_invalid(batch(&server, creates(count)).await, &["/operations"]).await;
            assert_eq!(problem["errors"][0]["detail"], format!("must have 1 to 1000 entries, not {count}"));
        }
        assert_eq!(parts(server.get("/users").await).await.1, json!([]));
        let (status, body) = parts(batch(&server, creates(1000)).await).await;
        assert_eq!((status, body["results"].as_array().map(Vec::len)), (200, Some(1000)));
        let deletes: Value = (1..=1000).rev().map(|id| json!({ "op": "delete", "id": id })).collect();
        assert_eq!(batch(&server, deletes).await.status(), 200);
        assert_eq!(parts(server.get("/users").await).await.1, json!([]));
        server.stop().await;
    }
}
