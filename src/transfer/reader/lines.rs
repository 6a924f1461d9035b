//! One JSON object on each line. Empty lines are passed over.

use super::source::{Source, next_line};
use super::{ReadError, ReaderOptions, Record, Take, object};
use crate::model::user::FieldError;

pub(super) fn read(source: &mut Source, options: &ReaderOptions, take: Take<'_>) -> Result<(), ReadError> {
    let gauge = source.gauge();
    let mut bytes = Vec::new();
    loop {
        let line = gauge.line();
        let row = match next_line(source, &mut bytes)? {
            None => return Ok(()),
            Some(Ok(())) if bytes.trim_ascii().is_empty() => continue,
            Some(Ok(())) => object(&bytes, options),
            Some(Err(error)) => Err(vec![FieldError::new("", error.to_string())]),
        };
        let text =
            if options.keep_text { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() };
        if !take(Record { line, row, text }, bytes.len()) {
            return Ok(());
        }
    }
}
