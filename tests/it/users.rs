//! One user at a time: create, get, replace, patch, delete.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::Method;
use roster::clock::Clock;
use serde_json::{Value, json};

use crate::asking::{assert_invalid, field, journal, places};
use crate::support::{Server, assert_problem, both, parts};

const NOW: i64 = 1_700_000_000_123_456;

both! {
    async fn a_user_lives(engine) {
        let server = Server::start(engine).await;
        let made = server.create(&json!({ "name": "Ana", "email": "ana@example.com" })).await;
        assert_eq!(made["id"], 1);
        let (status, user) = parts(server.get("/users/1").await).await;
        assert_eq!((status, &user), (200, &made));
        let (status, list) = parts(server.get("/users").await).await;
        assert_eq!((status, list), (200, json!([{ "id": 1, "name": "Ana", "email": "ana@example.com" }])));
        let changed = server.patch("/users/1", &json!({ "email": null, "profile": { "a": 1 } })).await;
        assert_eq!(changed.headers()["etag"], "\"2\"");
        assert_eq!(server.delete("/users/1").await.status(), 204);
        assert_problem(server.get("/users/1").await, 404, "not-found").await;
        assert_eq!(server.create(&json!({ "name": "Ana" })).await["id"], 2);
        server.stop().await;
    }

    async fn a_create_fills_in_the_defaults(engine) {
        let server = Server::with(engine, &[], Clock::fixed(NOW)).await;
        let response = server.post("/users", &json!({ "name": "Ana" })).await;
        assert_eq!(response.status(), 201);
        assert_eq!(field(&response, "location"), Some("/users/1"));
        assert_eq!(field(&response, "etag"), Some("\"1\""));
        assert_eq!(field(&response, "content-type"), Some("application/json"));
        let text = response.text().await.unwrap();
        let expected = "{\"id\":1,\"name\":\"Ana\",\"email\":null,\"active\":true,\"external_id\":null,\
            \"profile\":{},\"version\":1,\"created_at\":\"2023-11-14T22:13:20.123456Z\",\
            \"updated_at\":\"2023-11-14T22:13:20.123456Z\"}";
        assert_eq!(text, expected);
        let again = server.get("/users/1").await;
        assert_eq!(field(&again, "etag"), Some("\"1\""));
        assert_eq!(field(&again, "cache-control"), Some("private, no-cache"));
        assert_eq!(again.text().await.unwrap(), expected);
        server.stop().await;
    }

    async fn attributes_are_kept_as_they_were_written(engine) {
        let server = Server::start(engine).await;
        let body = json!({
            "name": "  Zoë 'O\"Neil\\ 😀 \u{202e}", "email": "ÄÖ+tag@Пример.рф", "active": false, "external_id": "00u/1 é",
            "profile": { "z": 1, "a": [1.5, -0.25, true, null, "line\nnext", {}], "é": { "": "empty key" } },
        });
        let made = server.create(&body).await;
        let (_, read) = parts(server.get("/users/1").await).await;
        assert_eq!(read, made);
        for name in ["name", "email", "active", "external_id"] {
            assert_eq!(read[name], body[name], "{name}");
        }
        // As text: the members stay in their order too.
        assert_eq!(read["profile"].to_string(), body["profile"].to_string());
        server.stop().await;
    }

    async fn an_id_is_never_used_again(engine) {
        let server = Server::start(engine).await;
        for name in ["a", "b", "c"] {
            server.create(&json!({ "name": name })).await;
        }
        for id in [3, 2] {
            let gone = server.delete(&format!("/users/{id}")).await;
            assert_eq!((gone.status().as_u16(), field(&gone, "content-type")), (204, None));
            assert_eq!(gone.text().await.unwrap(), "");
        }
        assert_problem(server.delete("/users/3").await, 404, "not-found").await;
        assert_eq!(server.create(&json!({ "name": "c" })).await["id"], 4);
        assert_eq!(server.delete("/users/4").await.status(), 204);
        // Nor after a restart.
        let database = server.database.clone();
        server.stop().await;
        let server = Server::on(database, &[], Clock::System).await;
        assert_eq!(server.create(&json!({ "name": "c" })).await["id"], 5);
        assert_problem(server.get("/users/3").await, 404, "not-found").await;
        server.stop().await;
    }

    async fn odd_ids_lead_to_nobody_or_nowhere(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        let nobody = [
            "0",
            "-1",
            "2",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999999999999999999999999",
        ];
        let nowhere =
            ["abc", "1.0", "+1", "1e0", "0x1", "-", "--1", "%D9%A1", "1%20", "%00", "%FF", "1;DROP"];
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            for (ids, status, slug) in [(&nobody[..], 404, "not-found"), (&nowhere[..], 400, "malformed")] {
                for id in ids {
                    let request = server.request(method.clone(), &format!("/users/{id}"));
                    let response = request.json(&json!({ "name": "Bob" })).send().await.unwrap();
                    assert_eq!(response.status(), status, "{method} {id}");
                    assert_problem(response, status, slug).await;
                }
            }
        }
        // Escaped digits are digits.
        assert_eq!(parts(server.get("/users/%31").await).await.1["name"], "Ana");
        assert_eq!(parts(server.get("/users").await).await.1.as_array().unwrap().len(), 1);
        server.stop().await;
    }

    async fn a_put_replaces_all_that_can_be_written(engine) {
        let time = Arc::new(AtomicI64::new(NOW));
        let server = Server::with(engine, &[], Clock::Fixed(time.clone())).await;
        let made = server
            .create(&json!({ "name": "Ana", "email": "a@x", "active": false, "external_id": "7",
            "profile": { "a": 1 } }))
            .await;
        time.fetch_add(1_000_000, Ordering::Relaxed);
        // What was read may be sent back, its read-only attributes with it.
        let mut whole = made.clone();
        whole["email"] = json!("b@x");
        let response = server.put("/users/1", &whole).await;
        assert_eq!(field(&response, "etag"), Some("\"2\""));
        whole["version"] = json!(2);
        whole["updated_at"] = json!("2023-11-14T22:13:21.123456Z");
        assert_eq!(parts(response).await, (200, whole.clone()));
        // Otherwise they are refused, each of them, and nothing is changed.
        let stale = json!({ "id": 2, "version": 1, "created_at": "2023-11-14T22:13:20Z", "updated_at": null, "name": "Eve" });
        assert_invalid(
            server.put("/users/1", &stale).await,
            &["/id", "/version", "/created_at", "/updated_at"],
        )
        .await;
        assert_invalid(
            server.patch("/users/1", &stale).await,
            &["/id", "/version", "/created_at", "/updated_at"],
        )
        .await;
        assert_eq!(parts(server.get("/users/1").await).await, (200, whole.clone()));
        // What is left out gets its default.
        let response = server.put("/users/1", &json!({ "name": "Ana" })).await;
        let bare = json!({ "id": 1, "name": "Ana", "email": null, "active": true, "external_id": null, "profile": {},
            "version": 3, "created_at": made["created_at"], "updated_at": whole["updated_at"] });
        assert_eq!(parts(response).await, (200, bare));
        assert_invalid(server.put("/users/1", &json!({ "email": "a@x" })).await, &["/name"]).await;
        server.stop().await;
    }

    async fn a_merge_patch_follows_its_standard(engine) {
        // RFC 7396 appendix A: original, patch, result. Each is tried as a member of the profile.
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        for (original, patch, result) in cases {
            let put = server
                .put("/users/1", &json!({ "name": "Ana", "profile": { "keep": 1, "t": original } }))
                .await;
            assert_eq!(put.status(), 200);
            let request = server
                .request(Method::PATCH, "/users/1")
                .header("content-type", "application/merge-patch+json");
            let response =
                request.body(json!({ "profile": { "t": patch } }).to_string()).send().await.unwrap();
            let (status, user) = parts(response).await;
            assert_eq!(
                (status, &user["profile"]),
                (200, &json!({ "keep": 1, "t": result })),
                "{original} {patch}"
            );
        }
        // The case whose patch is null, and the same one level up.
        for (patch, result) in [(json!({ "t": null }), json!({ "keep": 1 })), (Value::Null, json!({}))] {
            let (status, user) = parts(server.patch("/users/1", &json!({ "profile": patch })).await).await;
            assert_eq!((status, &user["profile"]), (200, &result));
        }
        server.stop().await;
    }

    async fn a_patch_can_not_remove_what_must_be_there(engine) {
        let server = Server::start(engine).await;
        let made = server.create(&json!({ "name": "Ana", "email": "a@x", "external_id": "7" })).await;
        let patch = json!({ "name": null, "active": null, "email": {}, "external_id": [], "profile": 1, "nope": null });
        let response = server.patch("/users/1", &patch).await;
        let problem = assert_problem(response, 422, "invalid").await;
        let mut wrong = places(&problem);
        wrong.sort_unstable();
        assert_eq!(wrong, ["/active", "/email", "/external_id", "/name", "/nope", "/profile"]);
        for (text, place) in
            [("[]", ""), ("null", ""), ("\"x\"", ""), ("{\"nope\":null}", "/nope"), ("{\"id\":null}", "/id")]
        {
            let request =
                server.request(Method::PATCH, "/users/1").header("content-type", "application/json");
            assert_invalid(request.body(text).send().await.unwrap(), &[place]).await;
        }
        assert_eq!(parts(server.get("/users/1").await).await, (200, made));
        let (_, user) =
            parts(server.patch("/users/1", &json!({ "email": null, "external_id": null })).await).await;
        assert_eq!(
            (&user["email"], &user["external_id"], &user["version"]),
            (&Value::Null, &Value::Null, &json!(2))
        );
        server.stop().await;
    }

    async fn what_changes_nothing_leaves_no_trace(engine) {
        let time = Arc::new(AtomicI64::new(NOW));
        let server = Server::with(engine, &[], Clock::Fixed(time.clone())).await;
        let made = server.create(&json!({ "name": "Ana", "profile": { "a": 1 } })).await;
        time.fetch_add(1_000_000, Ordering::Relaxed);
        let same = json!({ "name": "Ana", "profile": { "a": 1 } });
        for response in [
            server.put("/users/1", &same).await,
            server.put("/users/1", &made).await,
            server.patch("/users/1", &json!({})).await,
            server.patch("/users/1", &same).await,
            server.patch("/users/1", &json!({ "email": null, "profile": { "b": null } })).await,
        ] {
            assert_eq!(field(&response, "etag"), Some("\"1\""));
            assert_eq!(parts(response).await, (200, made.clone()));
        }
        let batch = json!({ "operations": [{ "op": "patch", "id": 1, "body": same }] });
        assert_eq!(parts(server.post("/users/batch", &batch).await).await.1["results"][0]["user"], made);
        server.patch("/users/1", &json!({ "profile": { "a": 2 } })).await;
        let entries = journal(&server, 2).await;
        assert_eq!(entries.len(), 2, "{entries:?}");
        assert_eq!(entries[0]["action"], "user.created");
        assert_eq!(entries[0]["change"], json!({ "after": made }));
        assert_eq!(entries[1]["action"], "user.updated");
        assert_eq!(
            (&entries[1]["version"], &entries[1]["subject"]),
            (&json!(2), &json!({ "kind": "user", "id": 1 }))
        );
        assert_eq!(
            entries[1]["change"],
            json!({
                "before": { "profile": { "a": 1 }, "version": 1, "updated_at": "2023-11-14T22:13:20.123456Z" },
                "after": { "profile": { "a": 2 }, "version": 2, "updated_at": "2023-11-14T22:13:21.123456Z" },
            })
        );
        server.stop().await;
    }
}
