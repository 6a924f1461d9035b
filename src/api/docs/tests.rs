use serde_json::json;

use super::{document::entries, *};

const SAMPLE: &str = include_str!("sample.json");

fn sample() -> Value {
    serde_json::from_str(SAMPLE).unwrap()
}

/// The text between the first `<name>` and its end.
fn element<'a>(html: &'a str, name: &str) -> &'a str {
    let (_, rest) = html.split_once(&format!("<{name}>")).unwrap();
    rest.split_once(&format!("</{name}>")).unwrap().0
}

#[test]
fn every_operation_and_schema_of_the_sample_appears() {
    let document = sample();
    let html = page(&document).unwrap();
    let mut operations = 0;
    for (_, item) in entries(&document, "paths") {
        for (_, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            operations += 1;
            assert!(html.contains(&format!("<p class=\"lead\">{}</p>", text(operation, "summary"))));
        }
    }
    assert_eq!(operations, 7);
    assert_eq!(html.matches("<article class=\"card operation\"").count(), operations);
    assert_eq!(html.matches("<article class=\"card schema\"").count(), 5);
    for id in ["op-listUsers", "op-patchUser", "op-get-changes", "schema-UserPatch", "tag-users", "tag-Other"]
    {
        assert_eq!(html.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
}

#[test]
fn links_within_the_page_lead_somewhere() {
    let html = page(&sample()).unwrap();
    let mut targets = html.split("href=\"#").skip(1).map(|rest| rest.split_once('"').unwrap().0);
    assert!(targets.all(|target| html.contains(&format!("id=\"{target}\""))));
}

#[test]
fn curl_lines_are_ready_to_paste() {
    let html = page(&sample()).unwrap();
    let origin = "<span class=\"origin\">http://127.0.0.1:8080</span>";
    let token = " \\\n  -H &quot;Authorization: Bearer $TOKEN&quot;";
    for line in [
        format!("curl &#39;{origin}/users?limit=20&#39;{token}</code>"),
        format!("curl -X DELETE &#39;{origin}/users/42&#39;{token}</code>"),
        format!("curl &#39;{origin}/changes?after=0&#39;</code>"),
        format!("curl --head &#39;{origin}/ping&#39;</code>"),
        "-H &#39;If-Match: &quot;7&quot;&#39;".to_owned(),
        "{&quot;name&quot;:&quot;Zoé O&#39;\\&#39;&#39;Hara&quot;,".to_owned(),
    ] {
        assert!(html.contains(&line), "{line}");
    }
}

#[test]
fn schemas_are_told_in_words() {
    let html = page(&sample()).unwrap();
    for words in [
        "string (email) or null",
        "<a href=\"#schema-User\">User</a> or null",
        "array of <a href=\"#schema-User\">User</a>",
        "map of string to string",
        "<code>profile.<wbr>manager.<wbr>name</code>",
        "<code>changes[].<wbr>at</code>",
        "length <code>1–128</code>",
        "Bearer $TOKEN",
        "bearer token (users:write)",
        "Alternative 2",
    ] {
        assert!(html.contains(words), "{words}");
    }
}

/// The document with every name and every string made hostile.
fn hostile(value: &Value) -> Value {
    let spoil =
        |text: &str| format!("{text}\"'><img src=https://evil.example/x onerror=alert(1)></style></script>");
    let kept = ["get", "post", "patch", "delete", "head"];
    match value {
        Value::String(text) if text.starts_with("#/") => value.clone(),
        Value::String(text) => json!(spoil(text)),
        Value::Array(items) => items.iter().map(hostile).collect(),
        Value::Object(map) => {
            let entries = map.iter().flat_map(|(key, value)| {
                let spoiled = (!kept.contains(&key.as_str())).then(|| (spoil(key), hostile(value)));
                [(key.clone(), hostile(value))].into_iter().chain(spoiled)
            });
            entries.collect()
        }
        other => other.clone(),
    }
}

/// Only shallow copies keep the doubled keys from growing without end.
fn hostile_sample() -> Value {
    let mut document = sample();
    for pointer in
        ["/info", "/tags", "/paths/~1users/get", "/paths/~1users~1{id}", "/components/schemas/NewUser"]
    {
        let part = document.pointer_mut(pointer).unwrap();
        *part = hostile(part);
    }
    for (pointer, key) in
        [("/paths", "/users"), ("/components/schemas", "Name"), ("/components/securitySchemes", "token")]
    {
        let map = document.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        let copy = map[key].clone();
        map.insert(format!("{key}\"><img src=https://evil.example/x>"), copy);
    }
    document
}

#[test]
fn hostile_strings_are_escaped() {
    let html = page(&hostile_sample()).unwrap();
    assert!(html.contains("&lt;img src=https://evil.example/x onerror=alert(1)&gt;"));
    assert!(!html.contains("<img"));
    for end in ["</style>", "</script>"] {
        assert_eq!(html.matches(end).count(), 1, "{end}");
    }
    assert!(!html.contains("\"><img") && !html.contains("'><img"));
}

#[test]
fn an_empty_or_odd_document_gives_a_page() {
    let circle = json!({ "$ref": "#/components/schemas/A" });
    let recursive = json!({ "properties": { "next": circle, "all": { "type": "array", "items": circle } } });
    let body =
        json!({ "content": { "application/json": { "schema": { "$ref": "#/components/schemas/B" } } } });
    let odd = json!({
        "paths": { "/x": { "put": { "requestBody": body, "parameters": [circle, 7] } }, "/y": null },
        "components": { "schemas": { "A": circle, "B": recursive, "C": { "allOf": [circle, { "$ref": "nowhere" }] } } },
    });
    for document in [json!(null), json!({}), json!({ "paths": [], "info": 1 }), odd] {
        assert!(page(&document).unwrap().starts_with("<!DOCTYPE html>"));
    }
}

#[test]
fn the_page_asks_for_nothing_else() {
    for document in [sample(), hostile_sample()] {
        let html = page(&document).unwrap();
        for attribute in ["src=\"", "href=\"", "action=\"", "srcset=\""] {
            for value in html.split(attribute).skip(1).map(|rest| rest.split_once('"').unwrap().0) {
                let is_local = value.starts_with('#') || value == "data:," || value == "/openapi.json";
                assert!(is_local, "{attribute}{value}");
            }
        }
        for tag in [
            "<img",
            "<iframe",
            "<object",
            "<link rel=\"stylesheet",
            " style=\"",
            " onclick=",
            "@import",
            "url(",
        ] {
            assert!(!html.contains(tag), "{tag}");
        }
    }
}

#[test]
fn the_policy_knows_the_inlined_texts() {
    let html = page(&sample()).unwrap();
    for (directive, name) in [("style-src", "style"), ("script-src", "script")] {
        let expected = format!("{directive} '{}';", source_hash(element(&html, name)));
        assert!(content_security_policy().contains(&expected), "{expected}");
    }
    assert!(content_security_policy().starts_with("default-src 'none'; "));
    assert!(!content_security_policy().contains("unsafe"));
}

#[test]
fn headings_are_in_order() {
    let html = page(&sample()).unwrap();
    let levels = html.match_indices("<h").filter_map(|(at, _)| html[at + 2..].chars().next()?.to_digit(10));
    let levels: Vec<_> = levels.collect();
    assert_eq!(levels.first(), Some(&1));
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1 && pair[1] > 1), "{levels:?}");
}
