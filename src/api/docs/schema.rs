//! JSON Schemas (draft 2020-12, as `OpenAPI` 3.1 uses them) as tables for people.

use askama::Template;
use serde_json::Value;

use super::document::{Document, entries, flag, items, plain, reference_name, slug, text};
use super::markup::Markup;

/// Property tables nest no deeper; what lies below is in the linked schemas.
const DEEPEST: usize = 6;

/// One schema: what kind of value it is and, for objects, its properties.
#[derive(Template)]
#[template(path = "docs_schema.html")]
pub(super) struct SchemaView {
    pub(super) kind: Markup,
    pub(super) constraints: Vec<Constraint>,
    pub(super) description: Markup,
    pub(super) fields: Vec<Field>,
    /// Whether `kind` is nothing but the link to this schema.
    pub(super) named: bool,
    /// The alternatives that are spelled out here; those with a name are links in `kind`.
    pub(super) variants: Vec<SchemaView>,
}

/// A property, parameter or header.
pub(super) struct Field {
    pub(super) name: String,
    /// Where a parameter goes: `path`, `query`, `header` or `cookie`; empty for properties.
    pub(super) place: String,
    pub(super) required: bool,
    pub(super) deprecated: bool,
    pub(super) kind: Markup,
    pub(super) constraints: Vec<Constraint>,
    pub(super) description: Markup,
}

/// Something a value must satisfy, or that is good to know of it: a word or two, and mostly a literal.
#[derive(Template)]
#[template(path = "docs_constraint.html")]
pub(super) struct Constraint {
    pub(super) label: String,
    pub(super) value: String,
}

impl SchemaView {
    pub(super) fn of(document: Document<'_>, schema: &Value) -> Self {
        let own = document.resolve(schema);
        let alternatives = [items(own, "oneOf"), items(own, "anyOf")].concat();
        let spelled_out = alternatives.iter().any(|alternative| !fields(document, alternative).is_empty());
        let inline =
            alternatives.iter().filter(|alternative| spelled_out && reference_name(alternative).is_none());
        Self {
            kind: kind(schema),
            named: reference_name(schema).is_some(),
            constraints: constraints(own),
            description: Markup::of_markdown(document.description(schema)),
            fields: fields(document, own),
            variants: inline.map(|alternative| Self::of(document, alternative)).collect(),
        }
    }

    /// Whether the schema has no name of its own to link to, and more to tell than `kind` does.
    pub(super) fn is_spelled_out(&self) -> bool {
        !self.named && (!self.fields.is_empty() || !self.variants.is_empty())
    }
}

impl Field {
    pub(super) fn of(document: Document<'_>, name: String, schema: &Value) -> Self {
        let own = document.resolve(schema);
        Self {
            name,
            place: String::new(),
            required: false,
            deprecated: flag(own, "deprecated"),
            kind: kind(schema),
            constraints: if reference_name(schema).is_some() { Vec::new() } else { constraints(own) },
            description: Markup::of_markdown(document.description(schema)),
        }
    }

    /// The name, with a chance to break the line after each dot.
    pub(super) fn label(&self) -> Markup {
        let mut label = Markup::default();
        for part in self.name.split_inclusive('.') {
            label.html(if label.is_empty() { "" } else { "<wbr>" }).text(part);
        }
        label
    }
}

/// The properties of an object schema and of its nested objects, dotted.
fn fields(document: Document<'_>, schema: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    if reference_name(schema).is_none() {
        add_fields(document, schema, "", DEEPEST, &mut fields);
    }
    fields
}

fn add_fields(document: Document<'_>, schema: &Value, prefix: &str, depth: usize, fields: &mut Vec<Field>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for part in items(schema, "allOf") {
        add_fields(document, document.resolve(part), prefix, depth, fields);
    }
    let required = items(schema, "required");
    for (name, property) in entries(schema, "properties") {
        let path = format!("{prefix}{name}");
        let mut field = Field::of(document, path.clone(), property);
        field.required = required.iter().any(|required| required == name);
        fields.push(field);
        add_nested(document, property, &path, depth, fields);
    }
    if let Some(others) = schema.get("additionalProperties").filter(|others| others.is_object()) {
        add_nested(document, others, &format!("{prefix}*"), depth, fields);
    }
    if let Some(item) =
        schema.get("items").filter(|_| prefix.is_empty() && schema.get("properties").is_none())
    {
        add_nested(document, item, "[]", depth, fields);
    }
}

/// The properties below a property that spells its schema out.
fn add_nested(document: Document<'_>, schema: &Value, path: &str, depth: usize, fields: &mut Vec<Field>) {
    if reference_name(schema).is_some() {
        return;
    }
    add_fields(document, schema, &format!("{path}."), depth, fields);
    for alternative in items(schema, "oneOf").iter().chain(items(schema, "anyOf")) {
        add_nested(document, alternative, path, depth.saturating_sub(1), fields);
    }
    if let Some(item) = schema.get("items") {
        add_nested(document, item, &format!("{path}[]"), depth.saturating_sub(1), fields);
    }
}

