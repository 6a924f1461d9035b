//! Example values and the command line of each operation.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::document::{Document, entries, flag, items, plain, text};
use super::markup::Markup;

/// Generated examples nest no deeper, so that recursive schemas end.
const DEEPEST: usize = 5;

/// The examples given with a media type, a parameter or a header, each with its name.
pub(super) fn given<'a>(document: Document<'a>, holder: &'a Value) -> Vec<(&'a str, &'a Value)> {
    let named = entries(holder, "examples").filter_map(|(name, example)| {
        let example = document.resolve(example);
        let title = Some(text(example, "summary")).filter(|summary| !summary.is_empty());
        example.get("value").map(|value| (title.unwrap_or(name), value))
    });
    holder.get("example").map(|value| ("", value)).into_iter().chain(named).collect()
}

/// An example of what a media type or a parameter holds: the first given one, or one made from the schema.
pub(super) fn of_holder(document: Document<'_>, holder: &Value) -> Value {
    match given(document, holder).first() {
        Some((_, value)) => (*value).clone(),
        None => holder.get("schema").map_or(Value::Null, |schema| of_schema(document, schema, DEEPEST)),
    }
}

fn of_schema(document: Document<'_>, schema: &Value, depth: usize) -> Value {
    let schema = document.resolve(schema);
    let stated = [schema.get("example"), items(schema, "examples").first(), schema.get("const")];
    let stated = stated.into_iter().chain([schema.get("default"), items(schema, "enum").first()]);
    if let Some(value) = stated.flatten().next() {
        return value.clone();
    }
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    let alternatives = items(schema, "oneOf").iter().chain(items(schema, "anyOf"));
    if let Some(first) = alternatives.into_iter().find(|one| text(one, "type") != "null") {
        return of_schema(document, first, depth);
    }
    let types = schema.get("type");
    let name = types.and_then(Value::as_str).or_else(|| {
        let names = types.and_then(Value::as_array)?.iter().filter_map(Value::as_str);
        names.into_iter().find(|name| *name != "null")
    });
    match name {
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("string") => json!(of_format(text(schema, "format"))),
        Some("array") => {
            json!([schema.get("items").map_or(Value::Null, |item| of_schema(document, item, depth))])
        }
        _ if !items(schema, "allOf").is_empty() || schema.get("properties").is_some() => {
            Value::Object(of_object(document, schema, depth))
        }
        Some("object") => json!({}),
        _ => Value::Null,
    }
}

/// The properties a client must send, or else the first few that it may.
fn of_object(document: Document<'_>, schema: &Value, depth: usize) -> Map<String, Value> {
    let mut object = Map::new();
    for part in items(schema, "allOf") {
        if let Value::Object(part) = of_schema(document, part, depth) {
            object.extend(part);
        }
    }
    let required = items(schema, "required");
    let writable: Vec<_> = entries(schema, "properties")
        .filter(|(_, property)| !flag(document.resolve(property), "readOnly"))
        .collect();
    let is_required = |name: &str| required.iter().any(|required| required == name);
    let some_required = writable.iter().any(|(name, _)| is_required(name));
    let shown = writable.into_iter().filter(|(name, _)| !some_required || is_required(name));
    for (name, property) in shown.take(if some_required { usize::MAX } else { 3 }) {
        object.insert(name.to_owned(), of_schema(document, property, depth));
    }
    object
}

fn of_format(format: &str) -> &'static str {
    match format {
        "date-time" => "2026-01-31T12:00:00Z",
        "date" => "2026-01-31",
        "email" | "idn-email" => "ada@example.com",
        "uuid" => "0197f0a2-5d1c-7c3e-9b1a-2f6d3c4b5a69",
        "uri" | "uri-reference" | "iri" => "https://example.com/",
        _ => "string",
    }
}

/// What the command line of an operation is made of.
pub(super) struct Request<'a> {
    pub(super) document: Document<'a>,
    /// Upper case.
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// With references resolved.
    pub(super) parameters: &'a [&'a Value],
    /// The request body's first media type.
    pub(super) body: Option<(&'a str, &'a Value)>,
    pub(super) needs_token: bool,
}

impl Request<'_> {
    /// The `curl` command; the server's origin is an element of its own, which the page's script fills in.
    pub(super) fn curl(&self) -> Markup {
        let server = items(self.document.0, "servers").first().map_or("", |server| text(server, "url"));
        let mut command = Markup::of_text("curl ");
        match self.method {
            "GET" => &mut command,
            "HEAD" => command.text("--head "),
            other => command.text("-X ").text(other).text(" "),
        };
        command.text("'");
        if server.starts_with("http") {
            command.text(server.trim_end_matches('/'));
        } else {
            command
                .html("<span class=\"origin\">http://127.0.0.1:8080</span>")
                .text(server.trim_end_matches('/'));
        }
        command.text(&self.target()).text("'");
        for (option, value) in self.options() {
            command.text(" \\\n  ").text(option).text(" ").text(&value);
        }
        command
    }

    fn options(&self) -> Vec<(&'static str, String)> {
        let mut options = Vec::new();
        if self.needs_token {
            options.push(("-H", "\"Authorization: Bearer $TOKEN\"".to_owned()));
        }
        for parameter in self.shown("header") {
            let value = plain(&of_holder(self.document, parameter));
            options.push(("-H", quoted(&format!("{}: {value}", text(parameter, "name")))));
        }
        if let Some((media_type, media)) = self.body {
            options.push(("-H", quoted(&format!("Content-Type: {media_type}"))));
            options.push(("--data-raw", quoted(&plain(&of_holder(self.document, media)))));
        }
        options
    }

    /// The path with its values, and the query.
    fn target(&self) -> String {
        let mut target = self.path.to_owned();
        for parameter in self.parameters.iter().filter(|parameter| text(parameter, "in") == "path") {
            let value = plain(&of_holder(self.document, parameter));
            target = target.replace(&format!("{{{}}}", text(parameter, "name")), &percent_encoded(&value));
        }
        for (index, parameter) in self.shown("query").enumerate() {
            let value = percent_encoded(&plain(&of_holder(self.document, parameter)));
            let mark = if index == 0 { '?' } else { '&' };
            target.push(mark);
            target.push_str(&percent_encoded(text(parameter, "name")));
            target.push('=');
            target.push_str(&value);
        }
        target
    }

    /// The required parameters at `place`, or else the first that comes with an example: more might not go together.
    fn shown(&self, place: &str) -> impl Iterator<Item = &Value> {
        let there = |parameter: &&Value| text(parameter, "in") == place;
        let mut shown: Vec<_> = self.parameters.iter().copied().filter(there).collect();
        if shown.iter().any(|parameter| flag(parameter, "required")) {
            shown.retain(|parameter| flag(parameter, "required"));
        } else {
            shown.retain(|parameter| place == "query" && !given(self.document, parameter).is_empty());
            shown.truncate(1);
        }
        shown.into_iter()
    }
}

/// In single quotes for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// RFC 3986 section 2.1, also of what would mean something to curl; a few harmless marks stay legible.
fn percent_encoded(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap_or_default();
        }
    }
    encoded
}
