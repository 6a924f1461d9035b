//! Which media type an answer has, and how users are written in each.

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult, Kind};
use crate::model::user::Field;
use crate::store::list::Item;

pub use crate::transfer::format::Format;

/// Picks the form that the client likes best (RFC 9110 section 12.5.1) among those offered.
pub fn negotiate(headers: &HeaderMap, offered: &[Format]) -> ApiResult<Format> {
    let ranges: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .collect();
    if ranges.is_empty() {
        return offered.first().copied().ok_or_else(|| not_acceptable(offered));
    }
    let mut best: Option<(f32, Format)> = None;
    for &format in offered {
        let quality = quality_of(format.essence(), &ranges);
        if quality > best.map_or(0.0, |(quality, _)| quality) {
            best = Some((quality, format));
        }
    }
    best.map(|(_, format)| format).ok_or_else(|| not_acceptable(offered))
}

fn not_acceptable(offered: &[Format]) -> ApiError {
    let list = offered.iter().map(|format| format.essence()).collect::<Vec<_>>().join(", ");
    ApiError::header(Kind::NotAcceptable, &header::ACCEPT, format!("must allow one of {list}"))
}

/// The weight of the most specific range that covers a media type; 0 when none does.
fn quality_of(essence: &str, ranges: &[&str]) -> f32 {
    let mut found = (0, 0.0);
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let rank = match name.strip_suffix("/*") {
            _ if name == essence => 3,
            _ if name == "*/*" => 1,
            Some(kind) if essence.split('/').next() == Some(kind) => 2,
            _ => continue,
        };
        let quality = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(1.0, |quality| quality.trim().parse::<f32>().unwrap_or(0.0));
        if rank > found.0 {
            found = (rank, quality);
        }
    }
    found.1
}

/// Writes a list in one form.
#[derive(Clone, Debug)]
pub struct Writer {
    format: Format,
    fields: Vec<Field>,
    first: bool,
}

impl Writer {
    /// A writer of the three attributes of the first version, and of these.
    pub fn new(format: Format, fields: Vec<Field>) -> Self {
        Self { format, fields, first: true }
    }

    /// What stands before the first user.
    pub fn begin(&self, out: &mut Vec<u8>) {
        match self.format {
            Format::Json => out.push(b'['),
            Format::Ndjson => {}
            Format::Csv => {
                let names = Field::V1.iter().chain(&self.fields).map(|field| field.name().into_owned());
                csv_line(out, names);
            }
        }
    }

    /// One user.
    pub fn item(&mut self, out: &mut Vec<u8>, item: &Item<'_>) {
        match self.format {
            Format::Json => {
                if !self.first {
                    out.push(b',');
                }
                self.object(out, item);
            }
            Format::Ndjson => {
                self.object(out, item);
                out.push(b'\n');
            }
            Format::Csv => self.line(out, item),
        }
        self.first = false;
    }

    /// What stands after the last user.
    pub fn end(&self, out: &mut Vec<u8>) {
        if self.format == Format::Json {
            out.push(b']');
        }
    }

    fn object(&self, out: &mut Vec<u8>, item: &Item<'_>) {
        // Writing to a Vec can't fail.
        out.extend_from_slice(b"{\"id\":");
        let _ = serde_json::to_writer(&mut *out, &item.id);
        out.extend_from_slice(b",\"name\":");
        let _ = serde_json::to_writer(&mut *out, item.name);
        out.extend_from_slice(b",\"email\":");
        let _ = serde_json::to_writer(&mut *out, &item.email);
        for (name, value) in self.more(item) {
            out.push(b',');
            let _ = serde_json::to_writer(&mut *out, &name);
            out.push(b':');
            let _ = serde_json::to_writer(&mut *out, &value);
        }
        out.push(b'}');
    }

    /// The attributes beyond the three, profile paths merged into one object.
    fn more(&self, item: &Item<'_>) -> Map<String, Value> {
        let mut map = Map::new();
        let Some(user) = &item.user else { return map };
        for field in &self.fields {
            let Some(value) = user.attribute(field) else { continue };
            match field {
                Field::Profile(path) if !path.is_empty() => {
                    let mut place = map.entry("profile").or_insert_with(|| Value::Object(Map::new()));
                    for step in path {
                        if !place.is_object() {
                            break;
                        }
                        place = &mut place[step.as_str()];
                        if place.is_null() {
                            *place = Value::Object(Map::new());
                        }
                    }
                    *place = value;
                }
                _ => {
                    map.insert(field.name().into_owned(), value);
                }
            }
        }
        map
    }

    fn line(&self, out: &mut Vec<u8>, item: &Item<'_>) {
        let mut cells =
            vec![item.id.to_string(), item.name.to_owned(), item.email.unwrap_or_default().to_owned()];
        for field in &self.fields {
            cells.push(match item.user.as_ref().and_then(|user| user.attribute(field)) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text,
                Some(other) => other.to_string(),
            });
        }
        csv_line(out, cells.into_iter());
    }
}

fn csv_line(out: &mut Vec<u8>, cells: impl Iterator<Item = String>) {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).buffer_capacity(512).from_writer(out);
    // Writing to a Vec can't fail.
    let _ = writer.write_record(cells.map(String::into_bytes));
    let _ = writer.flush();
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn pick(accept: &str) -> Option<Format> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        negotiate(&headers, &Format::ALL).ok()
    }

    #[test]
    fn the_client_chooses() {
        assert_eq!(pick("*/*"), Some(Format::Json));
        assert_eq!(pick("text/html, */*;q=0.8"), Some(Format::Json));
        assert_eq!(pick("text/csv"), Some(Format::Csv));
        assert_eq!(pick("application/json;q=0.5, application/x-ndjson"), Some(Format::Ndjson));
        assert_eq!(pick("*/*, application/json;q=0"), Some(Format::Ndjson));
        assert_eq!(pick("text/*"), Some(Format::Csv));
        assert_eq!(pick("image/png"), None);
    }
}
