use serde_json::json;

use super::{Attribute, Filter, MAX_BYTES, Operator, Value};
use crate::model::user::User;

fn canonical(text: &str) -> String {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

fn refused(text: &str) -> (usize, String) {
    let error = Filter::parse(text).expect_err(text);
    (error.position, error.message)
}

#[test]
fn operators_bind_as_the_grammar_says() {
    for (text, expected) in [
        ("id pr or name pr and email pr", "id pr or (name pr and email pr)"),
        ("(id pr or name pr) and email pr", "(id pr or name pr) and email pr"),
        ("not (id pr) and name pr", "not (id pr) and name pr"),
        ("not (id pr and name pr)", "not (id pr and name pr)"),
        ("not(not(id pr))", "not (not (id pr))"),
        ("id pr and name pr and email pr", "id pr and name pr and email pr"),
        ("((id pr))", "id pr"),
        ("id pr and (name pr and email pr)", "id pr and (name pr and email pr)"),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
        assert_eq!(canonical(expected), expected);
    }
}

#[test]
fn names_and_operators_are_caseless_but_keys_are_not() {
    assert_eq!(canonical("NAME Eq \"A\" AND NOT (External_ID PR)"), "name eq \"A\" and not (external_id pr)");
    assert_eq!(canonical("PROFILE.aB eq 1"), "profile.aB eq 1");
    assert_eq!(refused("active eq TRUE").0, 10);
}

#[test]
fn values_are_json() {
    for (text, expected) in [
        (r#"name eq "\u00e9\/\ud83d\ude00\n\"\\""#, "name eq \"é/😀\\u000a\\\"\\\\\""),
        ("profile.a eq 1e2", "profile.a eq 100"),
        ("profile.a eq -0.5E-7", "profile.a eq -5e-8"),
        ("profile.a eq 18446744073709551616", "profile.a eq 1.8446744073709552e19"),
        ("id eq -9223372036854775808", "id eq -9223372036854775808"),
        ("created_at ge \"2030-01-31T12:00:00.5+02:00\"", "created_at ge \"2030-01-31T10:00:00.5Z\""),
        ("email eq null and profile.a ne null", "email eq null and profile.a ne null"),
    ] {
        assert_eq!(canonical(text), expected);
        assert_eq!(canonical(expected), expected);
    }
    assert_eq!(
        Filter::parse("id eq \"007\""),
        Ok(Filter::Compare {
            attribute: Attribute::Id,
            operator: Operator::Eq,
            value: Value::Text("007".to_owned()),
        })
    );
}

#[test]
fn brackets_prefix_the_paths_in_them() {
    for (text, expected) in [
        ("profile[a eq 1 and b pr]", "profile.a eq 1 and profile.b pr"),
        (
            "profile.x[a.b eq 1 or not (c pr)] and id pr",
            "(profile.x.a.b eq 1 or not (profile.x.c pr)) and id pr",
        ),
        ("profile[a[b pr]]", "profile.a.b pr"),
        ("profile[not pr]", "profile.not pr"),
        ("profile[name pr and Not (not pr)]", "profile.name pr and not (profile.not pr)"),
        ("profile.prénom-_2$ pr", "profile.prénom-_2$ pr"),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn errors_say_where_and_what_was_expected() {
    for (text, position, part) in [
        ("", 0, "expected an attribute, \"not\" or \"(\", found the end of the filter"),
        ("  ", 2, "found the end"),
        ("name", 4, "expected an operator"),
        ("name is \"a\"", 5, "eq, ne, co, sw, ew, gt, ge, lt, le or pr), found \"is\""),
        ("name eq", 7, "expected a value"),
        ("name eq a", 8, "in double quotes"),
        ("name eq 'a'", 8, "found \"'a'\""),
        ("name eq \"a", 8, "no closing quote"),
        ("name eq \"é\\x\"", 8, "not a JSON string"),
        ("name eq \"é\" x", 12, "expected \"and\", \"or\" or the end of the filter, found \"x\""),
        ("name pr )", 8, "found \")\""),
        ("(name pr", 8, "expected \"and\", \"or\" or \")\", found the end"),
        ("profile[a pr)", 12, "\"]\", found \")\""),
        ("name pr and", 11, "expected an attribute"),
        ("not name pr", 4, "expected \"(\" after \"not\""),
        ("nme pr", 0, "id, name, email, active, external_id, version, created_at, updated_at, profile"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:name pr", 0, "have no schema URN; known are id"),
        ("name.first pr", 4, "name has no sub-attributes"),
        ("name[a pr]", 4, "name has no keys"),
        ("profile eq null", 8, "profile takes only pr"),
        ("profile.a..b pr", 10, "expected a key"),
        ("profile. pr", 8, "expected a key"),
        ("profile.a'b pr", 9, "cannot contain '\\''"),
        ("profile[a:b pr]", 8, "no schema URN"),
        ("profile[a pr].b pr", 13, "expected \"and\", \"or\" or the end"),
    ] {
        let (at, message) = refused(text);
        assert_eq!(at, position, "{text}: {message}");
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn values_have_the_type_of_the_attribute() {
    for (text, position) in [
        ("name eq 1", 8),
        ("email co null", 9),
        ("external_id gt true", 15),
        ("active gt true", 7),
        ("active eq \"true\"", 10),
        ("version eq \"1\"", 11),
        ("version sw \"1\"", 8),
        ("version eq 1.0", 11),
        ("id eq 1.5", 6),
        ("id eq 9223372036854775808", 6),
        ("id gt \"a\"", 6),
        ("id gt \"01\"", 6),
        ("id sw 1", 6),
        ("id eq true", 6),
        ("created_at eq 5", 14),
        ("created_at sw \"2030\"", 11),
        ("updated_at eq \"2030-01-31\"", 14),
        ("profile.a gt true", 13),
        ("profile.a co 1", 13),
        ("profile.a eq 01", 13),
        ("profile.a eq 1e999", 13),
        ("profile.a eq +1", 13),
    ] {
        let (at, message) = refused(text);
        assert_eq!(at, position, "{text}: {message}");
    }
}

#[test]
fn limits_are_errors() {
    let long = format!("name eq \"{}\"", "é".repeat(MAX_BYTES));
    assert!(refused(&long).1.contains("4096 bytes"));

    let nested = |depth: usize| format!("{}id pr{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(canonical(&nested(32)), "id pr");
    assert_eq!(refused(&nested(33)), (32, "parentheses and brackets nest at most 32 deep".to_owned()));
    assert!(refused(&"(".repeat(MAX_BYTES)).1.contains("32 deep"));
    assert!(refused(&"not(".repeat(MAX_BYTES / 4)).1.contains("32 deep"));
    assert!(refused(&"profile[".repeat(MAX_BYTES / 8)).1.contains("32 deep"));

    let many = |count: usize| vec!["id pr"; count].join(" or ");
    assert_eq!(canonical(&many(100)), many(100));
    assert!(refused(&many(101)).1.contains("100 comparisons"));

    let deep = |keys: usize| format!("profile{} pr", ".a".repeat(keys));
    assert_eq!(canonical(&deep(32)), deep(32));
    assert_eq!(refused(&deep(33)).0, 72);
}

fn user() -> User {
    let profile = json!({
        "s": "Ab", "n": 1.5, "t": true, "none": null, "empty": [], "blank": "", "o": { "x": 1, "X": 2 },
        "list": ["a", 2, false, null, { "x": 3 }, ["deep"]],
    });
    User {
        id: 120,
        name: "Zoe\u{308} Straße".to_owned(),
        email: None,
        active: true,
        external_id: Some("Ext-1".to_owned()),
        profile: profile.as_object().cloned().unwrap_or_default(),
        version: 3,
        created_at: 1_500_000,
        updated_at: 0,
    }
}

#[test]
fn a_filter_is_true_of_what_it_describes() {
    for text in [
        "name eq \"ZOË STRASSE\" and name sw \"zo\u{eb}\" and name ew \"SSE\" and name co \"\"",
        "external_id eq \"Ext-1\" and external_id ge \"Ext\" and external_id lt \"ext\"",
        "id eq 120 and id eq \"120\" and id gt \"99\" and id sw \"12\" and id ew \"0\" and id co \"2\"",
        "id ne \"0120\" and id ne \"x\"",
        "email eq null and email ne \"a\" and not (email pr) and not (email co \"\")",
        "active eq true and active ne false and active pr",
        "created_at eq \"1970-01-01T00:00:01.5Z\" and created_at lt \"1970-01-01T00:00:01.500000001Z\"",
        "profile.s eq \"Ab\" and profile.n gt 1 and profile.t eq true and profile.o.X eq 2",
        "profile.list eq \"a\" and profile.list le 2 and profile.list eq false and profile.list pr",
        "profile.none eq null and profile.empty eq null and profile.blank eq null and profile.no eq null",
        "profile.blank eq \"\" and profile.blank co \"\" and profile.no ne \"\"",
        "profile pr and profile[o[x eq 1] and not (n lt 1)]",
    ] {
        assert!(Filter::parse(text).is_ok_and(|filter| filter.matches(&user())), "{text}");
    }
}

#[test]
fn a_filter_is_false_of_everything_else() {
    for text in [
        "name eq \"zoe strasse\"",
        "external_id eq \"ext-1\"",
        "id eq \"0120\"",
        "email ge \"\"",
        "profile.S pr",
        "profile.s eq \"ab\"",
        "profile.n eq \"1.5\"",
        "profile.s.x pr",
        "profile.list co \"deep\"",
        "profile.list.x eq 3 or profile.list.0 pr",
        "profile.list ne 2",
        "profile.o co \"\" or profile.o eq 1",
        "profile.no le 1 or profile.none eq false",
    ] {
        assert!(Filter::parse(text).is_ok_and(|filter| !filter.matches(&user())), "{text}");
    }
}