/// The kind of value a schema describes, such as `string (email) or null`, with links to named schemas.
pub(super) fn kind(schema: &Value) -> Markup {
    if let Some(name) = reference_name(schema) {
        let mut link = Markup::default();
        link.html("<a href=\"#schema-").text(&slug(name)).html("\">").text(name).html("</a>");
        return link;
    }
    let alternatives = items(schema, "oneOf").iter().chain(items(schema, "anyOf"));
    let (nulls, mut kinds): (Vec<_>, Vec<_>) = alternatives.partition(|one| text(one, "type") == "null");
    kinds.extend(nulls);
    if !kinds.is_empty() {
        return joined(kinds.into_iter().map(kind), " or ");
    }
    if !items(schema, "allOf").is_empty() {
        let own = schema.get("properties").map(|_| Markup::of_text("object"));
        return joined(items(schema, "allOf").iter().map(kind).chain(own), " and ");
    }
    match schema.get("type") {
        Some(Value::Array(types)) => {
            joined(types.iter().filter_map(Value::as_str).map(|name| simple_kind(schema, name)), " or ")
        }
        Some(Value::String(name)) => simple_kind(schema, name),
        _ => untyped_kind(schema),
    }
}

fn joined(kinds: impl Iterator<Item = Markup>, between: &'static str) -> Markup {
    let mut all: Vec<String> = Vec::new();
    let mut markup = Markup::default();
    for kind in kinds {
        if all.contains(&kind.to_string()) {
            continue;
        }
        markup.html(if all.is_empty() { "" } else { between }).push(&kind);
        all.push(kind.to_string());
    }
    markup
}

fn simple_kind(schema: &Value, name: &str) -> Markup {
    let mut kind = Markup::default();
    let others = schema.get("additionalProperties").filter(|others| others.is_object());
    match (name, schema.get("items"), others) {
        ("array", Some(items), _) => kind.html("array of ").push(&self::kind(items)),
        ("object", _, Some(others)) if schema.get("properties").is_none() => {
            kind.html("map of string to ").push(&self::kind(others))
        }
        ("null", ..) => kind.text(name),
        _ => match text(schema, "format") {
            "" => kind.text(name),
            format => kind.text(name).text(" (").text(format).text(")"),
        },
    };
    kind
}

fn untyped_kind(schema: &Value) -> Markup {
    let sample = schema.get("const").or_else(|| items(schema, "enum").first());
    Markup::of_text(match sample {
        Some(Value::String(_)) => "string",
        Some(Value::Number(_)) => "number",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Null) => "null",
        _ if schema.get("properties").is_some() => "object",
        _ if schema == &Value::Bool(false) => "never",
        _ => "any",
    })
}

/// The constraints a schema states itself; those of an array's items follow with the word “each”.
pub(super) fn constraints(schema: &Value) -> Vec<Constraint> {
    let mut found = Vec::new();
    let mut add = |label: &str, value: String| found.push(Constraint { label: label.to_owned(), value });
    let allowed: Vec<_> = items(schema, "enum").iter().map(plain).collect();
    if !allowed.is_empty() {
        add("one of", allowed.join(" | "));
    }
    for (lower, upper, label) in RANGES {
        if let Some(range) = range(schema.get(*lower), schema.get(*upper)) {
            add(label, range);
        }
    }
    for (key, label) in NAMED {
        if let Some(value) = schema.get(*key) {
            add(label, plain(value));
        }
    }
    for (key, label) in FLAGS {
        if flag(schema, key) {
            add(label, String::new());
        }
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        add("no other properties", String::new());
    }
    let example = schema.get("example").or_else(|| items(schema, "examples").first());
    if let Some(example) = example.filter(|example| !example.is_object()) {
        add("e.g.", plain(example));
    }
    let of_each = schema.get("items").map(constraints).unwrap_or_default();
    found.extend(of_each.into_iter().map(|of| Constraint { label: format!("each {}", of.label), ..of }));
    found
}

fn range(lower: Option<&Value>, upper: Option<&Value>) -> Option<String> {
    match (lower, upper) {
        (Some(lower), Some(upper)) if lower == upper => Some(lower.to_string()),
        (Some(lower), Some(upper)) => Some(format!("{lower}–{upper}")),
        (Some(lower), None) => Some(format!("≥ {lower}")),
        (None, Some(upper)) => Some(format!("≤ {upper}")),
        (None, None) => None,
    }
}

const RANGES: &[(&str, &str, &str)] = &[
    ("minLength", "maxLength", "length"),
    ("minItems", "maxItems", "items"),
    ("minProperties", "maxProperties", "entries"),
    ("minimum", "maximum", "value"),
];

const NAMED: &[(&str, &str)] = &[
    ("const", "always"),
    ("exclusiveMinimum", ">"),
    ("exclusiveMaximum", "<"),
    ("multipleOf", "multiple of"),
    ("pattern", "pattern"),
    ("contentMediaType", "content"),
    ("default", "default"),
];

const FLAGS: &[(&str, &str)] =
    &[("uniqueItems", "no duplicates"), ("readOnly", "read-only"), ("writeOnly", "write-only")];
