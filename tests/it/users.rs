//! One user at a time: create, get, replace, patch, delete.

use serde_json::json;

use crate::support::{Server, assert_problem, both, parts};

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
}
