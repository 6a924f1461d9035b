//! What a user may be: every rule, and the place in the body that each refusal names.

use reqwest::Method;
use serde_json::{Value, json};

use crate::asking::{assert_invalid, names, send};
use crate::support::{Server, assert_problem, both, parts};

/// `n` objects in each other, a number in the innermost.
fn nested(n: usize) -> Value {
    (0..n).fold(json!(1), |inner, _| json!({ "a": inner }))
}

both! {
    async fn all_that_is_wrong_is_said_at_once(engine) {
        let server = Server::start(engine).await;
        let body = json!({ "id": 7, "nope": 1, "a/b~c": 1, "name": "", "email": "x", "active": "yes",
            "external_id": 5, "profile": [], "version": 1 });
        let wrong = [
            "/id",
            "/nope",
            "/a~1b~0c",
            "/version",
            "/name",
            "/email",
            "/active",
            "/external_id",
            "/profile",
        ];
        let problem = assert_invalid(server.post("/users", &body).await, &wrong).await;
        assert_eq!(problem["title"], "Values are wrong");
        assert_eq!(problem["detail"], "9 values are wrong");
        assert_eq!(problem["errors"][0]["detail"], "is set by the server");
        assert_eq!(problem["errors"][6]["detail"], "must be true or false, not a string");
        let problem = assert_invalid(server.post("/users", &json!({})).await, &["/name"]).await;
        assert_eq!(problem["detail"], "name is required");
        assert_eq!(parts(server.get("/users").await).await.1, json!([]));
        server.stop().await;
    }

    async fn each_rule_has_its_place(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        let deep = format!("/profile{}", "/a".repeat(16));
        let large: Value = (0..70)
            .map(|n| (format!("k{n}"), json!("x".repeat(1000))))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let cases = [
            (json!({ "name": 1 }), "/name"),
            (json!({ "name": ["Ana"] }), "/name"),
            (json!({ "name": " \u{a0}\u{2003}\u{200b}" }), "/name"),
            (json!({ "name": "Ana", "email": "" }), "/email"),
            (json!({ "name": "Ana", "email": 1 }), "/email"),
            (json!({ "name": "Ana", "active": 1 }), "/active"),
            (json!({ "name": "Ana", "external_id": "" }), "/external_id"),
            (json!({ "name": "Ana", "external_id": "x".repeat(257) }), "/external_id"),
            (json!({ "name": "Ana", "external_id": "a\u{7}" }), "/external_id"),
            (json!({ "name": "Ana", "profile": "x" }), "/profile"),
            (json!({ "name": "Ana", "profile": { "n": 9_007_199_254_740_992_u64 } }), "/profile/n"),
            (json!({ "name": "Ana", "profile": { "l": [0, { "n": -9.1e15 }] } }), "/profile/l/1/n"),
            (json!({ "name": "Ana", "profile": { "s": "a\u{0}" } }), "/profile/s"),
            (json!({ "name": "Ana", "profile": { "\u{0}": 1 } }), "/profile/\u{0}"),
            (json!({ "name": "Ana", "profile": nested(16) }), deep.as_str()),
            (json!({ "name": "Ana", "profile": large }), "/profile"),
            (json!({ "name": "Ana", "Name": "Ana" }), "/Name"),
            (json!({ "name": "Ana", "": 1 }), "/"),
            (json!({ "name": "Ana", "profile.a": 1 }), "/profile.a"),
        ];
        for (body, place) in cases {
            assert_invalid(server.post("/users", &body).await, &[place]).await;
            assert_invalid(server.put("/users/1", &body).await, &[place]).await;
            assert_invalid(server.patch("/users/1", &body).await, &[place]).await;
            let batch = json!({ "operations": [{ "op": "create", "body": body }] });
            let place = format!("/operations/0/body{place}");
            assert_invalid(server.post("/users/batch", &batch).await, &[&place]).await;
        }
        let at_the_edge = json!({ "name": "Bob", "email": null, "external_id": "é".repeat(256),
            "profile": { "n": 9_007_199_254_740_991_u64, "m": -9_007_199_254_740_991_i64, "d": nested(14) } });
        assert_eq!(server.create(&at_the_edge).await["profile"], at_the_edge["profile"]);
        assert_eq!(names(&server, "/users").await, ["Ana", "Bob"]);
        server.stop().await;
    }

    async fn what_is_not_json_is_told_from_wrong_values(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        let no_json: [&[u8]; 11] = [
            b"",
            b" ",
            b"{",
            b"{\"name\":\"a\"} x",
            b"\xef\xbb\xbf{\"name\":\"a\"}",
            b"{\"name\":\"\xff\"}",
            br#"{"name":"\ud800"}"#,
            br#"{"name":"a","profile":{"n":1e400}}"#,
            b"{'name':'a'}",
            b"{\"name\":\"a\",}",
            b"{\"name\":\"a\x01\"}",
        ];
        let values = [
            ("[]", ""),
            ("null", ""),
            ("1", ""),
            ("\"x\"", ""),
            (r#"{"name":"a","name":"a"}"#, "/name"),
            (r#"{"name":"a","\u006eame":"b"}"#, "/name"),
            (r#"{"name":"a","profile":{"l":[{"x/y":1,"x/y":2}]}}"#, "/profile/l/0/x~1y"),
        ];
        for (method, path) in [
            (Method::POST, "/users"),
            (Method::PUT, "/users/1"),
            (Method::PATCH, "/users/1"),
            (Method::POST, "/users/batch"),
        ] {
            for text in no_json {
                let response = send(&server, method.clone(), path, text).await;
                assert_eq!(response.status(), 400, "{method} {path} {}", text.escape_ascii());
                assert_problem(response, 400, "malformed").await;
            }
            let nested = "[".repeat(100_000);
            assert_problem(send(&server, method.clone(), path, nested).await, 400, "malformed").await;
            for (text, place) in values {
                assert_invalid(send(&server, method.clone(), path, text).await, &[place]).await;
            }
        }
        assert_eq!(names(&server, "/users").await, ["Ana"]);
        server.stop().await;
    }
}
