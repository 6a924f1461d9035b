//! Rows that are refused: each by itself, and for somebody to mend.

use serde_json::{Value, json};

use super::Place;
use crate::support::both;

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

both! {
    async fn what_no_user_can_have_is_one_bad_row(engine) {
        for (text, key, told) in [
            ("name\nada\nb\0b\ncy\n", "name", "line 3: name has a control character"),
            ("{\"name\":\"ada\"}\n{\"name\":\"b\\u0000b\"}\n{\"name\":\"cy\"}\n", "name", "line 2: name has a control"),
            ("name,email\nada,a@x.org\nbob,b\0@x.org\ncy,c@x.org\n", "name", "line 3: email has a control character"),
            ("name,email\nada,a@x.org\nbob,b\0@x.org\ncy,c@x.org\n", "email", "line 3: email has a control character"),
            ("name,external_id\nada,1\nbob,\0\ncy,3\n", "external_id", "line 3: external_id has a control"),
            ("name\nada\n\u{a0} \u{2003}\ncy\n", "name", "line 3: name must have a character that can be seen"),
        ] {
            let place = Place::create(engine).await;
            let file = place.file("people", text);
            let dry = place.call(&["import", &file, "--key", key, "--dry-run", "--quiet"]).await;
            let ended = place.call(&["import", &file, "--key", key, "--quiet"]).await;
            for ended in [dry, ended] {
                assert!(ended.code == 3 && ended.stderr.contains(told), "{told}: {ended:?}");
                assert!(ended.stdout.contains("rows: 3, created: 2,"), "{ended:?}");
            }
            assert_eq!(place.export().await.len(), 2);
        }
    }

    async fn refused_rows_are_mended_and_imported_again(engine) {
        let place = Place::create(engine).await;
        let text = b"Login;active;Title;Shoe\nada;perhaps;;37\nbob;yes;Dr.;38\ncy;no;Mr.;39;more\nd\xff;no;;\n'=eve;nah;;1\n";
        let options = ["--map", "Login=name", "--map", "Title=profile.title", "--map", "Shoe=", "--quiet"];
        let kept = place.path("kept.ndjson");
        let import = async |file: &str, errors: &str| {
            place.call(&[&["import", file, "--errors", errors][..], &options].concat()).await
        };
        let file = place.file("people.csv", text);
        let ended = import(&file, kept.to_str().unwrap()).await;
        assert!(ended.stdout.contains("created: 1,") && ended.stdout.contains("refused: 4,"), "{ended:?}");
        let told = lines(&kept);
        assert_eq!(told[0]["cells"], json!({ "Login": "ada", "active": "perhaps", "Title": "", "Shoe": "37" }));
        assert_eq!(told[1]["cells"], json!(["cy", "no", "Mr.", "39", "more"]));
        // What was lost in the showing cannot come back by mistake.
        assert!(told[2]["cells"].is_array(), "{}", told[2]);

        let mended = std::fs::read_to_string(&kept).unwrap().replace("perhaps", "no").replace("nah", "1");
        let (mended, still) = (place.file("mended.ndjson", mended), place.path("still.ndjson"));
        let ended = import(&mended, still.to_str().unwrap()).await;
        assert!(ended.stdout.contains("rows: 4, created: 2,") && ended.code == 3, "{ended:?}");
        assert!(ended.stderr.contains("line 2: cells is not as it was read"), "{ended:?}");
        let users: Vec<Value> = place.export().await.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told: Vec<Value> = users.iter().map(|user| json!([user["name"], user["active"], user["profile"]])).collect();
        let expected = [json!(["bob", true, { "title": "Dr." }]), json!(["ada", false, {}]), json!(["=eve", true, {}])];
        assert_eq!(told, expected);

        let objects = "{\"name\":\"f\",\"active\":1}\n{\"name\":\"g\",\"name\":\"h\"}\n[]\n";
        let file = place.file("people.ndjson", objects);
        assert_eq!(import(&file, kept.to_str().unwrap()).await.code, 3);
        let told: Vec<Value> = lines(&kept).into_iter().map(|line| line["row"].clone()).collect();
        assert_eq!(told, [json!({ "name": "f", "active": 1 }), json!("{\"name\":\"g\",\"name\":\"h\"}"), json!("[]")]);
        let mended = std::fs::read_to_string(&kept).unwrap().replace("\"active\":1", "\"active\":true");
        let ended = place.call(&["import", &place.file("mended.ndjson", mended), "--quiet"]).await;
        assert!(ended.stdout.contains("rows: 3, created: 1,"), "{ended:?}");
        assert!(ended.stderr.contains("line 3: row is not as it was read, and must be written anew"), "{ended:?}");

        let table = place.path("kept.csv");
        import(&file, table.to_str().unwrap()).await.assert_refused("refused rows are kept as NDJSON");
    }
}
