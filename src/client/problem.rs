//! What a server says of an error.

use serde_json::Value;

use super::text::{shortened, visible};

/// The start of the types of Roster's problems.
const PREFIX: &str = "urn:roster:problem:";
/// Most characters that are told of one text of the server.
const TEXT_MAX: usize = 500;
/// Most places that are told.
const PLACES_MAX: usize = 20;

/// A problem (RFC 9457) as one line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The end of its type, when it is one of Roster's.
    pub(super) slug: Option<String>,
    /// Detail and places, harmless for a terminal.
    pub(super) line: String,
}

impl Problem {
    /// Reads a body; `None` when it is no problem.
    pub(super) fn read(content_type: Option<&str>, body: &[u8]) -> Option<Self> {
        let essence = content_type?.split(';').next()?.trim();
        if !essence.eq_ignore_ascii_case("application/problem+json") {
            return None;
        }
        let value: Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| value[name].as_str().filter(|text| !text.is_empty());
        let detail = text("detail").or_else(|| text("title")).unwrap_or("it does not say why");
        let mut line = visible(&shortened(detail, TEXT_MAX)).into_owned();
        let places = places(&value["errors"], detail);
        if !places.is_empty() {
            line = format!("{line} ({})", places.join("; "));
        }
        let slug = text("type").and_then(|kind| kind.strip_prefix(PREFIX)).map(str::to_owned);
        Some(Self { slug, line })
    }
}

/// Where something is wrong, and what, unless `told` says it already.
fn places(errors: &Value, told: &str) -> Vec<String> {
    let errors = errors.as_array().map(Vec::as_slice).unwrap_or_default();
    let place = |error: &Value| {
        let name = ["pointer", "parameter", "header"].iter().find_map(|kind| error[kind].as_str());
        let detail = error["detail"].as_str().filter(|detail| errors.len() > 1 || !told.contains(detail));
        let parts: Vec<&str> = [name, detail].into_iter().flatten().collect();
        visible(&shortened(&parts.join(": "), TEXT_MAX)).into_owned()
    };
    let mut places: Vec<String> =
        errors.iter().take(PLACES_MAX).map(place).filter(|place| !place.is_empty()).collect();
    if errors.len() > PLACES_MAX {
        places.push(format!("and {} more", errors.len() - PLACES_MAX));
    }
    places
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(body: &Value) -> String {
        let read =
            Problem::read(Some("application/problem+json; charset=utf-8"), body.to_string().as_bytes());
        read.unwrap().line
    }

    #[test]
    fn detail_and_places_make_one_line() {
        let one = json!({ "type": "urn:roster:problem:invalid", "title": "Values are wrong",
            "detail": "email must have the shape local@domain",
            "errors": [{ "pointer": "/email", "detail": "must have the shape local@domain" }] });
        assert_eq!(line(&one), "email must have the shape local@domain (/email)");
        let two = json!({ "detail": "2 values are wrong",
            "errors": [{ "pointer": "/email", "detail": "is bad" }, { "parameter": "limit", "detail": "is 0" }] });
        assert_eq!(line(&two), "2 values are wrong (/email: is bad; limit: is 0)");
        let many: Vec<Value> =
            (0..25).map(|at| json!({ "pointer": format!("/{at}"), "detail": "no" })).collect();
        assert!(line(&json!({ "detail": "x", "errors": many })).ends_with("/19: no; and 5 more)"));
    }

    #[test]
    fn a_hostile_server_cannot_speak_to_the_terminal() {
        let body =
            json!({ "detail": "\u{1b}]0;x\u{7}\n".repeat(300), "errors": [{ "pointer": "\u{9b}2J" }] });
        let line = line(&body);
        assert!(!line.contains(char::is_control) && line.chars().count() < 6000, "{line}");
    }

    #[test]
    fn odd_bodies_are_no_reason_to_fail() {
        for body in [json!({}), json!([]), json!({ "detail": 7, "errors": {} }), json!({ "errors": [1, {}] })]
        {
            assert_eq!(line(&body), "it does not say why");
        }
        assert_eq!(Problem::read(Some("application/json"), b"{}"), None);
        assert_eq!(Problem::read(Some("application/problem+json"), b"{"), None);
        assert_eq!(Problem::read(None, b"{}"), None);
    }
}
