//! `If-Match` and `If-None-Match` on single users.

use reqwest::{Method, Response};
use serde_json::json;

use crate::asking::{field, places};
use crate::support::{Server, assert_problem, both, parts};

const MALFORMED: [&str; 9] = ["", "2", "\"2", "2\"", "w/\"2\"", "W/2", "\"1\" \"2\"", "\"a b\"", ","];

async fn conditional(server: &Server, method: Method, name: &str, value: &str) -> Response {
    let request = server.request(method.clone(), "/users/1").header(name, value);
    let request = match method {
        // Neither changes anything, so the version stays.
        Method::PUT => request.json(&json!({ "name": "Eve" })),
        Method::PATCH => request.json(&json!({})),
        _ => request,
    };
    request.send().await.unwrap()
}

/// A user of version 2.
async fn prepared(server: &Server) {
    server.create(&json!({ "name": "Ana" })).await;
    assert_eq!(server.patch("/users/1", &json!({ "name": "Eve" })).await.status(), 200);
}

both! {
    async fn a_get_may_have_conditions(engine) {
        let server = Server::start(engine).await;
        prepared(&server).await;
        let cases = [
            ("if-match", "\"2\"", 200),
            ("if-match", "\"1\", \"2\"", 200),
            ("if-match", "\"x\",,\"2\"", 200),
            ("if-match", "*", 200),
            ("if-match", "\"1\"", 412),
            ("if-match", "W/\"2\"", 412),
            ("if-match", "\"\"", 412),
            ("if-none-match", "\"2\"", 304),
            ("if-none-match", "W/\"2\"", 304),
            ("if-none-match", "*", 304),
            ("if-none-match", "\"1\", W/\"2\"", 304),
            ("if-none-match", "\"1\"", 200),
            ("if-none-match", "W/\"1\"", 200),
        ];
        for (name, value, status) in cases {
            for method in [Method::GET, Method::HEAD] {
                let response = conditional(&server, method.clone(), name, value).await;
                assert_eq!(response.status(), status, "{method} {name}: {value}");
                assert_eq!(field(&response, "etag"), (status < 400).then_some("\"2\""));
                if status == 304 {
                    assert_eq!(response.text().await.unwrap(), "");
                } else if status == 412 && method == Method::GET {
                    assert_problem(response, 412, "precondition-failed").await;
                }
            }
        }
        // Several lines are one list.
        let request = server.request(Method::GET, "/users/1");
        let response =
            request.header("if-none-match", "\"1\"").header("if-none-match", "\"2\"").send().await.unwrap();
        assert_eq!(response.status(), 304);
        server.stop().await;
    }

    async fn a_malformed_condition_is_refused(engine) {
        let server = Server::start(engine).await;
        prepared(&server).await;
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            for name in ["if-match", "if-none-match"] {
                for value in MALFORMED {
                    let response = conditional(&server, method.clone(), name, value).await;
                    assert_eq!(response.status(), 400, "{method} {name}: {value}");
                    assert_eq!(places(&assert_problem(response, 400, "malformed").await), [name]);
                }
            }
        }
        assert_eq!(server.get("/users/1").await.status(), 200);
        server.stop().await;
    }

    async fn a_change_may_have_conditions(engine) {
        let server = Server::start(engine).await;
        prepared(&server).await;
        let refused = [
            ("if-match", "\"1\""),
            ("if-match", "\"3\""),
            ("if-match", "W/\"2\""),
            ("if-match", "\"1\", W/\"2\""),
            ("if-none-match", "\"2\""),
            ("if-none-match", "W/\"2\""),
            ("if-none-match", "*"),
            ("if-none-match", "\"1\", \"2\""),
        ];
        let allowed = [
            ("if-match", "\"2\""),
            ("if-match", "\"1\", \"2\""),
            ("if-match", "*"),
            ("if-none-match", "\"1\""),
            ("if-none-match", "W/\"1\", \"3\""),
        ];
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            for (name, value) in refused {
                let response = conditional(&server, method.clone(), name, value).await;
                assert_eq!(response.status(), 412, "{method} {name}: {value}");
                assert_problem(response, 412, "precondition-failed").await;
            }
        }
        for (name, value) in allowed {
            for method in [Method::PUT, Method::PATCH] {
                let response = conditional(&server, method.clone(), name, value).await;
                assert_eq!(response.status(), 200, "{method} {name}: {value}");
                assert_eq!(field(&response, "etag"), Some("\"2\""));
            }
        }
        assert_eq!(conditional(&server, Method::DELETE, "if-match", "\"2\"").await.status(), 204);
        // Nobody is there any more, whatever the condition.
        for (name, value) in [("if-match", "*"), ("if-match", "\"2\""), ("if-none-match", "*")] {
            for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
                assert_problem(conditional(&server, method, name, value).await, 404, "not-found").await;
            }
        }
        server.stop().await;
    }

    async fn of_two_writers_with_one_version_one_wins(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        for version in 1..=5 {
            let write = async |value: u32| {
                let request =
                    server.request(Method::PATCH, "/users/1").header("if-match", format!("\"{version}\""));
                let response =
                    request.json(&json!({ "profile": { "by": value, "of": version } })).send().await.unwrap();
                parts(response).await
            };
            let outcomes = tokio::join!(write(1), write(2), write(3));
            let outcomes = [outcomes.0, outcomes.1, outcomes.2];
            let won: Vec<_> = outcomes.iter().filter(|(status, _)| *status == 200).collect();
            assert_eq!(won.len(), 1, "{outcomes:?}");
            assert_eq!(outcomes.iter().filter(|(status, _)| *status == 412).count(), 2, "{outcomes:?}");
            assert_eq!(parts(server.get("/users/1").await).await.1, won[0].1);
        }
        server.stop().await;
    }
}
