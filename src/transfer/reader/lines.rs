//! One JSON object on each line. Empty lines are passed over.

use super::source::{Source, next_line};
use super::{Kept, ReadError, ReaderOptions, Record, Take, object};
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
        let kept = if options.keep { Kept::Row(bytes.clone()) } else { Kept::Nothing };
        if !take(Record { line, row, kept }, bytes.len()) {
            return Ok(());
        }
    }
}
