//! CSV as it occurs: comma, semicolon or tab, quoted line ends, CRLF or LF, with a header line.

use serde_json::{Map, Value};

use super::source::{Gauge, Source, at_line};
use super::{Kept, ReadError, ReaderOptions, Record, Take, attribute, kept, mapped, not_utf8};
use crate::model::import::{ImportRow, KeyBy};
use crate::model::place::{ERRORS_MAX, Place};
use crate::model::user::{Field, FieldError, PROFILE_VALUES_MAX, READ_ONLY};
use crate::transfer::cells;

/// Most columns: more than a profile may have values.
const COLUMNS_MAX: usize = 2 * PROFILE_VALUES_MAX;

/// What one column means.
struct Column {
    header: String,
    /// `None` when it is left out.
    field: Option<Field>,
}

pub(super) fn read(source: Source, options: &ReaderOptions, take: Take<'_>) -> Result<(), ReadError> {
    let delimiter = delimiter(source.start());
    // The reader counts the line feed after a carriage return with the next row.
    let first = source.start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    let crlf = first.ends_with(b"\r");
    let gauge = source.gauge();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .buffer_capacity(8 << 10)
        .from_reader(source);
    let mut record = csv::ByteRecord::new();
    if !next(&mut reader, &mut record, &gauge)? {
        return Err(ReadError::Header(
            "the input is empty; CSV begins with a line of column names".to_owned(),
        ));
    }
    let columns = columns(&record, options)?;
    let names = names_of_members(&columns);
    while next(&mut reader, &mut record, &gauge)? {
        let line = record.position().map_or(0, csv::Position::line) + u64::from(crlf);
        let row = row(&record, &columns, delimiter);
        let kept = if options.keep { shown(&record, &columns) } else { Kept::Nothing };
        let bytes = record.as_slice().len() + names;
        if !take(Record { line, row, kept }, bytes) {
            break;
        }
    }
    Ok(())
}

fn next(
    reader: &mut csv::Reader<Source>,
    record: &mut csv::ByteRecord,
    gauge: &Gauge,
) -> Result<bool, ReadError> {
    gauge.row_ends();
    let line = reader.position().line();
    reader.read_byte_record(record).map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => at_line(error, line),
        other => ReadError::Content { line, detail: format!("{other:?}") },
    })
}

/// Bytes that each row has beside its own: where its values belong in the profile.
fn names_of_members(columns: &[Column]) -> usize {
    let fields = columns.iter().filter_map(|column| column.field.as_ref());
    fields.filter(|field| matches!(field, Field::Profile(_))).map(|field| field.name().len()).sum()
}

/// What separates the names in the first line: a character that stands in names would be quoted.
fn delimiter(start: &[u8]) -> u8 {
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in line {
        quoted ^= *byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(known, _)| !quoted && known == byte) {
            *count += 1;
        }
    }
    // The first of equals is the comma.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

fn columns(record: &csv::ByteRecord, options: &ReaderOptions) -> Result<Vec<Column>, ReadError> {
    let wrong = |detail| Err(ReadError::Header(format!("line 1: {detail}")));
    let mut columns: Vec<Column> = Vec::new();
    if record.len() > COLUMNS_MAX {
        return wrong(format!("there are {} columns; at most {COLUMNS_MAX} are taken", record.len()));
    }
    for name in record {
        let header = match std::str::from_utf8(name) {
            Ok(text) => text.trim().to_owned(),
            Err(error) => return wrong(format!("the column name {}", not_utf8(name, &error))),
        };
        match column(header, options, &columns) {
            Ok(column) => columns.push(column),
            Err(detail) => return wrong(detail),
        }
    }
    for (header, _) in &options.map {
        if !columns.iter().any(|column| column.header == *header) {
            return wrong(format!("there is no column {header:?} to map"));
        }
    }
    let key = options.key.name();
    if !columns.iter().any(|column| column.field.as_ref().is_some_and(|field| field.name() == key)) {
        return wrong(format!("no column means {key}, which is the key"));
    }
    Ok(columns)
}

