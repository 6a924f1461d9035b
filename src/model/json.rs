//! Strict JSON objects: what a request body may be before anyone looks at its attributes.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::place::Place;
use super::user::FieldError;

/// Why bytes are not an acceptable JSON object.
#[derive(Debug)]
pub enum JsonError {
    /// Not JSON at all (RFC 8259), or nested deeper than 128 levels; the text says where.
    Syntax(String),
    /// JSON, but with wrong content: not an object, or a name that occurs twice in one object.
    Content(Vec<FieldError>),
}

/// Reads one JSON object and refuses duplicate names, on which RFC 8259 section 4 lets parsers differ.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    match parse(bytes)? {
        Value::Object(map) => Ok(map),
        other => Err(JsonError::Content(vec![FieldError::new(
            "",
            format!("must be a JSON object, not {}", kind(&other)),
        )])),
    }
}

/// Names the JSON kind of a value, with its article, for messages.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The id in a body: any whole number from 1 as JSON Schema means it, so 3.0 is 3 (draft 2020-12, section 4.2.3).
/// Written with a fraction beyond 2^53 it may stand for several ids: then it is the last one, which nobody has.
pub fn id(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    const END: f64 = 9_223_372_036_854_775_808.0;
    let written = value.as_i64().filter(|id| *id > 0);
    let number = value.as_f64().filter(|number| (1.0..END).contains(number) && number.fract() == 0.0);
    written.or_else(|| number.map(|number| if number <= EXACT { truncated(number) } else { i64::MAX }))
}

#[expect(clippy::cast_possible_truncation, reason = "the number is whole and far from the ends of the type")]
fn truncated(number: f64) -> i64 {
    number as i64
}

fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let duplicates = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { at: Place::ROOT, duplicates: &duplicates }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| JsonError::Syntax(error.to_string()))?;
    let duplicates = duplicates.into_inner();
    if duplicates.is_empty() { Ok(value) } else { Err(JsonError::Content(duplicates)) }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    at: Place<'a>,
    duplicates: &'a RefCell<Vec<FieldError>>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let at = self.at.element(items.len());
            match access.next_element_seed(Strict { at, duplicates: self.duplicates })? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let at = self.at.member(&key);
            let value = access.next_value_seed(Strict { at, duplicates: self.duplicates })?;
            if map.contains_key(&key) {
                at.wrong(&mut self.duplicates.borrow_mut(), "occurs more than once");
            } else {
                map.insert(key, value);
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        match parse_object(text.as_bytes()) {
            Ok(_) => Vec::new(),
            Err(JsonError::Syntax(message)) => vec![message],
            Err(JsonError::Content(list)) => list.into_iter().map(|e| e.pointer).collect(),
        }
    }

    #[test]
    fn every_duplicate_is_named_by_its_place() {
        assert_eq!(errors(r#"{"a":1,"a":2,"b":{"c":[{"x/y":1,"x/y":1}]}}"#), ["/a", "/b/c/0/x~1y"]);
        assert!(errors(r#"{"a":{"b":1},"b":{"a":1}}"#).is_empty());
    }

    #[test]
    fn an_id_may_be_written_as_any_whole_number() {
        let read = |text: &str| id(&serde_json::from_str(text).unwrap());
        assert_eq!([read("3"), read("3.0"), read("3e2")], [Some(3), Some(3), Some(300)]);
        assert_eq!(
            [read("9223372036854775807"), read("9007199254740991")],
            [Some(i64::MAX), Some((1 << 53) - 1)]
        );
        assert_eq!(
            [read("9007199254740993.0"), read("9007199254740993")],
            [Some(i64::MAX), Some((1 << 53) + 1)]
        );
        assert_eq!(
            [read("0"), read("-0.0"), read("-1"), read("9223372036854775808"), read("1e300")],
            [None; 5]
        );
        assert_eq!([read("3.5"), read("\"3\""), read("true"), read("null")], [None; 4]);
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        assert_eq!(errors("[]"), [""]);
        assert!(errors("{} x")[0].contains("trailing"));
        assert!(errors(r#"{"a":1e400}"#)[0].contains("out of range"));
        assert!(
            errors(r#"{"a":"\ud800"}"#)[0].contains("surrogate") || !errors(r#"{"a":"\ud800"}"#).is_empty()
        );
        assert!(!errors(&"[".repeat(100_000)).is_empty());
    }
}
