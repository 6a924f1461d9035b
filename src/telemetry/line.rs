//! The values of a log line: each one escaped, so that it can neither start a line nor steer a terminal.

use std::error::Error;
use std::fmt::{self, Debug, Write as _};

use tracing::field::{Field, Visit};

/// Bytes of one value that are logged; what is longer is cut, so that the queue of lines is bounded in bytes too.
const MAX_VALUE_BYTES: usize = 8 * 1024;
/// Names that every line has or may have; an event's own field of that name gets a `_` behind it.
const RESERVED: [&str; 6] = ["timestamp", "level", "target", "message", "request_id", "trace_id"];

/// The ids of a span, for the lines of the events within it.
#[derive(Default)]
pub(super) struct Ids {
    request_id: String,
    trace_id: String,
}

impl Visit for Ids {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "request_id" => value.clone_into(&mut self.request_id),
            "trace_id" => value.clone_into(&mut self.trace_id),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if matches!(field.name(), "request_id" | "trace_id") {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}

/// The fields of one event, already in the form in which the line has them.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) json: bool,
    pub(super) message: String,
    pub(super) rest: String,
}

impl Fields {
    /// Adds the ids that the span has.
    pub(super) fn ids(&mut self, ids: &Ids) {
        for (name, value) in [("request_id", &ids.request_id), ("trace_id", &ids.trace_id)] {
            if !value.is_empty() {
                self.name(name, "");
                self.value(value);
            }
        }
    }

    fn name(&mut self, name: &str, suffix: &str) {
        self.rest.push_str(if self.json { ",\"" } else { " " });
        escape(&mut self.rest, name);
        self.rest.push_str(suffix);
        self.rest.push_str(if self.json { "\":" } else { "=" });
    }

    fn field(&mut self, field: &Field) {
        let name = field.name().trim_start_matches("r#");
        self.name(name, if RESERVED.contains(&name) { "_" } else { "" });
    }

    fn value(&mut self, text: &str) {
        let quoted = self.json || text.is_empty() || text.contains([' ', '"', '=']);
        self.rest.push_str(if quoted { "\"" } else { "" });
        escape(&mut self.rest, text);
        self.rest.push_str(if quoted { "\"" } else { "" });
    }

    fn bare(&mut self, field: &Field, value: impl fmt::Display) {
        self.field(field);
        let written = write!(self.rest, "{value}");
        debug_assert!(written.is_ok(), "a String takes every write");
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            escape(&mut self.message, value);
        } else {
            self.field(field);
            self.value(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        self.record_str(field, &text);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() { self.bare(field, value) } else { self.bare(field, "null") }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.bare(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, value);
    }
}

/// Appends `text` as the inside of a JSON string (RFC 8259 section 7), cut to `MAX_VALUE_BYTES`. Besides what
/// JSON demands, escapes whatever ends a line or changes a terminal's state or direction.
pub(super) fn escape(out: &mut String, text: &str) {
    let cut = text.floor_char_boundary(MAX_VALUE_BYTES);
    for c in text[..cut].chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => push_code(out, c),
            c if c.is_control() => push_code(out, c),
            c => out.push(c),
        }
    }
    if cut < text.len() {
        out.push('…');
    }
}

fn push_code(out: &mut String, c: char) {
    let written = write!(out, "\\u{:04x}", u32::from(c));
    debug_assert!(written.is_ok(), "a String takes every write");
}
