//! What the page shows, gathered from the document.

use std::collections::HashSet;

use serde_json::Value;

use super::document::{Document, entries, flag, items, slug, text};
use super::example::{self, Request};
use super::markup::Markup;
use super::schema::{Field, SchemaView, constraints, kind};

/// The methods of a path item, in the order shown.
const METHODS: [&str; 8] = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];

/// The operations of one tag.
pub(super) struct Group {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: Markup,
    pub(super) operations: Vec<Operation>,
}

pub(super) struct Operation {
    pub(super) id: String,
    /// Lower case.
    pub(super) method: &'static str,
    /// With a chance to break the line at each slash.
    pub(super) path: Markup,
    pub(super) summary: String,
    pub(super) description: Markup,
    pub(super) deprecated: bool,
    /// What a caller must show, such as `bearer token (users:write)`; empty where nothing.
    pub(super) security: Vec<String>,
    pub(super) parameters: Vec<Field>,
    pub(super) body: Option<Body>,
    pub(super) responses: Vec<Response>,
    pub(super) curl: Markup,
}

pub(super) struct Body {
    pub(super) required: bool,
    pub(super) description: Markup,
    pub(super) media: Vec<Media>,
}

pub(super) struct Media {
    pub(super) name: String,
    pub(super) schema: Option<SchemaView>,
    /// Title (may be empty) and text.
    pub(super) examples: Vec<(String, String)>,
}

pub(super) struct Response {
    pub(super) status: String,
    /// The first character of the status: `2` to `5`, or `d` for `default`.
    pub(super) class: char,
    pub(super) description: Markup,
    pub(super) headers: Vec<Field>,
    pub(super) media: Vec<Media>,
}

/// A schema of the schemas section.
pub(super) struct NamedSchema {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) schema: SchemaView,
    pub(super) examples: Vec<String>,
}

/// A way to authenticate.
pub(super) struct SecurityScheme {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) description: Markup,
}

/// All operations by their first tag: the tags in the document's order, then those it does not list.
pub(super) fn groups(document: Document<'_>) -> Vec<Group> {
    let mut ids = HashSet::new();
    let mut groups: Vec<_> =
        items(document.0, "tags").iter().map(|tag| group(text(tag, "name"), tag)).collect();
    for (path, item) in entries(document.0, "paths") {
        let item = document.resolve(item);
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let tag = items(operation, "tags").first().and_then(Value::as_str).unwrap_or("Other");
            let mut operation = Reader { document, path, item, operation }.operation(method);
            while !ids.insert(operation.id.clone()) {
                operation.id.push('-');
            }
            match groups.iter_mut().find(|group| group.name == tag) {
                Some(group) => group.operations.push(operation),
                None => groups.push(Group { operations: vec![operation], ..group(tag, &Value::Null) }),
            }
        }
    }
    groups.retain(|group| !group.operations.is_empty());
    groups
}

fn group(name: &str, tag: &Value) -> Group {
    Group {
        id: format!("tag-{}", slug(name)),
        name: name.to_owned(),
        description: Markup::of_markdown(text(tag, "description")),
        operations: Vec::new(),
    }
}

pub(super) fn schemas(document: Document<'_>) -> Vec<NamedSchema> {
    let components = document.0.get("components").unwrap_or(&Value::Null);
    let named = entries(components, "schemas").map(|(name, schema)| NamedSchema {
        id: format!("schema-{}", slug(name)),
        name: name.to_owned(),
        schema: SchemaView::of(document, schema),
        examples: schema
            .get("example")
            .into_iter()
            .chain(items(schema, "examples"))
            .filter(|example| example.is_object())
            .map(pretty)
            .collect(),
    });
    named.collect()
}

pub(super) fn security_schemes(document: Document<'_>) -> Vec<SecurityScheme> {
    let components = document.0.get("components").unwrap_or(&Value::Null);
    let schemes = entries(components, "securitySchemes").map(|(name, scheme)| SecurityScheme {
        name: name.to_owned(),
        kind: scheme_kind(document.resolve(scheme)),
        description: Markup::of_markdown(document.description(scheme)),
    });
    schemes.collect()
}

fn scheme_kind(scheme: &Value) -> String {
    match (text(scheme, "type"), text(scheme, "scheme")) {
        ("http", scheme) => format!("HTTP {scheme} authentication"),
        ("apiKey", _) => format!("key in {} {}", text(scheme, "in"), text(scheme, "name")),
        ("openIdConnect", _) => "OpenID Connect".to_owned(),
        ("oauth2", _) => "OAuth 2.0".to_owned(),
        ("mutualTLS", _) => "client certificate".to_owned(),
        (other, _) => other.to_owned(),
    }
}

/// Indented JSON; a string is shown as it is, for it stands for a text format.
fn pretty(value: &Value) -> String {
    value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned)
}

/// An operation with what surrounds it.
struct Reader<'a> {
    document: Document<'a>,
    path: &'a str,
    item: &'a Value,
    operation: &'a Value,
}

