//! An export: users as rows of a file.

use std::io::{self, Write};

use serde_json::Value;

use super::cells;
use super::format::Format;
use crate::model::user::{Field, timestamp};
use crate::store::snapshot::Stored;

/// Writes users in one form.
pub struct Exporter<W: Write> {
    form: Form<W>,
    escape_formulas: bool,
    first: bool,
}

enum Form<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Json(W),
    Ndjson(W),
}

impl<W: Write> Exporter<W> {
    /// Begins an export. `escape_formulas` puts an apostrophe before CSV cells that a spreadsheet would calculate.
    pub fn new(format: Format, escape_formulas: bool, mut out: W) -> io::Result<Self> {
        let form = match format {
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
                writer.write_record(Field::NAMES).map_err(cause)?;
                Form::Csv(Box::new(writer))
            }
            Format::Json => {
                out.write_all(b"[")?;
                Form::Json(out)
            }
            Format::Ndjson => Form::Ndjson(out),
        };
        Ok(Self { form, escape_formulas, first: true })
    }

    /// Writes one user.
    pub fn write(&mut self, user: &Stored<'_>) -> io::Result<()> {
        let first = std::mem::take(&mut self.first);
        match &mut self.form {
            Form::Csv(writer) => line(writer, user, self.escape_formulas),
            Form::Json(out) => {
                out.write_all(if first { b"\n" } else { b",\n" })?;
                object(out, user)
            }
            Form::Ndjson(out) => {
                object(out, user)?;
                out.write_all(b"\n")
            }
        }
    }

    /// Ends the export; gives back where it went.
    pub fn finish(self) -> io::Result<W> {
        match self.form {
            Form::Csv(mut writer) => {
                // First, for the other error would hide what kind it is.
                writer.flush()?;
                writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
            }
            Form::Json(mut out) => {
                out.write_all(b"\n]\n")?;
                Ok(out)
            }
            Form::Ndjson(out) => Ok(out),
        }
    }
}

/// The error of the output itself.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn line<W: Write>(writer: &mut csv::Writer<W>, user: &Stored<'_>, escape_formulas: bool) -> io::Result<()> {
    let text = |text: &str| cells::write(text, escape_formulas).into_owned();
    writer.write_field(user.id.to_string()).map_err(cause)?;
    for value in [Some(user.name), user.email] {
        writer.write_field(value.map(text).unwrap_or_default()).map_err(cause)?;
    }
    writer.write_field(if user.active { "true" } else { "false" }).map_err(cause)?;
    writer.write_field(user.external_id.map(text).unwrap_or_default()).map_err(cause)?;
    writer.write_field(user.profile).map_err(cause)?;
    writer.write_field(user.version.to_string()).map_err(cause)?;
    writer.write_field(timestamp(user.created_at)).map_err(cause)?;
    writer.write_field(timestamp(user.updated_at)).map_err(cause)?;
    writer.write_record(None::<&[u8]>).map_err(cause)?;
    Ok(())
}

fn object(out: &mut impl Write, user: &Stored<'_>) -> io::Result<()> {
    write!(out, "{{\"id\":{},\"name\":", user.id)?;
    serde_json::to_writer(&mut *out, user.name)?;
    out.write_all(b",\"email\":")?;
    serde_json::to_writer(&mut *out, &user.email)?;
    write!(out, ",\"active\":{},\"external_id\":", user.active)?;
    serde_json::to_writer(&mut *out, &user.external_id)?;
    // As it is stored, which is JSON.
    write!(out, ",\"profile\":{},\"version\":{}", user.profile, user.version)?;
    write!(out, ",\"created_at\":{}", Value::from(timestamp(user.created_at)))?;
    write!(out, ",\"updated_at\":{}}}", Value::from(timestamp(user.updated_at)))
}
