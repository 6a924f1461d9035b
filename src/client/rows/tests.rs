//! The forms, item by item.

use super::*;

fn item(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn users() -> Vec<Box<RawValue>> {
    vec![
        item(r#"{"id":1,"name":"Ana","email":"a@x"}"#),
        item("{\"id\":2,\n \"name\":\"\\u001b[2J\u{9b}2J, \\\"q\\\"\",\"email\":null}"),
    ]
}

const PIPE: Screen = Screen { terminal: false, width: None };
const TERMINAL: Screen = Screen { terminal: true, width: Some(80) };

fn list(form: Form, screen: Screen, pages: &[Vec<Box<RawValue>>]) -> String {
    let mut out = Vec::new();
    let mut rows = Rows::new(&mut out, form, Layout::of_list(None), screen);
    for page in pages {
        rows.page(page).unwrap();
    }
    rows.end().unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn each_form_has_each_user_once() {
    let pages = [users(), vec![item(r#"{"id":3,"name":"Cleo","email":null}"#)]];
    let line = |id, name, email| format!("{id:<4}{name:<24}{email}").trim_end().to_owned() + "\n";
    let hostile = r#"\u001b[2J\u009b2J, "q""#;
    let table = [("ID", "NAME", "EMAIL"), ("1", "Ana", "a@x"), ("2", hostile, ""), ("3", "Cleo", "")];
    let table: String = table.into_iter().map(|(id, name, email)| line(id, name, email)).collect();
    assert_eq!(list(Form::Table, PIPE, &pages), table);
    let json = "[\n{\"id\":1,\"name\":\"Ana\",\"email\":\"a@x\"},\n\
                {\"id\":2,\"name\":\"\\u001b[2J\\u009b2J, \\\"q\\\"\",\"email\":null},\n\
                {\"id\":3,\"name\":\"Cleo\",\"email\":null}\n]\n";
    assert_eq!(list(Form::Json, PIPE, &pages), json);
    let lines: Vec<&str> =
        json.lines().filter(|line| line.len() > 1).map(|line| line.trim_end_matches(',')).collect();
    assert_eq!(list(Form::Ndjson, PIPE, &pages), format!("{}\n", lines.join("\n")));
    let csv = "id,name,email\r\n1,Ana,a@x\r\n2,\"\u{1b}[2J\u{9b}2J, \"\"q\"\"\",\r\n3,Cleo,\r\n";
    assert_eq!(list(Form::Csv, PIPE, &pages), csv);
}

#[test]
fn a_terminal_is_sent_nothing_that_it_obeys() {
    for form in [Form::Table, Form::Json, Form::Ndjson, Form::Csv] {
        let text = list(form, TERMINAL, &[users()]);
        assert!(text.chars().all(|c| !c.is_control() || c == '\n' || c == '\r'), "{form:?}: {text:?}");
        assert!(text.contains("\\u001b[2J\\u009b2J"), "{form:?}: {text:?}");
    }
}

#[test]
fn an_empty_list_is_one_too() {
    let list = |form| list(form, PIPE, &[Vec::new()]);
    assert_eq!(list(Form::Json), "[]\n");
    assert_eq!((list(Form::Ndjson).as_str(), list(Form::Table).as_str()), ("", ""));
    assert_eq!(list(Form::Csv), "id,name,email\r\n");
}

#[test]
fn a_single_user_stands_upright() {
    let single = |form| {
        let mut out = Vec::new();
        let mut rows = Rows::new(&mut out, form, Layout::of_list(Some("profile")), PIPE);
        rows.single(&item(r#"{"id":1,"name":"Ana","email":"a@x","profile":{"n":123456789012345678901234}}"#))
            .unwrap();
        String::from_utf8(out).unwrap()
    };
    assert!(single(Form::Table).starts_with("id       1\nname     Ana\nemail    a@x\nprofile  {"));
    let json = "{\"id\":1,\"name\":\"Ana\",\"email\":\"a@x\",\"profile\":{\"n\":123456789012345678901234}}\n";
    assert_eq!((single(Form::Json).as_str(), single(Form::Ndjson).as_str()), (json, json));
    assert!(single(Form::Csv).starts_with("id,name,email,profile\r\n1,Ana,a@x,\"{"));
}

#[test]
fn the_form_follows_the_place_unless_it_is_named() {
    assert_eq!(Form::of(OutputForm::Auto, TERMINAL), Form::Table);
    assert_eq!(Form::of(OutputForm::Auto, PIPE), Form::Ndjson);
    assert_eq!(Form::of(OutputForm::Csv, TERMINAL), Form::Csv);
    assert_eq!(Form::of(OutputForm::Table, PIPE), Form::Table);
}
