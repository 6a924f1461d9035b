//! What is the same on every path: unknown paths and methods, `HEAD`, the contract and its page, read-only service.

use std::collections::BTreeMap;

use reqwest::{Method, Response};
use roster::clock::Clock;
use serde_json::json;

use crate::asking::{field, names, send};
use crate::raw::Connection;
use crate::support::{Engine, Server, assert_problem, both, parts};

/// The head of an answer, less what names the single exchange.
fn head(response: &Response) -> (u16, BTreeMap<String, String>) {
    let mut headers: BTreeMap<String, String> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    for name in ["date", "x-request-id", "traceparent"] {
        headers.remove(name);
    }
    (response.status().as_u16(), headers)
}

/// RFC 9112 section 3.2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_field_is_asked_of_http_1_1_and_must_name_a_host() {
    let server = Server::start(Engine::Sqlite).await;
    for (version, host, status) in [
        ("1.0", "", 200),
        ("1.1", "", 400),
        ("1.1", "Host: people.example:8080\r\n", 200),
        ("1.1", "Host: [::1]:8080\r\n", 200),
        ("1.1", "Host:\r\n", 200),
        ("1.1", "Host: a b\r\n", 400),
        ("1.1", "Host: a/b\r\n", 400),
        ("1.1", "Host: ana@people.example\r\n", 400),
        ("1.0", "Host: a/b\r\n", 400),
        ("1.1", "Host: a\r\nHost: a\r\n", 400),
        ("1.0", "Host: a\r\nHost: a\r\n", 400),
    ] {
        let mut connection = Connection::open(&server.url).await.unwrap();
        connection.send(&format!("GET /openapi.json HTTP/{version}\r\n{host}\r\n")).await.unwrap();
        let answer = connection.answer().await.unwrap();
        assert_eq!(answer.status, status, "{version} {host:?}: {answer:?}");
    }
    server.stop().await;
}

/// No handler sees what is no request: docs/api-design.md names this exception.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_none_is_answered_without_a_body() {
    let server = Server::start(Engine::Sqlite).await;
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "x: y\r\n".repeat(200));
    for (head, status) in [("no request\r\n\r\n", 400), ("GET / HTTP/1.1\r\n: x\r\n\r\n", 400), (&large, 431)]
    {
        let mut connection = Connection::open(&server.url).await.unwrap();
        connection.send(head).await.unwrap();
        let answer = connection.answer().await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{answer:?}");
    }
    server.stop().await;
}

