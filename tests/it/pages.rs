//! Whole lists: walks from page to page, streams, counts and tags.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::Method;
use roster::clock::Clock;
use serde_json::{Value, json};

use crate::asking::{SETTLED, create_all, field, path, places};
use crate::support::{Server, assert_problem, both, eventually, next_link, parts};

const SORTS: [&str; 10] = [
    "id",
    "-id",
    "name",
    "-name",
    "email",
    "-email",
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
];

/// Follows the links from a first page to the end; gives the items of each page.
async fn walk(server: &Server, first: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(page) = next {
        let response = server.get(&page).await;
        next = next_link(&response);
        let (status, body) = parts(response).await;
        assert_eq!(status, 200, "{page}: {body}");
        pages.push(body.as_array().unwrap().clone());
        assert!(pages.len() < 1000, "a walk without an end");
    }
    pages
}

/// 23 users, three or five of which share each time and, in pairs, are without an e-mail address.
async fn crowd(server: &Server, time: &AtomicI64) -> Vec<Value> {
    for number in 0..23 {
        if number % 5 == 0 {
            time.fetch_add(7, Ordering::Relaxed);
        }
        let name = format!("{}{:02}", if number % 2 == 0 { "User " } else { "uSER " }, number * 7 % 23);
        let email = (number % 3 != 0).then(|| format!("{}@x", number * 5 % 23));
        server.create(&json!({ "name": name, "email": email })).await;
    }
    for (step, id) in [3, 9, 10, 22].into_iter().enumerate() {
        time.fetch_add(i64::from(step % 2 == 0), Ordering::Relaxed);
        assert_eq!(server.patch(&format!("/users/{id}"), &json!({ "active": false })).await.status(), 200);
    }
    let list = parts(server.get("/users?fields=created_at,updated_at").await).await.1;
    list.as_array().unwrap().clone()
}

/// The same users in the order that `sort` promises.
fn sorted(users: &[Value], sort: &str) -> Vec<Value> {
    let (name, descending) = sort.strip_prefix('-').map_or((sort, false), |name| (name, true));
    let mut users = users.to_vec();
    users.sort_by_key(|user| {
        let text = user[name].as_str().unwrap_or_default().to_lowercase();
        (text, user["id"].as_i64().unwrap())
    });
    if descending {
        users.reverse();
    }
    users
}