impl<'a> Reader<'a> {
    fn operation(&self, method: &'static str) -> Operation {
        let parameters = self.parameters();
        let body = self.operation.get("requestBody").map(|body| self.document.resolve(body));
        let security = self.security();
        let upper = method.to_ascii_uppercase();
        let name = match text(self.operation, "operationId") {
            "" => slug(&format!("{method} {}", self.path)),
            id => slug(id),
        };
        let request = Request {
            document: self.document,
            method: &upper,
            path: self.path,
            parameters: &parameters,
            body: body.and_then(|body| entries(body, "content").next()),
            needs_token: security.iter().any(|way| way.starts_with("bearer")),
        };
        Operation {
            id: format!("op-{name}"),
            method,
            path: Markup::of_path(self.path),
            summary: text(self.operation, "summary").to_owned(),
            description: Markup::of_markdown(text(self.operation, "description")),
            deprecated: flag(self.operation, "deprecated"),
            curl: request.curl(),
            parameters: parameters.iter().map(|parameter| self.parameter(parameter)).collect(),
            body: body.map(|body| self.body(body)),
            responses: self.responses(),
            security,
        }
    }

    /// The path's parameters that the operation does not redefine, then its own.
    fn parameters(&self) -> Vec<&'a Value> {
        let resolved =
            |holder: &'a Value| items(holder, "parameters").iter().map(|one| self.document.resolve(one));
        let own: Vec<_> = resolved(self.operation).collect();
        let same = |a: &Value, b: &Value| a.get("name") == b.get("name") && a.get("in") == b.get("in");
        let shared = resolved(self.item).filter(|shared| !own.iter().any(|own| same(own, shared)));
        let mut all: Vec<_> = shared.collect();
        all.extend(own);
        all
    }

    fn parameter(&self, parameter: &Value) -> Field {
        let media = entries(parameter, "content").next();
        let schema = parameter.get("schema").or_else(|| media?.1.get("schema")).unwrap_or(&Value::Null);
        let mut field = Field::of(self.document, text(parameter, "name").to_owned(), schema);
        if !text(parameter, "description").is_empty() {
            field.description = Markup::of_markdown(text(parameter, "description"));
        }
        // The parameter's own example stands for the schema's, as everything else here.
        let mut own = constraints(parameter);
        if own.iter().any(|constraint| constraint.label == "e.g.") {
            field.constraints.retain(|constraint| constraint.label != "e.g.");
        }
        field.constraints.append(&mut own);
        text(parameter, "in").clone_into(&mut field.place);
        field.required = flag(parameter, "required");
        field.deprecated |= flag(parameter, "deprecated");
        field
    }

    /// Each way in, the requirements that must be met together joined by “and”.
    fn security(&self) -> Vec<String> {
        let own = self.operation.get("security").and_then(Value::as_array);
        let ways = own.map_or_else(|| items(self.document.0, "security"), Vec::as_slice);
        ways.iter().filter_map(Value::as_object).map(|way| self.way_in(way)).collect()
    }

    fn way_in(&self, way: &serde_json::Map<String, Value>) -> String {
        let requirements = way.iter().map(|(name, scopes)| {
            let pointer = format!("/components/securitySchemes/{name}/scheme");
            let is_bearer = self.document.0.pointer(&pointer).and_then(Value::as_str) == Some("bearer");
            let scopes: Vec<_> = scopes.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let label = if is_bearer { "bearer token" } else { name };
            if scopes.is_empty() { label.to_owned() } else { format!("{label} ({})", scopes.join(", ")) }
        });
        let requirements: Vec<_> = requirements.collect();
        if requirements.is_empty() { "no credentials".to_owned() } else { requirements.join(" and ") }
    }

    fn body(&self, body: &Value) -> Body {
        Body {
            required: flag(body, "required"),
            description: Markup::of_markdown(text(body, "description")),
            media: self.media(body),
        }
    }

    fn media(&self, holder: &Value) -> Vec<Media> {
        let media = entries(holder, "content").map(|(name, media)| Media {
            name: name.to_owned(),
            schema: media.get("schema").map(|schema| SchemaView::of(self.document, schema)),
            examples: example::given(self.document, media)
                .into_iter()
                .map(|(title, value)| (title.to_owned(), pretty(value)))
                .collect(),
        });
        media.collect()
    }

    fn responses(&self) -> Vec<Response> {
        let responses = entries(self.operation, "responses").map(|(status, response)| {
            let resolved = self.document.resolve(response);
            let headers = entries(resolved, "headers").map(|(name, header)| {
                let mut field = self.parameter(self.document.resolve(header));
                name.clone_into(&mut field.name);
                field
            });
            Response {
                status: status.to_owned(),
                class: status.chars().next().unwrap_or('d'),
                description: Markup::of_markdown(self.document.description(response)),
                headers: headers.collect(),
                media: self.media(resolved),
            }
        });
        responses.collect()
    }
}

impl Media {
    /// The schema in a word or two.
    pub(super) fn kind(&self) -> Markup {
        self.schema.as_ref().map_or_else(|| kind(&Value::Bool(true)), |schema| schema.kind.clone())
    }
}
