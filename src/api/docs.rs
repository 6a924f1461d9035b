//! The API reference for people: one HTML page made from the `OpenAPI` document, which asks for nothing else
//! and reads the same without its script.

mod document;
mod example;
mod markup;
mod model;
mod schema;

use askama::Template;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use sha2::{Digest, Sha256};

use document::{Document, text};
use markup::Markup;
use model::{Group, NamedSchema, SecurityScheme};

const STYLE: &str = include_str!("../../templates/docs.css");
const SCRIPT: &str = include_str!("../../templates/docs.js");

#[derive(Template)]
#[template(path = "docs.html")]
struct Page<'a> {
    title: &'a str,
    version: &'a str,
    summary: &'a str,
    description: Markup,
    security: Vec<SecurityScheme>,
    groups: Vec<Group>,
    schemas: Vec<NamedSchema>,
    style: &'static str,
    script: &'static str,
}

/// The reference for `document`, an `OpenAPI` 3.1 document; what is missing in it is left out of the page.
///
/// To be served with [`content_security_policy`].
///
/// # Errors
///
/// When the template cannot be rendered, which no document brings about.
pub fn page(document: &Value) -> Result<String, askama::Error> {
    let info = document.get("info").unwrap_or(&Value::Null);
    let document = Document(document);
    let page = Page {
        title: text(info, "title"),
        version: text(info, "version"),
        summary: text(info, "summary"),
        description: Markup::of_markdown(text(info, "description")),
        security: model::security_schemes(document),
        groups: model::groups(document),
        schemas: model::schemas(document),
        style: STYLE,
        script: SCRIPT,
    };
    page.render()
}

/// The value of the `Content-Security-Policy` header for every [`page`] (CSP Level 3): its own style and script, told
/// by their hashes, its empty icon, and nothing else.
pub fn content_security_policy() -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        source_hash(STYLE),
        source_hash(SCRIPT)
    )
}

fn source_hash(source: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(source)))
}

#[cfg(test)]
mod tests;
