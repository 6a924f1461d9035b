//! `POST /users/import`.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Body, Method};
use roster::clock::Clock;
use serde_json::{Value, json};

use super::numbered;
use crate::support::{Engine, Server, assert_problem, both, eventually};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn send(server: &Server, query: &str, kind: &str, body: impl Into<Body>) -> reqwest::Response {
    let request = server.request(Method::POST, &format!("/users/import{query}"));
    request.header("content-type", kind).body(body).send().await.unwrap()
}

/// The lines of an answer that went well.
async fn report(response: reqwest::Response) -> Vec<Value> {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    lines(&response.text().await.unwrap())
}

both! {
    async fn rows_come_in_and_are_told(engine) {
        let server = Server::start(engine).await;
        let text = "Login,Mail\nada,a@example.com\nbob,A@example.com\ncy,c@example.com\n";
        let told = report(send(&server, "?map=Login%3Dname,Mail%3Demail", "text/csv; charset=utf-8", text).await).await;
        assert_eq!(told[0]["errors"], json!([{ "pointer": "/email", "detail": "is taken by another user" }]));
        assert_eq!((&told[0]["type"], &told[0]["line"]), (&json!("refused"), &json!(3)));
        let end = json!({ "rows": 3, "created": 2, "updated": 0, "unchanged": 0, "refused": 1, "commits": 1,
            "complete": true, "type": "end" });
        assert_eq!(told[1..], [end]);
        let array = r#"[{"name":"ADA","active":false},{"name":"dan"}]"#;
        let told = report(send(&server, "?dry_run=true", "application/json", array).await).await;
        assert_eq!((&told[0]["type"], &told[0]["change"]["after"]["active"]), (&json!("change"), &json!(false)));
        assert_eq!((&told[1]["created"], &told[1]["commits"]), (&json!(1), &json!(0)));
        let many: Vec<String> = (0..2500).map(|number| format!("{{\"name\":\"n{number}\"}}\n{{}}")).collect();
        let told = report(send(&server, "", "application/x-ndjson", many.join("\n")).await).await;
        assert_eq!(told.len(), 1001, "refused rows are listed up to a number");
        assert_eq!((&told[1000]["created"], &told[1000]["refused"]), (&json!(2500), &json!(2500)));
        server.stop().await;
    }

    async fn an_answer_that_has_begun_ends_with_what_went_wrong(engine) {
        let server = Server::start(engine).await;
        for (query, refused) in [("", 1200), ("?dry_run=true", 1), ("?dry_run=true", 1200)] {
            let text = format!("[{}", "{\"name\":1},".repeat(refused));
            let told = report(send(&server, query, "application/json", text).await).await;
            let (last, rest) = told.split_last().unwrap();
            assert_eq!(rest.len(), refused.min(1000));
            assert_eq!((&last["type"], &last["complete"]), (&json!("end"), &json!(false)), "{query} {last}");
            assert_eq!(last["problem"]["status"], 400, "{last}");
        }
        // Nothing of it is lost where the rows are long, but for the list.
        let columns = (0..1000).map(|number| format!(",profile.c{number}")).collect::<Vec<_>>().concat();
        let row = [&b"a"[..], &b",\xff".repeat(1000), b"\n"].concat();
        let table = [format!("name{columns}\n").into_bytes(), row.repeat(500)].concat();
        let response = send(&server, "", "text/csv", table).await;
        let text = response.text().await.unwrap();
        let told = lines(&text);
        assert!(text.len() < 2 << 20 && told.len() > 10, "{} bytes in {} lines", text.len(), told.len());
        let end = told.last().unwrap();
        assert_eq!((&end["refused"], &end["complete"]), (&json!(500), &json!(true)));
        server.stop().await;
    }

    async fn what_is_wrong_at_once_has_a_status(engine) {
        let server = Server::start(engine).await;
        for (query, kind, text, status, slug) in [
            ("", "text/plain", "name\nx\n", 415, "unsupported-media-type"),
            ("?key=shoe", "text/csv", "name\nx\n", 422, "invalid"),
            ("?strict=1", "text/csv", "name\nx\n", 422, "invalid"),
            ("?strict=true&dry_run=true", "text/csv", "name\nx\n", 422, "invalid"),
            ("?map=x", "text/csv", "name\nx\n", 422, "invalid"),
            ("?shoe=1", "text/csv", "name\nx\n", 422, "invalid"),
            ("", "text/csv", "shoe\nx\n", 400, "malformed"),
            ("", "text/csv", "", 400, "malformed"),
            ("", "application/json", "{}", 400, "malformed"),
            ("?strict=true", "text/csv", "name,active\nada,true\nbob,what\n", 422, "invalid"),
        ] {
            let problem = assert_problem(send(&server, query, kind, text).await, status, slug).await;
            assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
        }
        let large = vec![b'\n'; 2 << 20];
        assert_problem(send(&server, "?strict=true", "text/csv", large).await, 413, "too-large").await;
        assert_eq!(server.get("/users").await.text().await.unwrap(), "[]");
        server.stop().await;
    }

    async fn it_is_read_while_it_comes(engine) {
        let server = Server::start(engine).await;
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let mut receiver = receiver;
        let body = Body::wrap_stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)));
        let answer = tokio::spawn(
            server.request(Method::POST, "/users/import").header("content-type", "text/csv").body(body).send(),
        );
        sender.send(Ok(Bytes::from(numbered(2500, "x")))).await.unwrap();
        let count = async || {
            let response = server.get("/users?limit=1&count=exact").await;
            response.headers()["roster-total-count"].to_str().unwrap().parse::<u64>().unwrap()
        };
        eventually(Duration::from_secs(20), "two batches are there", async || count().await >= 2000).await;
        // The client goes away: what was committed stays, and there is nothing else.
        answer.abort();
        drop(sender);
        let _ = answer.await;
        eventually(Duration::from_secs(20), "a whole number of rows", async || count().await <= 2500).await;
        let told = report(send(&server, "", "text/csv", numbered(2500, "x")).await).await;
        assert_eq!((&told[0]["rows"], &told[0]["complete"]), (&json!(2500), &json!(true)));
        assert_eq!(count().await, 2500);
        server.stop().await;
    }

    async fn a_slow_client_still_hears_what_is_wrong(engine) {
        let server = Server::with(engine, &["--request-timeout", "3s"], Clock::System).await;
        for (pieces, late, status, slug) in [
            (&["shoe\n", "x\n"][..], 400, 400, "malformed"),
            (&["na", "me\n"], 60_000, 408, "request-timeout"),
        ] {
            // The first piece comes after more than half of the time.
            let (sender, mut receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(4);
            let body = Body::wrap_stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)));
            let request = server.request(Method::POST, "/users/import").header("content-type", "text/csv");
            let answer = tokio::spawn(request.body(body).send());
            tokio::time::sleep(Duration::from_millis(1700)).await;
            for piece in pieces {
                sender.send(Ok(Bytes::from_static(piece.as_bytes()))).await.unwrap();
            }
            let ended = tokio::time::timeout(Duration::from_millis(late), answer).await;
            let response = ended.unwrap().unwrap().unwrap();
            if status == 400 {
                assert_problem(response, status, slug).await;
                continue;
            }
            // By then the answer has begun.
            let told = report(response).await;
            let problem = &told.last().unwrap()["problem"];
            assert_eq!(problem["status"], status, "{problem}");
            assert_eq!(problem["type"], format!("urn:roster:problem:{slug}"));
            drop(sender);
        }
        server.stop().await;
    }

    async fn a_server_that_ends_says_so(engine) {
        let mut server = Server::start(engine).await;
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let body = Body::wrap_stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)));
        let request = server.request(Method::POST, "/users/import").header("content-type", "text/csv").body(body);
        let answer = tokio::spawn(async move { request.send().await.unwrap().text().await });
        sender.send(Ok(Bytes::from(numbered(1500, "x")))).await.unwrap();
        let response = async || server.get("/users?limit=1&count=exact").await.headers()["roster-total-count"].clone();
        eventually(Duration::from_secs(20), "a batch is there", async || response().await != "0").await;
        let service = server.service.take().unwrap();
        service.stop();
        let told = tokio::time::timeout(Duration::from_secs(10), answer).await.unwrap().unwrap().unwrap();
        let told = lines(&told);
        let end = told.last().unwrap();
        assert_eq!((&end["type"], &end["complete"], &end["rows"]), (&json!("end"), &json!(false), &json!(1000)));
        drop(sender);
        service.ended().await;
    }
}

#[tokio::test]
async fn a_server_that_takes_no_writes_refuses_it() {
    let database = std::sync::Arc::new(crate::support::Database::create(Engine::Sqlite).await);
    Server::on(database.clone(), &[], Clock::System).await.stop().await;
    let server = Server::on(database, &["--read-only=true"], Clock::System).await;
    assert_problem(send(&server, "", "text/csv", "name\nx\n").await, 503, "read-only").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_transaction_does_not_wait_for_another_for_long() {
    let server = Server::with(Engine::Postgres, &["--request-timeout", "4"], Clock::System).await;
    let other = server.database.store().await;
    let running = other.begin_import(false, None).await.unwrap();
    let waiting = send(&server, "?strict=true", "text/csv", "name\nada\n").await;
    assert_problem(waiting, 503, "unavailable").await;
    assert_eq!(server.get("/users").await.status(), 200);
    running.undo().await;
    let told = report(send(&server, "?strict=true", "text/csv", "name\nada\n").await).await;
    assert_eq!(told.last().unwrap()["created"], 1);
    other.close().await;
    server.stop().await;
}
