//! What a list of users shows: the contract of the first version, attributes, search, filters, parameters.

use reqwest::Method;
use serde_json::{Value, json};

use crate::asking::{assert_invalid, create_all, field, names, path, places};
use crate::support::{Server, assert_problem, both, parts};

async fn text(server: &Server, path: &str, accept: &str) -> String {
    let response = server.request(Method::GET, path).header("accept", accept).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

async fn people(server: &Server) {
    create_all(server, &[
        json!({ "name": "Ana", "email": "zoe@example.com", "external_id": "x1", "profile": { "title": "Lead", "age": 41 } }),
        json!({ "name": "\u{c1}ngel", "active": false, "profile": { "title": "lead", "tags": ["a", "b"], "boss": { "id": 1 } } }),
        json!({ "name": "Ольга", "email": "olga@example.com", "profile": { "age": 7.5, "title": null } }),
        json!({ "name": "山田太郎", "email": "yamada@例え.jp" }),
        json!({ "name": "100%_Straße", "external_id": "X1", "profile": { "a.b": 1 } }),
        json!({ "name": "O'Neil \"the\\one\"", "email": "o'neil@example.com", "active": false }),
    ]).await;
}

both! {
    async fn an_item_is_what_it_was_in_the_first_version(engine) {
        let server = Server::start(engine).await;
        for accept in ["*/*", "application/json"] {
            assert_eq!(text(&server, "/users", accept).await, "[]");
        }
        create_all(&server, &[
            json!({ "name": "Ana \"q\" \\ </x>", "email": "ana@example.com", "active": false, "profile": { "a": 1 } }),
            json!({ "name": "Zoë 😀" }),
        ]).await;
        let expected = r#"[{"id":1,"name":"Ana \"q\" \\ </x>","email":"ana@example.com"},{"id":2,"name":"Zoë 😀","email":null}]"#;
        let response = server.get("/users").await;
        assert_eq!(field(&response, "content-type"), Some("application/json"));
        assert_eq!(field(&response, "cache-control"), Some("private, no-cache"));
        assert_eq!(field(&response, "vary"), Some("accept"));
        assert_eq!(field(&response, "link"), None);
        assert_eq!(field(&response, "roster-total-count"), None);
        assert!(field(&response, "roster-position").is_some());
        assert_eq!(response.text().await.unwrap(), expected);
        assert_eq!(text(&server, "/users?limit=1000", "*/*").await, expected);
        assert_eq!(text(&server, "/users?fields=id,name,email,name", "*/*").await, expected);
        server.stop().await;
    }

    async fn fields_are_added_to_the_three(engine) {
        let server = Server::start(engine).await;
        let made = server
            .create(&json!({ "name": "Ana", "email": "a@x", "external_id": "7",
            "profile": { "a": { "b": [1, { "c": null }], "d": false }, "n": null, "é": "ü" } }))
            .await;
        let cases = [
            ("active,version", r#","active":true,"version":1"#),
            ("version,active,version", r#","version":1,"active":true"#),
            ("external_id,name", r#","external_id":"7""#),
            ("profile", r#","profile":{"a":{"b":[1,{"c":null}],"d":false},"n":null,"é":"ü"}"#),
            ("profile.a.b", r#","profile":{"a":{"b":[1,{"c":null}]}}"#),
            ("profile.a.d,active,profile.é", r#","profile":{"a":{"d":false},"é":"ü"},"active":true"#),
            ("profile.a.d,profile.a", r#","profile":{"a":{"b":[1,{"c":null}],"d":false}}"#),
            ("profile.a.d,profile", r#","profile":{"a":{"b":[1,{"c":null}],"d":false},"n":null,"é":"ü"}"#),
            ("profile.n", r#","profile":{"n":null}"#),
            // What leads nowhere is left out.
            ("profile.nope,profile.a.b.c,profile.n.x,profile.A", ""),
        ];
        for (fields, more) in cases {
            let item = format!("{{\"id\":1,\"name\":\"Ana\",\"email\":\"a@x\"{more}}}");
            let path = path("/users", &[("fields", fields)]);
            assert_eq!(text(&server, &path, "*/*").await, format!("[{item}]"), "{fields}");
            assert_eq!(text(&server, &path, "application/x-ndjson").await, format!("{item}\n"), "{fields}");
        }
        let all = "active,external_id,profile,version,created_at,updated_at";
        assert_eq!(text(&server, &format!("/users?fields={all}"), "*/*").await, format!("[{made}]"));
        for wrong in ["", "nope", "Name", "name,", "profile.", "profile..a", "id, name"] {
            assert_invalid(server.get(&path("/users", &[("fields", wrong)])).await, &["fields"]).await;
        }
        let many = |count: usize| (0..count).map(|n| format!("profile.k{n}")).collect::<Vec<_>>().join(",");
        assert_eq!(server.get(&format!("/users?fields={}", many(50))).await.status(), 200);
        assert_invalid(server.get(&format!("/users?fields={}", many(51))).await, &["fields"]).await;
        server.stop().await;
    }

    async fn lists_come_as_lines_and_as_tables_too(engine) {
        let server = Server::start(engine).await;
        assert_eq!(text(&server, "/users", "application/x-ndjson").await, "");
        assert_eq!(text(&server, "/users?fields=profile.a", "text/csv").await, "id,name,email,profile.a\r\n");
        create_all(
            &server,
            &[
                json!({ "name": "a \"b\", c", "email": "a@x", "profile": { "a": "line\nnext\r\nlast" } }),
                json!({ "name": " Zoë; '😀'", "profile": { "a": { "x": [1, "é"] } } }),
                json!({ "name": "c", "active": false, "profile": { "a": null } }),
                json!({ "name": "d", "profile": { "a": 1.5 } }),
            ],
        )
        .await;
        let lines = "{\"id\":1,\"name\":\"a \\\"b\\\", c\",\"email\":\"a@x\"}\n{\"id\":2,\"name\":\" Zoë; '😀'\",\"email\":null}\n\
            {\"id\":3,\"name\":\"c\",\"email\":null}\n{\"id\":4,\"name\":\"d\",\"email\":null}\n";
        assert_eq!(text(&server, "/users", "application/x-ndjson").await, lines);
        assert_eq!(text(&server, "/users?limit=4", "application/x-ndjson").await, lines);
        // RFC 4180: quotes are doubled, lines end in CR LF, what has a comma, a quote or a line break is quoted.
        let table = "id,name,email,active,profile.a\r\n1,\"a \"\"b\"\", c\",a@x,true,\"line\nnext\r\nlast\"\r\n\
            2, Zoë; '😀',,true,\"{\"\"x\"\":[1,\"\"é\"\"]}\"\r\n3,c,,false,\r\n4,d,,true,1.5\r\n";
        assert_eq!(text(&server, "/users?fields=active,profile.a", "text/csv").await, table);
        assert_eq!(text(&server, "/users?fields=active,profile.a&limit=10", "text/csv").await, table);
        let response =
            server.request(Method::GET, "/users").header("accept", "text/csv").send().await.unwrap();
        assert_eq!(field(&response, "content-type"), Some("text/csv; charset=utf-8; header=present"));
        server.stop().await;
    }

    async fn q_finds_beginnings_in_any_case_and_script(engine) {
        let server = Server::start(engine).await;
        people(&server).await;
        let cases: [(&str, &[&str]); 17] = [
            ("an", &["Ana"]),
            ("AN", &["Ana"]),
            ("na", &[]),
            ("a\u{301}N", &["\u{c1}ngel"]),
            ("\u{e1}", &["\u{c1}ngel"]),
            ("оль", &["Ольга"]),
            ("ОЛЬ", &["Ольга"]),
            ("山田", &["山田太郎"]),
            ("太", &[]),
            ("ZOE@", &["Ana"]),
            ("100%_s", &["100%_Straße"]),
            ("100%_STRASS", &["100%_Straße"]),
            ("%", &[]),
            ("_", &[]),
            ("o'neil \"THE\\o", &["O'Neil \"the\\one\""]),
            ("o", &["Ольга", "O'Neil \"the\\one\""]),
            ("example", &[]),
        ];
        for (q, expected) in cases {
            assert_eq!(names(&server, &path("/users", &[("q", q)])).await, expected, "{q}");
            assert_eq!(names(&server, &path("/users", &[("q", q), ("limit", "9")])).await, expected, "{q}");
        }
        // Nothing that can be seen restricts nothing.
        for q in ["", "\u{ad}"] {
            assert_eq!(names(&server, &path("/users", &[("q", q)])).await.len(), 6);
        }
        assert_eq!(names(&server, &path("/users", &[("q", &"é".repeat(256))])).await.len(), 0);
        for q in ["é".repeat(257), "a\0".to_owned()] {
            assert_invalid(server.get(&path("/users", &[("q", &q)])).await, &["q"]).await;
        }
        server.stop().await;
    }

    async fn filters_choose_users(engine) {
        let server = Server::start(engine).await;
        people(&server).await;
        let cases: [(&str, &[i64]); 26] = [
            ("name eq \"ANA\"", &[1]),
            ("NAME EQ \"ana\"", &[1]),
            ("name eq \"a\u{301}ngel\"", &[2]),
            ("name co \"strass\"", &[5]),
            ("name sw \"100%\"", &[5]),
            ("name ew \"\\\\one\\\"\"", &[6]),
            ("email ew \"@EXAMPLE.com\"", &[1, 3, 6]),
            ("email pr", &[1, 3, 4, 6]),
            ("not (email pr)", &[2, 5]),
            ("email eq null", &[2, 5]),
            ("email ne \"zoe@example.com\"", &[2, 3, 4, 5, 6]),
            ("active eq false", &[2, 6]),
            ("active ne false", &[1, 3, 4, 5]),
            ("external_id eq \"x1\"", &[1]),
            ("id gt 4", &[5, 6]),
            ("id eq \"3\"", &[3]),
            ("version eq 1 and id le 2", &[1, 2]),
            ("profile.title eq \"Lead\"", &[1]),
            ("profile.title pr", &[1, 2]),
            ("profile.age gt 7", &[1, 3]),
            ("profile.tags eq \"b\"", &[2]),
            ("profile.boss.id eq 1", &[2]),
            ("profile.boss[id eq 1]", &[2]),
            ("created_at gt \"2020-01-01T00:00:00Z\" and updated_at lt \"2000-01-01T00:00:00+02:00\"", &[]),
            ("id eq 1 or id eq 2 and active eq true", &[1]),
            ("(id eq 1 or id eq 2) and not (active eq true)", &[2]),
        ];
        for (filter, expected) in cases {
            for more in [("count", "exact"), ("limit", "100")] {
                let response = server.get(&path("/users", &[("filter", filter), more])).await;
                let total = field(&response, "roster-total-count").map(str::to_owned);
                let (status, list) = parts(response).await;
                assert_eq!(status, 200, "{filter}: {list}");
                let found: Vec<i64> =
                    list.as_array().unwrap().iter().map(|user| user["id"].as_i64().unwrap()).collect();
                assert_eq!(found, expected, "{filter}");
                assert_eq!(total, (more.0 == "count").then(|| expected.len().to_string()), "{filter}");
            }
        }
        // With `q`, both must hold.
        let both = path("/users", &[("filter", "active eq false"), ("q", "o")]);
        assert_eq!(names(&server, &both).await, ["O'Neil \"the\\one\""]);
        for wrong in [
            "",
            "name",
            "name eq",
            "name eq ana",
            "name is \"x\"",
            "nope eq 1",
            "active gt true",
            "id eq true",
            "(name pr",
            "name pr and",
            "not name pr",
            "created_at gt \"yesterday\"",
            "name eq \"a\" name eq \"b\"",
        ] {
            let response = server.get(&path("/users", &[("filter", wrong)])).await;
            assert_eq!(response.status(), 400, "{wrong}");
            assert_eq!(places(&assert_problem(response, 400, "malformed").await), ["filter"]);
        }
        server.stop().await;
    }

    async fn parameters_are_read_strictly(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "Ana" })).await;
        let cases: [(&str, u16, &str); 18] = [
            ("limit=0", 422, "limit"),
            ("limit=1001", 422, "limit"),
            ("limit=-1", 422, "limit"),
            ("limit=99999999999999999999", 422, "limit"),
            ("limit=", 400, "limit"),
            ("limit=ten", 400, "limit"),
            ("limit=1.0", 400, "limit"),
            ("limit=%2B1", 400, "limit"),
            ("count=all", 422, "count"),
            ("count=", 422, "count"),
            ("sort=", 422, "sort"),
            ("sort=active", 422, "sort"),
            ("sort=--id", 422, "sort"),
            ("sort=id,name", 422, "sort"),
            ("page=2", 422, "page"),
            ("Limit=1", 422, "Limit"),
            ("limit=1&limit=1", 422, "limit"),
            ("q=a&%71=a", 422, "q"),
        ];
        for (query, status, place) in cases {
            let response = server.get(&format!("/users?{query}")).await;
            assert_eq!(response.status(), status, "{query}");
            let slug = if status == 400 { "malformed" } else { "invalid" };
            assert_eq!(places(&assert_problem(response, status, slug).await), [place], "{query}");
        }
        for query in ["", "limit=1", "limit=1000", "limit=001", "count=none", "sort=-updated_at", "&limit=1&"]
        {
            assert_eq!(
                parts(server.get(&format!("/users?{query}")).await).await.1[0]["name"],
                "Ana",
                "{query}"
            );
        }
        for path in ["/users/1?fields=id", "/openapi.json?x", "/docs?x=1", "/?x=1", "/changes?cursor=1"] {
            assert_problem(server.get(path).await, 422, "invalid").await;
        }
        for (path, place) in [("/changes?limit=0", "limit"), ("/changes?limit=1001", "limit")] {
            assert_invalid(server.get(path).await, &[place]).await;
        }
        for after in ["", "x", "MS4xLjEuMQ=="] {
            let response = server.get(&path("/changes", &[("after", after)])).await;
            assert_eq!(places(&assert_problem(response, 400, "malformed").await), ["after"]);
        }
        let nothing: Value = json!({ "name": "Bob" });
        assert_invalid(server.post("/users?dry_run=1", &nothing).await, &["dry_run"]).await;
        assert_eq!(names(&server, "/users").await, ["Ana"]);
        server.stop().await;
    }
}
