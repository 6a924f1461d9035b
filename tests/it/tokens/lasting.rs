//! Requests that last longer than the credential that began them.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::give;
use crate::asking::create_all;
use crate::postgres_server::PostgresServer;
use crate::support::{Program, Server, assert_problem, both, client, client_of, parts};

type Pieces = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// A body that comes as it is sent.
fn body() -> (Pieces, Body) {
    let (sender, mut receiver) = mpsc::channel(1);
    let body = Body::wrap_stream(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)));
    (sender, body)
}

both! {
    async fn a_revoked_token_gives_no_other_one(engine) {
        let server = Server::start(engine).await;
        let thief = client_of(give(&server, json!({ "name": "thief", "role": "admin" })).await["token"].as_str());
        for (path, text) in [("/tokens", r#"{"name":"next","role":"admin"}"#), ("/users", r#"{"name":"x"}"#)] {
            let token = give(&server, json!({ "name": "thief", "role": "admin" })).await;
            let thief = client_of(token["token"].as_str());
            let (pieces, body) = body();
            let request = thief.post(format!("{}{path}", server.url)).header("content-type", "application/json");
            let parked = tokio::spawn(request.body(body).send());
            pieces.send(Ok(Bytes::from_static(b" "))).await.unwrap();
            // The head was judged before the token is revoked.
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(server.delete(&format!("/tokens/{}", token["id"])).await.status(), 204);
            pieces.send(Ok(Bytes::from_static(text.as_bytes()))).await.unwrap();
            drop(pieces);
            assert_problem(parked.await.unwrap().unwrap(), 401, "invalid-token").await;
        }
        assert_eq!(thief.get(format!("{}/me", server.url)).send().await.unwrap().status(), 200);
        assert_eq!(parts(server.get("/users").await).await.1, json!([]));
        assert_eq!(parts(server.get("/tokens").await).await.1.as_array().unwrap().len(), 4);
        server.stop().await;
    }

    async fn an_import_ends_with_its_callers_token(engine) {
        let server = Server::start(engine).await;
        let token = give(&server, json!({ "name": "sync", "role": "writer" })).await;
        let (pieces, body) = body();
        let request = client_of(token["token"].as_str()).post(format!("{}/users/import", server.url));
        let parked = tokio::spawn(request.header("content-type", "application/x-ndjson").body(body).send());
        pieces.send(Ok(Bytes::from_static(b"{\"name\":\"a\"}\n"))).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(server.delete(&format!("/tokens/{}", token["id"])).await.status(), 204);
        let text = tokio::time::timeout(Duration::from_secs(8), async {
            parked.await.unwrap().unwrap().text().await.unwrap()
        });
        let text = text.await.expect("it goes on");
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((&last["complete"], &last["problem"]["status"]), (&json!(false), &json!(401)), "{text}");
        drop(pieces);
        server.stop().await;
    }

    async fn a_stream_ends_with_its_callers_token(engine) {
        let server = Server::start(engine).await;
        let profile = json!({ "text": "x".repeat(4000) });
        for batch in 0..30 {
            let users: Vec<Value> =
                (0..200).map(|user| json!({ "name": format!("{batch}-{user}"), "profile": profile })).collect();
            create_all(&server, &users).await;
        }
        let token = give(&server, json!({ "name": "slow", "role": "reader" })).await;
        let url = format!("{}/users?fields=profile", server.url);
        let mut list = client_of(token["token"].as_str()).get(url).send().await.unwrap();
        assert!(list.chunk().await.unwrap().is_some());
        assert_eq!(server.delete(&format!("/tokens/{}", token["id"])).await.status(), 204);
        // What was on its way comes; the rest does not, and the client can tell.
        let mut bytes = 0;
        let cut = loop {
            match list.chunk().await {
                Ok(Some(chunk)) => bytes += chunk.len(),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        assert!(cut && bytes < 20_000_000, "{bytes}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pool_under_load_makes_no_more_connections_than_it_has_room_for() {
    let postgres = PostgresServer::new();
    let server = Program::serve(&postgres.url("postgres"), &["--database-connections", "5"]).await;
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, url) = (client(), format!("{}/users?limit=1", server.url));
        load.spawn(async move {
            for _ in 0..50 {
                assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
            }
        });
    }
    while let Some(done) = load.join_next().await {
        done.unwrap();
    }
    let log = postgres.log();
    let connects = log.lines().filter(|line| line.contains("connection received")).count();
    // Five, one each for the probe and for tokens, and those of the start.
    println!("1000 requests by 20 clients made {connects} connections");
    assert!((3..20).contains(&connects), "{connects} connections");
}
