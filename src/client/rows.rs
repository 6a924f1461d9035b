//! Items as they are written to stdout.

use std::io::{self, Write};

use serde_json::Value;
use serde_json::value::RawValue;

use super::layout::Layout;
use super::table::Columns;
use super::terminal::Screen;
use super::text::{harmless_json, visible};
use crate::config::OutputForm;

/// What is written, once nothing is left to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A table.
    Table,
    /// One JSON value.
    Json,
    /// A JSON object on each line.
    Ndjson,
    /// CSV (RFC 4180).
    Csv,
}

impl Form {
    /// The form that is wanted.
    pub fn of(wanted: OutputForm, screen: Screen) -> Self {
        match wanted {
            OutputForm::Auto if screen.terminal => Self::Table,
            OutputForm::Auto | OutputForm::Ndjson => Self::Ndjson,
            OutputForm::Table => Self::Table,
            OutputForm::Json => Self::Json,
            OutputForm::Csv => Self::Csv,
        }
    }
}

/// Writes items as they come.
#[derive(Debug)]
pub struct Rows<W> {
    out: W,
    form: Form,
    layout: Layout,
    screen: Screen,
    columns: Columns,
    count: u64,
}

impl<W: Write> Rows<W> {
    /// A writer of items under these columns; JSON has all that an item has.
    pub fn new(out: W, form: Form, layout: Layout, screen: Screen) -> Self {
        let columns = Columns::new(screen.width.filter(|_| screen.terminal));
        Self { out, form, layout, screen, columns, count: 0 }
    }

    /// How many items there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Writes some items, all the way.
    pub fn page(&mut self, items: &[Box<RawValue>]) -> io::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let first = self.count == 0;
        match self.form {
            Form::Table => {
                let rows = items.iter().map(|item| self.cells(item)).collect::<io::Result<_>>()?;
                let text = self.columns.block(first.then_some(&self.layout.titles), rows);
                self.out.write_all(text.as_bytes())?;
            }
            Form::Json => {
                for (index, item) in items.iter().enumerate() {
                    let before: &[u8] = if first && index == 0 { b"[\n" } else { b",\n" };
                    self.out.write_all(before)?;
                    self.out.write_all(on_one_line(item)?.as_bytes())?;
                }
            }
            Form::Ndjson => {
                for item in items {
                    writeln!(self.out, "{}", on_one_line(item)?)?;
                }
            }
            Form::Csv => self.csv(first, items)?,
        }
        self.count += items.len() as u64;
        self.out.flush()
    }

    /// Writes what comes after the last item of a list.
    pub fn end(&mut self) -> io::Result<()> {
        match (self.form, self.count) {
            (Form::Json, 0) => self.out.write_all(b"[]\n")?,
            (Form::Json, _) => self.out.write_all(b"\n]\n")?,
            (Form::Csv, 0) => self.csv(true, &[])?,
            _ => {}
        }
        self.out.flush()
    }

    /// Writes the one item that there is: a table of its attributes under each other, or one JSON value.
    pub fn single(&mut self, item: &RawValue) -> io::Result<()> {
        match self.form {
            Form::Table => {
                let cells = self.cells(item)?;
                let pairs =
                    self.layout.titles.iter().zip(cells).map(|(title, cell)| vec![title.clone(), cell]);
                let text = self.columns.block(None, pairs.collect());
                self.out.write_all(text.as_bytes())?;
            }
            Form::Csv => self.csv(true, &[item.to_owned()])?,
            Form::Json | Form::Ndjson => writeln!(self.out, "{}", on_one_line(item)?)?,
        }
        self.count += 1;
        self.out.flush()
    }

    /// Cells that a terminal may show.
    fn cells(&self, item: &RawValue) -> io::Result<Vec<String>> {
        let value: Value = serde_json::from_str(item.get())?;
        Ok(self.layout.cells(&value).iter().map(|cell| visible(cell).into_owned()).collect())
    }

    /// Files and pipes get the texts as they are.
    fn csv(&mut self, with_titles: bool, items: &[Box<RawValue>]) -> io::Result<()> {
        let mut rows = Vec::new();
        for item in items {
            rows.push(if self.screen.terminal {
                self.cells(item)?
            } else {
                self.layout.cells(&serde_json::from_str(item.get())?)
            });
        }
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut self.out);
        let titles = with_titles.then_some(&self.layout.titles);
        for row in titles.into_iter().chain(&rows) {
            writer.write_record(row).map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(error) => error,
                other => io::Error::other(format!("{other:?}")),
            })?;
        }
        writer.flush()
    }
}

/// JSON text as the server wrote it, which keeps numbers exact, on one line and harmless for a terminal.
fn on_one_line(item: &RawValue) -> io::Result<String> {
    let text = item.get();
    if text.contains(['\n', '\r']) {
        // Line breaks stand between tokens only: another server than Roster, or something in between, wrote this.
        let value: Value = serde_json::from_str(text)?;
        return Ok(harmless_json(&value.to_string()).into_owned());
    }
    Ok(harmless_json(text).into_owned())
}

#[cfg(test)]
mod tests;
