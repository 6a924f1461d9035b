//! Roster's own tokens: over HTTP, by the command, and across servers.

mod bootstrap;
mod lasting;
mod record;

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use roster::clock::Clock;
use serde_json::{Value, json};

use crate::commands::call;
use crate::support::{
    ADMIN, Database, Program, Server, assert_problem, both, client, client_of, eventually, next_link, parts,
    program,
};

/// Gives a token; returns it with its secret.
pub(crate) async fn give(server: &Server, body: Value) -> Value {
    let (status, given) = parts(server.post("/tokens", &body).await).await;
    assert_eq!(status, 201, "{given}");
    given
}

async fn status(url: &str, secret: &str) -> StatusCode {
    client_of(Some(secret)).get(format!("{url}/me")).send().await.unwrap().status()
}

both! {
    async fn a_token_is_given_changed_and_revoked(engine) {
        let server = Server::start(engine).await;
        let response = server.post("/tokens", &json!({ "name": "ci", "role": "reader" })).await;
        assert_eq!(response.headers()["location"], "/tokens/2");
        let (created, given) = parts(response).await;
        let secret = given["token"].as_str().unwrap();
        assert_eq!((created, &given["created_by"], secret.len()), (201, &json!("token:1"), 47));
        let caller = client_of(Some(secret));
        let me = parts(caller.get(format!("{}/me", server.url)).send().await.unwrap()).await.1;
        let known = json!({ "actor": { "kind": "token", "id": "2", "name": "ci" }, "role": "reader",
            "permissions": ["self:read", "users:read", "changes:read"], "expires_at": null });
        assert_eq!(me, known);

        let create = caller.post(format!("{}/users", server.url)).json(&json!({ "name": "Ana" }));
        assert_problem(create.try_clone().unwrap().send().await.unwrap(), 403, "forbidden").await;
        let (patched, shown) = parts(server.patch("/tokens/2", &json!({ "role": "writer", "name": "cd" })).await).await;
        assert_eq!((patched, &shown["role"], &shown["name"]), (200, &json!("writer"), &json!("cd")));
        // At once on the server that did it.
        assert_eq!(create.try_clone().unwrap().send().await.unwrap().status(), 201);

        assert_eq!(server.delete("/tokens/2").await.status(), 204);
        assert_problem(create.send().await.unwrap(), 401, "invalid-token").await;
        for gone in [server.delete("/tokens/2").await, server.get("/tokens/2").await] {
            assert_problem(gone, 404, "not-found").await;
        }
        assert_problem(server.patch("/tokens/2", &json!({ "name": "x" })).await, 404, "not-found").await;
        // The list shows it for good.
        let (_, all) = parts(server.get("/tokens").await).await;
        assert!(all[1]["revoked_at"].is_string() && all[1].get("token").is_none(), "{all}");
        assert!(!all.to_string().contains(secret) && !all.to_string().contains(ADMIN), "{all}");
        server.stop().await;
    }

    async fn tokens_are_listed_page_by_page(engine) {
        let server = Server::start(engine).await;
        for number in 0..7 {
            give(&server, json!({ "name": format!("t{number}"), "role": "reader" })).await;
        }
        let (mut path, mut seen) = (Some("/tokens?limit=3".to_owned()), Vec::new());
        while let Some(here) = path {
            let response = server.get(&here).await;
            path = next_link(&response);
            let page = parts(response).await.1;
            seen.extend(page.as_array().unwrap().iter().map(|token| token["id"].as_i64().unwrap()));
        }
        assert_eq!(seen, (1..=8).collect::<Vec<_>>());
        server.stop().await;
    }

    async fn wrong_bodies_are_told(engine) {
        let server = Server::start(engine).await;
        let wrong = [
            (json!({}), vec!["/name", "/role"]),
            (json!({ "name": "", "role": "root" }), vec!["/name", "/role"]),
            (json!({ "name": "a\nb", "role": 7 }), vec!["/name", "/role"]),
            (json!({ "name": " \u{3000} ", "role": "reader" }), vec!["/name"]),
            (json!({ "name": "x".repeat(101), "role": "reader", "expires_at": "soon" }), vec!["/name", "/expires_at"]),
            (json!({ "name": "x", "role": "reader", "expires_at": "2001-01-01T00:00:00Z" }), vec!["/expires_at"]),
            (json!({ "name": "x", "role": "reader", "hash": "0", "created_by": "me" }), vec!["/hash", "/created_by"]),
        ];
        for (body, places) in wrong {
            let problem = assert_problem(server.post("/tokens", &body).await, 422, "invalid").await;
            let found: Vec<&str> =
                problem["errors"].as_array().unwrap().iter().map(|one| one["pointer"].as_str().unwrap()).collect();
            assert_eq!(found, places, "{body}");
        }
        assert_problem(server.patch("/tokens/1", &json!({ "expires_at": null })).await, 422, "invalid").await;
        for (path, code, kind) in [("/tokens/x", 400, "malformed"), ("/tokens/99", 404, "not-found"),
            ("/tokens/99999999999999999999", 404, "not-found")] {
            assert_problem(server.get(path).await, code, kind).await;
            assert_problem(server.delete(path).await, code, kind).await;
        }
        let body = json!({ "name": "x", "role": "reader" });
        let request = server.request(reqwest::Method::POST, "/tokens").header("idempotency-key", "k").json(&body);
        assert_problem(request.send().await.unwrap(), 400, "malformed").await;
        assert_eq!(parts(server.get("/tokens").await).await.1.as_array().unwrap().len(), 1);
        server.stop().await;
    }

    async fn a_token_expires(engine) {
        let start = 1_893_456_000_000_000;
        let clock = Clock::fixed(start);
        let server = Server::with(engine, &[], clock.clone()).await;
        let given = give(&server, json!({ "name": "x", "role": "reader", "expires_at": "2030-01-01T00:00:10Z" })).await;
        let secret = given["token"].as_str().unwrap();
        let Clock::Fixed(time) = &clock else { unreachable!() };
        for (later, wanted) in [(0, 200), (9_999_999, 200), (10_000_000, 401), (11_000_000, 401)] {
            time.store(start + later, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(status(&server.url, secret).await, wanted, "{later}");
        }
        server.stop().await;
    }

    async fn a_use_is_noted_without_a_write_of_its_own(engine) {
        let server = Server::start(engine).await;
        let given = give(&server, json!({ "name": "x", "role": "reader" })).await;
        for _ in 0..20 {
            assert_eq!(status(&server.url, given["token"].as_str().unwrap()).await, 200);
        }
        assert!(parts(server.get("/tokens/2").await).await.1["last_used_at"].is_null());
        let database = server.database.clone();
        server.stop().await;
        let again = Server::on(database, &[], Clock::System).await;
        let (_, shown) = parts(again.get("/tokens/2").await).await;
        assert!(shown["last_used_at"].is_string(), "{shown}");
        let (_, feed) = parts(again.get("/changes").await).await;
        assert_eq!(feed["changes"].as_array().unwrap().len(), 2, "{feed}");
        again.stop().await;
    }

    async fn the_command_gives_lists_and_revokes(engine) {
        let database = Database::create(engine).await;
        let environment = [("ROSTER_DATABASE_URL", database.url.as_str())];
        let create = ["token", "create", "--name", "ci", "--role", "writer", "--expires", "90d"];
        call(&create, &environment).await.assert_refused("roster migrate");
        assert_eq!(call(&["migrate"], &environment).await.code, 0);
        let given = call(&create, &environment).await;
        assert_eq!(given.code, 0, "{given:?}");
        let secret = given.stdout.trim_end();
        assert!(secret.starts_with("rst_") && secret.len() == 47 && !given.stderr.contains(secret), "{given:?}");
        // A database that has a token is not new: the file is not asked.
        let server = Server::on(Arc::new(database), &[], Clock::System).await;
        assert_eq!((status(&server.url, secret).await, status(&server.url, ADMIN).await), (StatusCode::OK, StatusCode::UNAUTHORIZED));
        let environment = [("ROSTER_DATABASE_URL", server.database.url.as_str())];
        let listed = call(&["token", "list"], &environment).await;
        assert!(listed.code == 0 && listed.stdout.contains(" ci ") && listed.stdout.contains("command:token"), "{listed:?}");
        let listed = call(&["token", "list", "--json"], &environment).await;
        let token: Value = serde_json::from_str(listed.stdout.trim_end()).unwrap();
        assert_eq!((&token["id"], &token["role"], &token["revoked_at"]), (&json!(1), &json!("writer"), &Value::Null));
        let start = Instant::now();
        assert_eq!(call(&["token", "revoke", "1"], &environment).await.code, 0);
        eventually(Duration::from_secs(5), "refused", async || status(&server.url, secret).await == 401).await;
        println!("a revocation by the command acted after {:?}", start.elapsed());
        server.stop().await;
    }
}

#[tokio::test]
async fn wrong_commands_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("roster.db").display());
    let environment = [("ROSTER_DATABASE_URL", url.as_str())];
    assert_eq!(call(&["migrate"], &environment).await.code, 0);
    for (arguments, message) in [
        (
            &["token", "create", "--name", "", "--role", "reader"][..],
            "error: --name: must have 1 to 100 characters",
        ),
        (
            &["token", "create", "--name", "x", "--role", "root"],
            "error: --role: must be one of provisioner, reader, writer, admin",
        ),
        (
            &["token", "create", "--name", "x", "--role", "reader", "--expires", "90"],
            "error: --expires: must be a time such as 90d",
        ),
        (&["token", "create", "--name", "x"], "--role <ROLE>"),
        (&["token", "revoke", "7"], "error: there is no token 7"),
        (&["token"], "Usage: roster token <COMMAND>"),
    ] {
        let ended = call(arguments, &environment).await;
        assert!(ended.code == 2 && ended.stderr.contains(message), "{arguments:?}: {ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_and_a_role_act_on_every_server_within_five_seconds() {
    let database = Database::create(crate::support::Engine::Postgres).await;
    let (one, two) = (Program::serve(&database.url, &[]).await, Program::serve(&database.url, &[]).await);
    let admin = client();
    let body = json!({ "name": "x", "role": "reader" });
    let given = admin.post(format!("{}/tokens", one.url)).json(&body).send().await.unwrap();
    let given = parts(given).await.1;
    let caller = client_of(given["token"].as_str());
    let create = async |url: &str, name: &str| {
        let request = caller.post(format!("{url}/users")).json(&json!({ "name": name }));
        request.send().await.unwrap().status().as_u16()
    };
    // A token that is younger than a server's copy is good at once.
    assert_eq!(create(&two.url, "a").await, 403);
    let changed = Instant::now();
    let token = format!("{}/tokens/2", one.url);
    let patched = admin.patch(&token).json(&json!({ "role": "writer" })).send().await.unwrap();
    assert_eq!(patched.status(), 200);
    eventually(Duration::from_secs(5), "the role is there", async || create(&two.url, "b").await != 403)
        .await;
    println!("a role acted after {:?}", changed.elapsed());
    let revoked = Instant::now();
    assert_eq!(admin.delete(&token).send().await.unwrap().status(), 204);
    eventually(Duration::from_secs(5), "refused", async || create(&two.url, "c").await == 401).await;
    println!("a revocation acted after {:?}", revoked.elapsed());
    drop((one, two, program(&["version"])));
}
