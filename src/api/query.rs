//! Query strings, strictly: nothing unknown, nothing twice.

use std::collections::BTreeSet;

use axum::http::Uri;

use crate::error::{ApiError, ApiResult, Kind};

/// A decoded query string.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes the query string of a request.
    pub fn of(uri: &Uri) -> Self {
        Self(form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a whole number between two bounds.
    pub fn number(&self, name: &str, min: i64, max: i64) -> ApiResult<Option<i64>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let plain = text.strip_prefix('-').unwrap_or(text);
        if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ApiError::parameter(Kind::Malformed, name, "must be a whole number"));
        }
        match text.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => Err(ApiError::parameter(Kind::Invalid, name, format!("must lie between {min} and {max}"))),
        }
    }

    /// The same query with one parameter set anew, encoded.
    pub fn with(&self, name: &str, value: &str) -> String {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        encoded.extend_pairs(self.0.iter().filter(|(key, _)| key != name));
        encoded.append_pair(name, value).finish()
    }
}

/// Refuses parameters that an operation does not have, and any that come twice.
pub fn check(uri: &Uri, known: &BTreeSet<String>) -> ApiResult<()> {
    let query = Query::of(uri);
    let mut seen = BTreeSet::new();
    let odd = query.0.iter().find(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'));
    if let Some((name, _)) = odd.filter(|_| !is_utf8(uri)) {
        return Err(ApiError::parameter(Kind::Malformed, name, "is not UTF-8 after percent-decoding"));
    }
    for (name, _) in &query.0 {
        if !known.contains(name) {
            let list = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let has = if list.is_empty() { "it has none".to_owned() } else { format!("it has {list}") };
            return Err(ApiError::parameter(
                Kind::Invalid,
                name,
                format!("does not belong to this path; {has}"),
            ));
        }
        if !seen.insert(name) {
            return Err(ApiError::parameter(Kind::Invalid, name, "occurs more than once"));
        }
    }
    Ok(())
}

/// Whether the query string is UTF-8 after percent-decoding (RFC 3986 section 2.1).
fn is_utf8(uri: &Uri) -> bool {
    let mut decoded = Vec::new();
    let mut rest = uri.query().unwrap_or_default().as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| byte == b'%');
        decoded.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    std::str::from_utf8(&decoded).is_ok()
}