both! {
    async fn an_unknown_path_is_a_problem(engine) {
        let server = Server::start(engine).await;
        for path in [
            "/nope",
            "/users/",
            "/users/1/",
            "/users/1/groups",
            "//users",
            "/Users",
            "/USERS/1",
            "/users/batch/1",
            "/docs/",
            "/%FF",
            "/metrics",
            "/livez",
            "/readyz",
            "/favicon.ico",
            "/..%2f..%2fetc%2fpasswd",
            "/users%2F1",
        ] {
            for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS] {
                let response = server.request(method.clone(), path).send().await.unwrap();
                assert_eq!(response.status(), 404, "{method} {path}");
                assert_eq!(field(&response, "cache-control"), Some("no-store"));
                let problem = assert_problem(response, 404, "no-such-path").await;
                assert_eq!(
                    problem,
                    json!({ "type": "urn:roster:problem:no-such-path", "title": "There is no such path",
                    "status": 404, "detail": "there is no such path" })
                );
            }
        }
        server.stop().await;
    }

    async fn a_wrong_method_is_told_the_right_ones(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        let paths = [
            ("/", "GET HEAD"),
            ("/users", "GET HEAD POST"),
            ("/users/batch", "POST"),
            ("/users/1", "DELETE GET HEAD PATCH PUT"),
            ("/users/x", "DELETE GET HEAD PATCH PUT"),
            ("/changes", "GET HEAD"),
            ("/openapi.json", "GET HEAD"),
            ("/docs", "GET HEAD"),
        ];
        for (path, allowed) in paths {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"] {
                if allowed.split(' ').any(|known| known == method) {
                    continue;
                }
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let response = server.request(method.clone(), path).send().await.unwrap();
                assert_eq!(response.status(), 405, "{method} {path}");
                let mut allow: Vec<&str> =
                    field(&response, "allow").unwrap().split(',').map(str::trim).collect();
                allow.sort_unstable();
                assert_eq!(allow.join(" "), allowed, "{method} {path}");
                let problem = assert_problem(response, 405, "method-not-allowed").await;
                assert_eq!(problem["detail"], format!("{method} is not allowed here"));
            }
        }
        assert_eq!(names(&server, "/users").await, ["Ana"]);
        server.stop().await;
    }

    async fn a_head_is_a_get_without_its_body(engine) {
        let server = Server::with(engine, &[], Clock::fixed(1_700_000_000_000_000)).await;
        server.create(&json!({ "name": "Ana" })).await;
        server.create(&json!({ "name": "Bob" })).await;
        for path in [
            "/",
            "/users/1",
            "/users/9",
            "/users/x",
            "/users?limit=1&count=exact",
            "/users?fields=active",
            "/users?limit=0",
            "/changes?limit=0",
            "/openapi.json",
            "/docs",
            "/nope",
        ] {
            let (status, mut wanted) = head(&server.get(path).await);
            let response = server.request(Method::HEAD, path).send().await.unwrap();
            let (found, mut headers) = head(&response);
            // These may differ on lists while others write to the database server.
            for name in ["etag", "roster-position"].into_iter().filter(|_| path.starts_with("/users?")) {
                assert_eq!(
                    wanted.remove(name).is_some() && name != "etag",
                    headers.remove(name).is_some() && name != "etag"
                );
            }
            assert_eq!((found, headers), (status, wanted), "{path}");
            assert_eq!(response.text().await.unwrap(), "", "{path}");
        }
        server.stop().await;
    }

    async fn every_answer_names_its_request(engine) {
        let server = Server::start(engine).await;
        let mut seen = Vec::new();
        for path in ["/users", "/users/1", "/nope", "/users?x=1", "/docs"] {
            let response = server.get(path).await;
            seen.push(field(&response, "x-request-id").unwrap().to_owned());
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 5);
        server.stop().await;
    }

    async fn a_browser_finds_the_reference(engine) {
        let server = Server::start(engine).await;
        let root = server.get("/").await;
        assert_eq!((root.status().as_u16(), field(&root, "location")), (307, Some("/docs")));
        let page = server.get("/docs").await;
        assert_eq!(
            (page.status().as_u16(), field(&page, "content-type")),
            (200, Some("text/html; charset=utf-8"))
        );
        assert_eq!(field(&page, "x-content-type-options"), Some("nosniff"));
        assert_eq!(field(&page, "referrer-policy"), Some("no-referrer"));
        let policy = field(&page, "content-security-policy").unwrap().to_owned();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'), "{policy}");
        let tag = field(&page, "etag").unwrap().to_owned();
        let text = page.text().await.unwrap();
        assert!(
            text.starts_with("<!doctype html>") || text.starts_with("<!DOCTYPE html>"),
            "{}",
            &text[..50]
        );
        // Nothing is fetched from elsewhere; the icon is an empty one.
        let text = text.replace("<link rel=\"icon\" href=\"data:,\">", "");
        for part in [" src=", "<link", "@import", "url("] {
            assert!(!text.contains(part), "{part}");
        }
        let known = server.request(Method::GET, "/docs").header("if-none-match", &tag).send().await.unwrap();
        assert_eq!((known.status().as_u16(), field(&known, "etag")), (304, Some(tag.as_str())));
        server.stop().await;
    }

    async fn the_contract_is_served_with_a_tag(engine) {
        let server = Server::start(engine).await;
        let response = server.get("/openapi.json").await;
        assert_eq!(
            (response.status().as_u16(), field(&response, "content-type")),
            (200, Some("application/json"))
        );
        let tag = field(&response, "etag").unwrap().to_owned();
        assert!(tag.starts_with('"'), "{tag}");
        let (_, contract) = parts(response).await;
        assert!(contract["openapi"].as_str().unwrap().starts_with("3.1."));
        // It describes every path that there is.
        let mut paths: Vec<&String> = contract["paths"].as_object().unwrap().keys().collect();
        paths.sort_unstable();
        assert_eq!(
            paths,
            ["/", "/changes", "/docs", "/me", "/openapi.json", "/tokens", "/tokens/{id}", "/users", "/users/batch", "/users/import", "/users/{id}"]
        );
        for (tags, status) in [
            (tag.clone(), 304),
            (format!("W/{tag}"), 304),
            ("*".to_owned(), 304),
            (format!("\"x\", {tag}"), 304),
            ("\"x\"".to_owned(), 200),
            ("x".to_owned(), 400),
        ] {
            let response = server
                .request(Method::GET, "/openapi.json")
                .header("if-none-match", &tags)
                .send()
                .await
                .unwrap();
            assert_eq!(response.status(), status, "{tags}");
            assert_eq!(response.text().await.unwrap().is_empty(), status == 304);
        }
        server.stop().await;
    }

    async fn a_read_only_service_refuses_writes_alone(engine) {
        let writer = Server::start(engine).await;
        let made = writer.create(&json!({ "name": "Ana" })).await;
        let server = Server::on(writer.database.clone(), &["--read-only=true"], Clock::System).await;
        let batch = json!({ "operations": [{ "op": "delete", "id": 1 }] });
        for (method, path, body) in [
            (Method::POST, "/users", json!({ "name": "Bob" })),
            (Method::PUT, "/users/1", json!({ "name": "Bob" })),
            (Method::PATCH, "/users/1", json!({ "name": "Bob" })),
            (Method::DELETE, "/users/1", json!({})),
            (Method::POST, "/users/batch", batch),
        ] {
            let response = send(&server, method.clone(), path, body.to_string()).await;
            assert_eq!(response.status(), 503, "{method} {path}");
            assert_eq!(field(&response, "retry-after"), Some("5"));
            assert_problem(response, 503, "read-only").await;
        }
        assert_eq!(parts(server.get("/users/1").await).await, (200, made));
        assert_eq!(names(&server, "/users").await, ["Ana"]);
        assert_eq!(server.get("/changes").await.status(), 200);
        // It shows what others write.
        writer.patch("/users/1", &json!({ "name": "Eve" })).await;
        assert_eq!(names(&server, "/users?limit=1&q=eve").await, ["Eve"]);
        server.stop().await;
        writer.stop().await;
    }
}
