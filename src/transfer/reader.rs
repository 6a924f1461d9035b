//! Reading users from a stream of bytes, one row at a time and in bounded memory.

mod array;
mod kept;
mod lines;
mod source;
mod table;

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde_json::{Map, Value};
use thiserror::Error;

use super::format::Format;
use crate::model::import::{ImportRow, KeyBy};
use crate::model::json::{JsonError, parse_object};
use crate::model::place::Place;
use crate::model::user::{Field, FieldError, PROFILE_DEPTH_MAX};
pub use kept::Kept;
pub use source::ROW_BYTES_MAX;
use source::Source;

/// One row of the input.
#[derive(Debug)]
pub struct Record {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// What it says, or what is wrong with it.
    pub row: Result<ImportRow, Vec<FieldError>>,
    /// The row as it was read, when it may have to be shown again.
    pub kept: Kept,
}

/// Why reading ends before the end of the input.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The input is not what it should be as a whole; says where.
    #[error("line {line}: {detail}")]
    Content {
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        detail: String,
    },
    /// The mapping of columns does not fit the header.
    #[error("{0}")]
    Header(String),
    /// The input can't be read.
    #[error("the input can't be read: {0}")]
    Io(#[from] io::Error),
}

/// What the reader must know beside the bytes.
#[derive(Clone, Debug, Default)]
pub struct ReaderOptions {
    /// The form; found out by the first bytes when absent.
    pub format: Option<Format>,
    /// Names of columns or members, and the attributes that they mean; an empty attribute leaves a column out.
    pub map: Vec<(String, String)>,
    /// The attribute that is the key: `id` is read only when it is.
    pub key: KeyBy,
    /// Whether records carry their rows as they were read.
    pub keep: bool,
}

/// Takes a row and the number of bytes that it has in the input; false ends the reading.
pub type Take<'a> = &'a mut dyn FnMut(Record, usize) -> bool;

/// Hands each row to `take`, until it returns false or the input ends. Blocks while the input has nothing.
pub fn read(input: Box<dyn Read + Send>, options: &ReaderOptions, take: Take<'_>) -> Result<(), ReadError> {
    check_map(options)?;
    let mut source = Source::new(input)?;
    match options.format.unwrap_or_else(|| Format::of_content(source.start())) {
        Format::Csv => table::read(source, options, take),
        Format::Ndjson => lines::read(&mut source, options, take),
        Format::Json => array::read(&mut source, options, take),
    }
}

/// The attributes that a column may mean.
fn attribute(name: &str) -> Option<Field> {
    Field::parse(name)
        .filter(|field| !matches!(field, Field::Profile(path) if path.len() > PROFILE_DEPTH_MAX))
}

fn check_map(options: &ReaderOptions) -> Result<(), ReadError> {
    for (header, name) in &options.map {
        if !name.is_empty() && attribute(name).is_none() {
            return Err(ReadError::Header(format!(
                "{header}={name}: {name} is not an attribute; there are {} and profile.MEMBER",
                Field::NAMES.join(", ")
            )));
        }
    }
    Ok(())
}

/// The name that a column or member has in the directory; `None` leaves it out.
fn mapped<'a>(options: &'a ReaderOptions, name: &'a str) -> Option<&'a str> {
    let found = options.map.iter().find(|(header, _)| header == name);
    found.map_or(Some(name), |(_, attribute)| Some(attribute.as_str()).filter(|name| !name.is_empty()))
}

/// A JSON object as a row, or a row that was refused before.
fn object(bytes: &[u8], options: &ReaderOptions) -> Result<ImportRow, Vec<FieldError>> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| vec![FieldError::new("", not_utf8(bytes, &error))])?;
    let object = parse_object(text.as_bytes()).map_err(|error| match error {
        JsonError::Syntax(detail) => vec![FieldError::new("", format!("is not JSON: {detail}"))],
        JsonError::Content(errors) => errors,
    })?;
    let object = match kept::mended(object)? {
        kept::Mended::Cells(cells) => return table::of_cells(&cells, options),
        kept::Mended::Row(row) => row,
    };
    if options.map.is_empty() {
        return Ok(ImportRow { attributes: object, members: Vec::new() });
    }
    let mut row = ImportRow { attributes: Map::new(), members: Vec::new() };
    let mut errors = Vec::new();
    let mut meant = BTreeMap::new();
    for (member, value) in object {
        let Some(meaning) = mapped(options, &member) else { continue };
        if let Some(other) = meant.insert(meaning.to_owned(), member.clone()) {
            Place::ROOT
                .wrong(&mut errors, format!("has {other:?} and {member:?}, which both mean {meaning}"));
            continue;
        }
        // Only who maps a member can mean a place in the profile: as it stands, its name may have a dot in it.
        let path = match attribute(meaning) {
            Some(Field::Profile(path)) if !path.is_empty() && meaning != member => path,
            _ => {
                row.attributes.insert(meaning.to_owned(), value);
                continue;
            }
        };
        match value {
            Value::String(text) => row.members.push((path, Some(text))),
            Value::Null => row.members.push((path, None)),
            _ => Place::ROOT.member(&member).wrong(&mut errors, "must be a string or null"),
        }
    }
    if errors.is_empty() { Ok(row) } else { Err(errors) }
}

/// Says where bytes stop being UTF-8, and what they may be instead.
fn not_utf8(bytes: &[u8], error: &std::str::Utf8Error) -> String {
    let at = error.valid_up_to();
    let before = String::from_utf8_lossy(&bytes[..at]).chars().count();
    let byte = bytes.get(at).copied().unwrap_or_default();
    format!(
        "is not UTF-8: byte 0x{byte:02X} at character {}; the file may be in Windows-1252 or another encoding, \
         and must be saved as UTF-8",
        before + 1
    )
}

#[cfg(test)]
mod tests;
