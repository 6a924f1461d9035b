//! Names and e-mail addresses: what they may be, and when two of them are the same.

use serde_json::json;

use crate::asking::{assert_invalid, names, path};
use crate::support::{Server, assert_problem, both, next_link, parts};

/// 128 characters of which each folds to many, in no order that a compressor could use.
fn expanding(seed: u32) -> String {
    let mut state = seed;
    let characters = std::iter::from_fn(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let squared = char::from_u32(0x3300 + (state >> 16) % 0x58);
        // Two of three are words of one syllable each; the third is a whole sentence.
        if (state >> 8).is_multiple_of(3) { Some('\u{fdfa}') } else { squared }
    });
    characters.take(128).collect()
}

both! {
    async fn names_are_one_to_128_visible_characters(engine) {
        let server = Server::start(engine).await;
        let mut refused: Vec<String> = vec![String::new(), "x".repeat(129), "😀".repeat(129)];
        refused.extend(["\u{0}", "\u{1f}", "\u{7f}", "\u{80}", "\u{85}", "\u{9f}"].map(|c| format!("a{c}b")));
        // Nothing is left of these when they are folded, or only white space.
        let unseen = ["\u{ad}", "\u{200b}\u{feff}", "\u{fe0f}", "\u{2060}", " ", "\u{a0}\u{3000}", "\u{2028}"];
        refused.extend(unseen.map(str::to_owned));
        for name in &refused {
            assert_invalid(server.post("/users", &json!({ "name": name })).await, &["/name"]).await;
        }
        let problem =
            assert_invalid(server.post("/users", &json!({ "name": "ab\tc" })).await, &["/name"]).await;
        assert_eq!(problem["detail"], "name has a control character at place 3");
        let taken = [
            "x".repeat(128),
            "😀".repeat(128),
            " a ".to_owned(),
            "\u{ad}a".to_owned(),
            "'; DROP TABLE users; --".to_owned(),
            "\u{10ffff}".to_owned(),
            "\u{e000}".to_owned(),
        ];
        for name in &taken {
            assert_eq!(server.create(&json!({ "name": name })).await["name"], json!(name));
        }
        server.stop().await;
    }

    async fn one_name_in_another_form_is_the_same_name(engine) {
        let server = Server::start(engine).await;
        let groups = [
            vec!["Jos\u{e9}", "Jose\u{301}", "JOSE\u{301}", "jos\u{e9}", "Jos\u{ad}\u{e9}"],
            vec!["Groß", "GROSS", "groẞ", "Gro\u{200d}ss"],
            vec!["Ａｄａ", "ada", "ADA"],
            vec!["Σίσυφος", "ΣΊΣΥΦΟΣ"],
        ];
        let mut ids = Vec::new();
        for group in &groups {
            ids.push(server.create(&json!({ "name": group[0] })).await["id"].clone());
            for other in &group[1..] {
                let problem =
                    assert_problem(server.post("/users", &json!({ "name": other })).await, 409, "taken")
                        .await;
                assert_eq!(
                    problem["errors"],
                    json!([{ "pointer": "/name", "detail": "is taken" }]),
                    "{other}"
                );
            }
        }
        // Accents and scripts make other names.
        let others = ["Jose", "Gros", "\u{430}da"];
        for name in others {
            let made = server.create(&json!({ "name": name })).await;
            let back = server.patch(&format!("/users/{}", made["id"]), &json!({ "name": "GROSS" })).await;
            assert_problem(back, 409, "taken").await;
        }
        // One's own name may change its form.
        for name in ["GROSS", "Groß"] {
            let (status, user) =
                parts(server.put(&format!("/users/{}", ids[1]), &json!({ "name": name })).await).await;
            assert_eq!((status, &user["name"]), (200, &json!(name)));
        }
        server.stop().await;
    }

    async fn e_mail_addresses_have_a_shape(engine) {
        let server = Server::start(engine).await;
        let long_local = format!("{}@x", "a".repeat(65));
        let long_label = format!("a@{}", "b".repeat(64));
        let long_whole = format!("a@{}", ["b"; 127].join("."));
        let refused = [
            "x",
            "@",
            "a@",
            "@b",
            "a@@b",
            "a@b@c",
            "a b@c",
            "a@b c",
            "a@b\u{a0}c",
            "a@.b",
            "a@b.",
            "a@b..c",
            "a@b\n",
            "\"a\"@b",
            "a(b)@c",
            "a,b@c",
            "a:b@c",
            "a;b@c",
            "<a@b>",
            "a@[::1]",
            "a\\b@c",
            "a＠b",
            "a\u{0}@b",
            "a@b\u{85}",
            &long_local,
            &long_label,
            &long_whole,
        ];
        for email in refused {
            assert_invalid(
                server.post("/users", &json!({ "name": "Ana", "email": email })).await,
                &["/email"],
            )
            .await;
        }
        let widest = format!("{}@{}.{}.{}", "a".repeat(64), "b".repeat(63), "c".repeat(63), "d".repeat(61));
        let taken = [
            "a@b",
            "A.b+c-d_e@x.example",
            ".a.@b",
            "o'neil@b",
            "!#$%&*/=?^`{|}~@b",
            "почта@пример.рф",
            "😀@b",
            "a@b-c",
            "a@1.2.3.4",
            &widest,
        ];
        for (index, email) in taken.iter().enumerate() {
            let made = server.create(&json!({ "name": format!("user {index}"), "email": email })).await;
            assert_eq!(made["email"], json!(email));
        }
        server.stop().await;
    }

    async fn e_mail_addresses_are_unique_when_present(engine) {
        let server = Server::start(engine).await;
        for body in [
            json!({ "name": "Ana", "email": "Jos\u{e9}@Straße.example" }),
            json!({ "name": "Bob" }),
            json!({ "name": "Eve", "email": null }),
        ] {
            server.create(&body).await;
        }
        for email in ["JOSE\u{301}@STRASSE.EXAMPLE", "jos\u{e9}@strasse.example", "Jos\u{e9}@Straße.example"]
        {
            let refused = server.post("/users", &json!({ "name": "Carl", "email": email })).await;
            let problem = assert_problem(refused, 409, "taken").await;
            assert_eq!(problem["errors"][0]["pointer"], "/email");
            assert_problem(server.patch("/users/2", &json!({ "email": email })).await, 409, "taken").await;
            assert_problem(
                server.put("/users/3", &json!({ "name": "Eve", "email": email })).await,
                409,
                "taken",
            )
            .await;
        }
        // Where both are taken, both engines name the same one.
        let both =
            server.post("/users", &json!({ "name": "ANA", "email": "jos\u{e9}@strasse.example" })).await;
        assert_eq!(assert_problem(both, 409, "taken").await["errors"][0]["pointer"], "/name");
        // Given up, it is free.
        assert_eq!(server.patch("/users/1", &json!({ "email": null })).await.status(), 200);
        assert_eq!(
            server.patch("/users/2", &json!({ "email": "Jos\u{e9}@Straße.example" })).await.status(),
            200
        );
        server.stop().await;
    }

    async fn a_name_that_folds_to_too_much_is_refused(engine) {
        let server = Server::start(engine).await;
        server.create(&json!({ "name": "a" })).await;
        let mut sentences = "\u{fdfa}".repeat(60);
        let mut refused = vec!["\u{fdfa}".repeat(128)];
        refused.extend((1..=5).map(expanding));
        // Each of the 60 folds to 33 bytes: 2,000 are allowed.
        sentences.push_str(&"x".repeat(20));
        refused.push(format!("{sentences}y"));
        for name in &refused {
            assert_invalid(server.post("/users", &json!({ "name": name })).await, &["/name"]).await;
            assert_invalid(server.put("/users/1", &json!({ "name": name })).await, &["/name"]).await;
            assert_invalid(server.patch("/users/1", &json!({ "name": name })).await, &["/name"]).await;
        }
        let email = format!("{0}@{0}.{0}.{0}", "\u{3316}\u{fdfb}".repeat(30));
        let response = server.post("/users", &json!({ "name": "b", "email": email })).await;
        assert_invalid(response, &["/email"]).await;
        // What is allowed can be stored, found and paged over.
        server.create(&json!({ "name": sentences })).await;
        let words: String = (0..128_u32).filter_map(|n| char::from_u32(0x3300 + n * 37 % 0x58)).collect();
        server.create(&json!({ "name": words })).await;
        let filter = format!("name eq \"{words}\"");
        assert_eq!(names(&server, &path("/users", &[("filter", &filter)])).await, [words.as_str()]);
        let mut walked = Vec::new();
        let mut next = Some("/users?sort=name&limit=1".to_owned());
        while let Some(page) = next {
            let response = server.get(&page).await;
            next = next_link(&response);
            walked.push(parts(response).await.1[0]["name"].as_str().unwrap().to_owned());
        }
        assert_eq!(walked, names(&server, "/users?sort=name").await);
        assert_eq!(walked.len(), 3);
        server.stop().await;
    }
}