both! {
    async fn a_walk_shows_everybody_once_in_every_order(engine) {
        let time = Arc::new(AtomicI64::new(1_700_000_000_000_000));
        let server = Server::with(engine, &[], Clock::Fixed(time.clone())).await;
        let users = crowd(&server, &time).await;
        for sort in SORTS {
            let expected = sorted(&users, sort);
            let base = format!("/users?fields=created_at,updated_at&sort={sort}");
            assert_eq!(parts(server.get(&base).await).await.1, json!(expected), "{sort}");
            for limit in [1, 4, 22, 23, 24] {
                let pages = walk(&server, &format!("{base}&limit={limit}")).await;
                assert_eq!(pages.concat(), expected, "{sort} {limit}");
                // Full pages, and no empty one at the end.
                assert_eq!(pages.len(), 23_usize.div_ceil(limit), "{sort} {limit}");
                assert!(pages[..pages.len() - 1].iter().all(|page| page.len() == limit), "{sort} {limit}");
            }
        }
        server.stop().await;
    }

    async fn a_walk_keeps_to_its_filter(engine) {
        let time = Arc::new(AtomicI64::new(1_700_000_000_000_000));
        let server = Server::with(engine, &[], Clock::Fixed(time.clone())).await;
        let users = crowd(&server, &time).await;
        let expected: Vec<Value> =
            sorted(&users, "-email").into_iter().filter(|user| !user["email"].is_null()).collect();
        let first = path(
            "/users",
            &[
                ("filter", "email pr and name ne \"ü&=#\""),
                ("q", "user "),
                ("sort", "-email"),
                ("fields", "created_at,updated_at"),
                ("count", "exact"),
                ("limit", "4"),
            ],
        );
        let pages = walk(&server, &first).await;
        assert_eq!(pages.concat(), expected);
        // The count is that of the list, not of the page or of what is left.
        let response = server.get(&first).await;
        let link = next_link(&response).unwrap();
        let total = expected.len().to_string();
        assert_eq!(field(&response, "roster-total-count"), Some(total.as_str()));
        assert_eq!(field(&server.get(&link).await, "roster-total-count"), Some(total.as_str()));
        server.stop().await;
    }

    async fn a_cursor_belongs_to_its_list(engine) {
        let server = Server::start(engine).await;
        create_all(&server, &(0..6).map(|n| json!({ "name": format!("u{n}") })).collect::<Vec<_>>()).await;
        let link = next_link(&server.get("/users?sort=name&limit=2").await).unwrap();
        let cursor = link.rsplit_once("cursor=").unwrap().1;
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{cursor}");
        let foreign = [
            format!("cursor={cursor}"),
            format!("sort=-name&cursor={cursor}"),
            format!("sort=email&cursor={cursor}"),
            format!("sort=name&q=u&cursor={cursor}"),
            format!("sort=name&filter=active%20eq%20true&cursor={cursor}"),
            format!("sort=name&cursor={cursor}x"),
            format!("sort=name&cursor={}", &cursor[1..]),
            "cursor=".to_owned(),
            "cursor=x".to_owned(),
            "cursor=W10".to_owned(),
            "cursor=%FF".to_owned(),
            "cursor=null".to_owned(),
        ];
        for query in foreign {
            let response = server.get(&format!("/users?limit=2&{query}")).await;
            assert_eq!(response.status(), 400, "{query}");
            assert_eq!(places(&assert_problem(response, 400, "malformed").await), ["cursor"]);
        }
        // The limit, the attributes and the form may change on the way; without a limit the rest is streamed.
        let list =
            parts(server.get(&format!("/users?sort=name&limit=3&fields=active&cursor={cursor}")).await)
                .await
                .1;
        assert_eq!((list[0]["name"].as_str(), list.as_array().unwrap().len()), (Some("u2"), 3));
        let rest = server
            .request(Method::GET, &format!("/users?sort=name&cursor={cursor}"))
            .header("accept", "text/csv");
        let rest = rest.send().await.unwrap().text().await.unwrap();
        assert_eq!(rest, "id,name,email\r\n3,u2,\r\n4,u3,\r\n5,u4,\r\n6,u5,\r\n");
        // The user that a cursor stands behind may go.
        assert_eq!(server.delete("/users/2").await.status(), 204);
        assert_eq!(parts(server.get(&link).await).await.1[0]["name"], "u2");
        server.stop().await;
    }

    async fn a_stream_is_all_pages_in_the_order_of_ids(engine) {
        let server = Server::start(engine).await;
        for chunk in 0..5 {
            let users: Vec<Value> = (0..1000).map(|n| {
                let number = chunk * 1000 + n;
                json!({ "name": format!("Zoë \"{}\" {number}", number * 7919 % 5000), "email": (n % 7 != 0).then(|| format!("{number}@x")) })
            }).collect();
            create_all(&server, &users).await;
        }
        for query in ["", "fields=version,profile.a"] {
            let text = server.get(&format!("/users?{query}")).await.text().await.unwrap();
            let pages = walk(&server, &format!("/users?{query}&limit=999")).await;
            assert_eq!(pages.len(), 6);
            let users = pages.concat();
            assert_eq!(text, json!(users).to_string());
            let ids: Vec<i64> = users.iter().map(|user| user["id"].as_i64().unwrap()).collect();
            assert_eq!(ids, (1..=5000).collect::<Vec<_>>());
            let lines = server
                .request(Method::GET, &format!("/users?{query}"))
                .header("accept", "application/x-ndjson");
            let lines = lines.send().await.unwrap().text().await.unwrap();
            assert_eq!(
                lines.lines().collect::<Vec<_>>(),
                users.iter().map(Value::to_string).collect::<Vec<_>>()
            );
            assert!(lines.ends_with("}\n"));
        }
        let names = parts(server.get("/users?sort=-name").await).await.1;
        let walked = walk(&server, "/users?sort=-name&limit=1000").await.concat();
        assert_eq!(names, json!(walked));
        server.stop().await;
    }

    async fn a_list_has_a_weak_tag_that_changes_with_it(engine) {
        let server = Server::start(engine).await;
        let mut known: Vec<String> = Vec::new();
        for step in 0..4 {
            match step {
                0 => {}
                1 => drop(server.create(&json!({ "name": "Ana" })).await),
                2 => drop(server.patch("/users/1", &json!({ "active": false })).await),
                _ => drop(server.delete("/users/1").await),
            }
            for (path, accept) in [
                ("/users", "application/json"),
                ("/users", "text/csv"),
                ("/users?limit=1", "application/json"),
                ("/users?fields=active", "application/json"),
            ] {
                let get = |tags: &str| {
                    server
                        .request(Method::GET, path)
                        .header("accept", accept)
                        .header("if-none-match", tags.to_owned())
                        .send()
                };
                // Others use the database server too: while they write, a list has no tag, and is sent in full.
                eventually(SETTLED, "a list that is known is not sent again", async || {
                    let first = get("W/\"x\"").await.unwrap();
                    assert_eq!(first.status(), 200);
                    let Some(tag) = field(&first, "etag").map(str::to_owned) else { return false };
                    assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
                    let again = get(&format!("\"y\", {tag}")).await.unwrap();
                    if again.status() == 200 {
                        return false;
                    }
                    assert_eq!(again.status(), 304);
                    assert_eq!(field(&again, "etag"), Some(tag.as_str()));
                    assert_eq!(again.text().await.unwrap(), "");
                    assert!(!known.contains(&tag), "one tag for two lists: {path} {accept} in step {step}");
                    // A strong comparison would not do: the opaque part counts.
                    let strong = get(tag.strip_prefix("W/").unwrap()).await.unwrap();
                    assert!(strong.status() == 304 || field(&strong, "etag").is_none());
                    known.push(tag);
                    true
                })
                .await;
            }
        }
        // Everything that was known is out of date.
        let request = server.request(Method::GET, "/users").header("if-none-match", known[..12].join(", "));
        assert_eq!(request.send().await.unwrap().status(), 200);
        let response =
            server.request(Method::GET, "/users").header("if-none-match", "x").send().await.unwrap();
        assert_eq!(places(&assert_problem(response, 400, "malformed").await), ["if-none-match"]);
        server.stop().await;
    }
}
