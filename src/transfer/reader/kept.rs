//! Rows that were refused, as they are kept for whoever mends them, and as they come back.

use serde_json::{Map, Value, json};

use crate::model::json::parse_object;
use crate::model::user::FieldError;

/// A row as it was read.
#[derive(Clone, Debug, Default)]
pub enum Kept {
    /// Rows are not kept.
    #[default]
    Nothing,
    /// The bytes of a JSON object, or of what should be one.
    Row(Vec<u8>),
    /// The cells of a table by their columns; without those where there are too many or too few cells.
    Cells(Value),
}

impl Kept {
    /// The members that it has in a report: an object where that says exactly what was read, and can be read again;
    /// otherwise a text or an array, which must be written anew.
    pub fn add_to(&self, report: &mut Map<String, Value>) {
        match self {
            Self::Nothing => {}
            Self::Row(bytes) => {
                let object = parse_object(bytes).map(Value::Object);
                let row = object.unwrap_or_else(|_| String::from_utf8_lossy(bytes).into());
                report.insert(ROW.to_owned(), row);
            }
            Self::Cells(cells) => {
                report.insert(CELLS.to_owned(), cells.clone());
            }
        }
    }
}

const ROW: &str = "row";
const CELLS: &str = "cells";

/// What an object of the input says.
pub(super) enum Mended {
    /// Attributes, as in a body of the API.
    Row(Map<String, Value>),
    /// The cells of a table.
    Cells(Map<String, Value>),
}

/// Takes a row out of the report that it was kept in; any other object is a row itself.
pub(super) fn mended(mut object: Map<String, Value>) -> Result<Mended, Vec<FieldError>> {
    if object.len() != 3 || !["line", "errors"].iter().all(|name| object.contains_key(*name)) {
        return Ok(Mended::Row(object));
    }
    let is_table = object.contains_key(CELLS);
    let name = if is_table { CELLS } else { ROW };
    match object.remove(name) {
        Some(Value::Object(cells)) if is_table => Ok(Mended::Cells(cells)),
        Some(Value::Object(row)) => Ok(Mended::Row(row)),
        Some(_) => {
            let detail = "is not as it was read, and must be written anew as an object";
            Err(vec![FieldError::new(format!("/{name}"), detail)])
        }
        None => Ok(Mended::Row(object)),
    }
}

/// The cells of a row by their columns.
pub(super) fn cells<'a>(columns: impl ExactSizeIterator<Item = &'a str>, cells: &[&[u8]]) -> Kept {
    let texts: Option<Vec<&str>> = cells.iter().map(|cell| std::str::from_utf8(cell).ok()).collect();
    Kept::Cells(match texts {
        Some(texts) if texts.len() == columns.len() => {
            let cells = columns.zip(texts).map(|(column, text)| (column.to_owned(), text.into()));
            Value::Object(cells.collect())
        }
        _ => json!(cells.iter().map(|cell| String::from_utf8_lossy(cell)).collect::<Vec<_>>()),
    })
}