/// What a column means beside others; the error tells why it can't be.
fn column(header: String, options: &ReaderOptions, others: &[Column]) -> Result<Column, String> {
    let Some(meaning) = mapped(options, &header) else { return Ok(Column { header, field: None }) };
    let Some(field) = attribute(meaning) else {
        return Err(format!(
            "the column {header:?} is no attribute; there are {} and profile.MEMBER. Map it with \
             {header}=ATTRIBUTE, or leave it out with {header}=",
            Field::NAMES.join(", ")
        ));
    };
    if let Some(other) = others.iter().find(|column| column.field.as_ref() == Some(&field)) {
        return Err(format!("the columns {:?} and {header:?} both mean {}", other.header, field.name()));
    }
    let kept = !READ_ONLY.contains(&&*field.name()) || (field == Field::Id && options.key == KeyBy::Id);
    Ok(Column { header, field: Some(field).filter(|_| kept) })
}

fn row(record: &csv::ByteRecord, columns: &[Column], delimiter: u8) -> Result<ImportRow, Vec<FieldError>> {
    if record.len() != columns.len() {
        return Err(vec![FieldError::new(
            "",
            format!(
                "has {} cells where the header has {}; is a cell with {:?} not in quotes?",
                record.len(),
                columns.len(),
                char::from(delimiter)
            ),
        )]);
    }
    let mut row = ImportRow { attributes: Map::with_capacity(columns.len()), members: Vec::new() };
    let mut errors = Vec::new();
    for (cell, column) in record.iter().zip(columns) {
        let Some(field) = &column.field else { continue };
        if errors.len() >= ERRORS_MAX {
            break;
        }
        match std::str::from_utf8(cell) {
            Ok(text) => value(&mut row, field, cells::read(text), &mut errors),
            Err(error) => errors.push(FieldError::new(format!("/{}", field.name()), not_utf8(cell, &error))),
        }
    }
    if errors.is_empty() { Ok(row) } else { Err(errors) }
}

fn value(row: &mut ImportRow, field: &Field, text: &str, errors: &mut Vec<FieldError>) {
    let mut wrong = |detail: String| errors.push(FieldError::new(format!("/{}", field.name()), detail));
    let value = match field {
        Field::Profile(path) if !path.is_empty() => {
            row.members.push((path.clone(), Some(text.to_owned()).filter(|text| !text.is_empty())));
            return;
        }
        Field::Profile(_) if text.is_empty() => Value::Null,
        Field::Profile(_) => match crate::model::json::parse_object(text.as_bytes()) {
            Ok(object) => Value::Object(object),
            Err(_) => return wrong("is not a JSON object".to_owned()),
        },
        Field::Active => match text.trim().to_ascii_lowercase().as_str() {
            "" => return,
            "true" | "1" | "yes" => true.into(),
            "false" | "0" | "no" => false.into(),
            _ => return wrong("must be true or false (or 1, 0, yes, no)".to_owned()),
        },
        Field::Id => text.trim().parse::<i64>().map_or_else(|_| text.into(), Value::from),
        _ if text.is_empty() => Value::Null,
        _ => text.into(),
    };
    row.attributes.insert(field.name().into_owned(), value);
}

fn shown(record: &csv::ByteRecord, columns: &[Column]) -> Kept {
    let cells: Vec<&[u8]> = record.iter().collect();
    kept::cells(columns.iter().map(|column| column.header.as_str()), &cells)
}

/// A row whose cells stand in an object, by the names of their columns.
pub(super) fn of_cells(
    given: &Map<String, Value>,
    options: &ReaderOptions,
) -> Result<ImportRow, Vec<FieldError>> {
    let mut columns: Vec<Column> = Vec::new();
    let mut row = ImportRow::default();
    let mut errors = Vec::new();
    for (header, cell) in given {
        let place = Place::ROOT.member(header);
        match column(header.clone(), options, &columns) {
            Err(detail) => Place::ROOT.wrong(&mut errors, format!("has cells that can't be: {detail}")),
            Ok(column) => {
                match (cell, &column.field) {
                    (_, None) => {}
                    (Value::String(text), Some(field)) => {
                        value(&mut row, field, cells::read(text), &mut errors);
                    }
                    _ => place.wrong(&mut errors, "must be a string, as all cells are"),
                }
                columns.push(column);
            }
        }
    }
    if errors.is_empty() { Ok(row) } else { Err(errors) }
}
