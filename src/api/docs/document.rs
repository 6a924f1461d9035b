//! Reading an `OpenAPI` document as plain JSON; what is missing or of another type counts as empty.

use serde_json::Value;

/// More references in a row than any honest document has.
const MOST_HOPS: usize = 8;

/// The document that references point into.
#[derive(Clone, Copy)]
pub(super) struct Document<'a>(pub(super) &'a Value);

impl<'a> Document<'a> {
    /// What a local reference stands for; other values, and references to nowhere, as they are.
    pub(super) fn resolve(self, mut value: &'a Value) -> &'a Value {
        for _ in 0..MOST_HOPS {
            let target = text(value, "$ref").strip_prefix('#').and_then(|pointer| self.0.pointer(pointer));
            match target {
                Some(target) => value = target,
                None => break,
            }
        }
        value
    }

    /// The description beside a reference, or else the one at its target.
    pub(super) fn description(self, value: &'a Value) -> &'a str {
        match text(value, "description") {
            "" => text(self.resolve(value), "description"),
            own => own,
        }
    }
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or_default()
}

pub(super) fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    value
        .get(key)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

/// The last part of a reference, such as `User` of `#/components/schemas/User`.
pub(super) fn reference_name(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.rsplit('/').next()
}

/// `name` as part of an anchor.
pub(super) fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// A value as people write it: strings bare, everything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
