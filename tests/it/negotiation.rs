//! Media types in and out, and how large a body may be.

use std::net::SocketAddr;

use reqwest::{Body, Method, Response};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::asking::{field, places};
use crate::support::{ADMIN, Server, assert_problem, both, parts};

async fn accepting(server: &Server, method: Method, path: &str, accept: &str) -> Response {
    let request = server.request(method.clone(), path).header("accept", accept);
    let request = match method {
        Method::POST if path.ends_with("batch") => {
            request.json(&json!({ "operations": [{ "op": "create", "body": { "name": "x" } }] }))
        }
        Method::POST | Method::PUT | Method::PATCH => request.json(&json!({ "name": "x" })),
        _ => request,
    };
    request.send().await.unwrap()
}

both! {
    async fn the_client_chooses_the_form_of_a_list(engine) {
        const CSV: &str = "text/csv; charset=utf-8; header=present";
        let server = Server::start(engine).await;
        let cases = [
            ("*/*", "application/json"),
            ("application/json", "application/json"),
            ("APPLICATION/JSON", "application/json"),
            ("application/*", "application/json"),
            ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
            ("application/json;q=0.5, application/x-ndjson", "application/x-ndjson"),
            ("application/x-ndjson", "application/x-ndjson"),
            ("*/*, application/json;q=0", "application/x-ndjson"),
            ("text/csv", CSV),
            ("text/*", CSV),
            ("text/csv;q=0.1, image/png", CSV),
            ("text/csv; header=present; q=1, */*;q=0.2", CSV),
            ("application/json;q=0.3, text/csv;q=0.4,*/*;q=0.1", CSV),
            ("", "application/json"),
        ];
        for (accept, content_type) in cases {
            for path in ["/users", "/users?limit=1"] {
                let response = accepting(&server, Method::GET, path, accept).await;
                assert_eq!(
                    (response.status().as_u16(), field(&response, "content-type")),
                    (200, Some(content_type)),
                    "{accept}"
                );
                assert_eq!(field(&response, "vary"), Some("accept"));
            }
        }
        // Several lines are one list; none means that all is welcome.
        let request =
            server.request(Method::GET, "/users").header("accept", "image/png").header("accept", "text/csv");
        assert_eq!(field(&request.send().await.unwrap(), "content-type"), Some(CSV));
        for accept in [
            "text/html",
            "image/*",
            "application/json;q=0",
            "*/*;q=0",
            "text/html, application/xml;q=0.9",
            "json",
        ] {
            let problem = assert_problem(
                accepting(&server, Method::GET, "/users", accept).await,
                406,
                "not-acceptable",
            )
            .await;
            assert_eq!(places(&problem), ["accept"]);
            assert_eq!(
                problem["errors"][0]["detail"],
                "must allow one of application/json, application/x-ndjson, text/csv"
            );
        }
        server.stop().await;
    }

    async fn all_else_is_json_alone(engine) {
        let server = Server::start(engine).await;
        let made = server.create(&json!({ "name": "Ana" })).await;
        for (method, path) in [
            (Method::GET, "/users/1"),
            (Method::PUT, "/users/1"),
            (Method::PATCH, "/users/1"),
            (Method::POST, "/users"),
            (Method::POST, "/users/batch"),
            (Method::GET, "/changes"),
        ] {
            for accept in ["text/csv", "application/x-ndjson", "text/html", "application/json;q=0, text/*"] {
                let problem = assert_problem(
                    accepting(&server, method.clone(), path, accept).await,
                    406,
                    "not-acceptable",
                )
                .await;
                assert_eq!(
                    problem["errors"],
                    json!([{ "header": "accept", "detail": "must allow one of application/json" }])
                );
            }
        }
        // Nothing was done.
        assert_eq!(parts(server.get("/users/1").await).await, (200, made));
        assert_eq!(parts(server.get("/users").await).await.1.as_array().map(Vec::len), Some(1));
        server.stop().await;
    }

    async fn bodies_have_a_media_type(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        for (method, path) in [
            (Method::POST, "/users"),
            (Method::POST, "/users/batch"),
            (Method::PUT, "/users/1"),
            (Method::PATCH, "/users/1"),
        ] {
            let send = async |given: Option<&str>| {
                let request = server.request(method.clone(), path).body("{");
                let request =
                    given.into_iter().fold(request, |request, given| request.header("content-type", given));
                request.send().await.unwrap()
            };
            let patch = method == Method::PATCH;
            for given in [
                None,
                Some(""),
                Some("text/plain"),
                Some("application/x-www-form-urlencoded"),
                Some("application/jsonx"),
                Some("application/json-patch+json"),
                Some("application/merge-patch+json"),
            ] {
                let response = send(given).await;
                if patch && given == Some("application/merge-patch+json") {
                    assert_problem(response, 400, "malformed").await;
                    continue;
                }
                assert_eq!(response.status(), 415, "{method} {given:?}");
                let types = patch.then_some("application/merge-patch+json, application/json");
                assert_eq!(field(&response, "accept-patch"), types);
                assert_eq!(
                    places(&assert_problem(response, 415, "unsupported-media-type").await),
                    ["content-type"]
                );
            }
            let encoded = server.request(method.clone(), path).json(&json!({ "name": "x" }));
            for coding in ["gzip", "identity, br"] {
                let request = encoded.try_clone().unwrap().header("content-encoding", coding);
                let problem = assert_problem(request.send().await.unwrap(), 415, "unsupported-media-type").await;
                assert_eq!(places(&problem), ["content-encoding"]);
            }
            // Of the right type, the body is read, and found to be no JSON.
            for given in [
                "application/json",
                "Application/JSON",
                "application/json; charset=utf-8",
                "application/json ;x=y",
            ] {
                assert_problem(send(Some(given)).await, 400, "malformed").await;
            }
        }
        server.stop().await;
    }

    async fn bodies_have_a_largest_size(engine) {
        let server = Server::with(engine, &["--max-body-bytes", "2000"], roster::clock::Clock::System).await;
        let body = |size: usize| format!("{{\"name\":\"Ana\"{}}}", " ".repeat(size - 14));
        for (method, path) in [
            (Method::POST, "/users"),
            (Method::POST, "/users/batch"),
            (Method::PUT, "/users/1"),
            (Method::PATCH, "/users/1"),
        ] {
            // With a length, and in chunks without one.
            let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(body(2001))]);
            for large in [Body::from(body(2001)), Body::wrap_stream(chunks)] {
                let request = server.request(method.clone(), path).header("content-type", "application/json");
                let response = request.body(large).send().await.unwrap();
                let problem = assert_problem(response, 413, "too-large").await;
                assert_eq!(problem["detail"], "the body may have 2000 bytes at most");
            }
        }
        let request = server.request(Method::POST, "/users").header("content-type", "application/json");
        assert_eq!(request.body(body(2000)).send().await.unwrap().status(), 201);
        server.stop().await;
    }

    async fn the_largest_size_is_one_mebibyte(engine) {
        let server = Server::start(engine).await;
        let body = format!("{{\"name\":\"Ana\"{}}}", " ".repeat((1 << 20) - 14));
        let request = server.request(Method::POST, "/users").header("content-type", "application/json");
        assert_eq!(request.body(body).send().await.unwrap().status(), 201);
        // The length alone is enough to be refused: nothing of the body is sent.
        let address: SocketAddr = server.url.strip_prefix("http://").unwrap().parse().unwrap();
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = format!("POST /users HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 1048577\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("\"type\":\"urn:roster:problem:too-large\""), "{answer}");
        server.stop().await;
    }
}
