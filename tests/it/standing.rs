//! The place in the feed where a list stands.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::asking::{SETTLED, create_all, field, of_user};
use crate::support::{Server, both, eventually, parts};

both! {
    async fn the_feed_goes_on_where_a_list_stands(engine) {
        let server = Server::start(engine).await;
        create_all(&server, &(0..40).map(|n| json!({ "name": format!("u{n}") })).collect::<Vec<_>>()).await;
        let write = async {
            for n in 0..40 {
                server.create(&json!({ "name": format!("new{n}") })).await;
                server.patch(&format!("/users/{}", n + 1), &json!({ "email": format!("{n}@x") })).await;
                if n % 3 == 0 {
                    server.delete(&format!("/users/{}", n + 1)).await;
                }
            }
            server.create(&json!({ "name": "last" })).await;
        };
        let read = async {
            let mut lists = Vec::new();
            for _ in 0..15 {
                let response = server.get("/users").await;
                let position = field(&response, "roster-position").unwrap().to_owned();
                lists.push((position, parts(response).await.1));
            }
            lists
        };
        let ((), lists) = tokio::join!(write, read);
        let now = by_id(&parts(server.get("/users").await).await.1);
        for (position, list) in lists {
            follow(&server, position, by_id(&list), &now).await;
        }
        server.stop().await;
    }
}

fn by_id(list: &Value) -> BTreeMap<i64, Value> {
    list.as_array().unwrap().iter().map(|user| (user["id"].as_i64().unwrap(), user.clone())).collect()
}

/// Brings a list up to date from the feed alone. A missing entry leaves it behind for ever.
async fn follow(
    server: &Server,
    position: String,
    mut users: BTreeMap<i64, Value>,
    now: &BTreeMap<i64, Value>,
) {
    let mut place = position;
    eventually(SETTLED, "a list that follows the feed becomes the list of now", async || {
        let (status, page) = parts(server.get(&format!("/changes?limit=7&after={place}")).await).await;
        assert_eq!(status, 200, "{page}");
        for entry in page["changes"].as_array().unwrap().iter().filter(|entry| of_user(entry)) {
            let id = entry["subject"]["id"].as_i64().unwrap();
            if entry["action"] == "user.deleted" {
                users.remove(&id);
                continue;
            }
            let user = users.entry(id).or_insert_with(|| json!({ "id": id, "name": null, "email": null }));
            for (name, value) in entry["change"]["after"].as_object().unwrap() {
                if user.get(name).is_some() {
                    user[name] = value.clone();
                }
            }
        }
        page["next"].as_str().unwrap().clone_into(&mut place);
        page["more"] == false && users == *now
    })
    .await;
}
