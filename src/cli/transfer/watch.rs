//! What an import tells while it runs, and what it keeps of it.

use std::io::{self, Write as _};
use std::path::Path;

use super::named;
use crate::cli::{Failure, print};
use crate::model::import::Outcome;
use crate::transfer::console::Console;
use crate::transfer::format::Format;
use crate::transfer::import::{Event, Mode, Refusal};
use crate::transfer::output::Output;

/// Most refused rows that are told on stderr; `--errors` keeps all.
const TOLD_MAX: u64 = 100;
/// Most changes that a dry run shows.
const SAMPLE: usize = 20;

/// The file of the refused rows.
pub(super) struct Errors<'a> {
    path: &'a Path,
    file: Output,
    unwritten: Option<io::Error>,
}

impl<'a> Errors<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self, Failure> {
        if Format::of_name(path).is_some_and(|format| format != Format::Ndjson) {
            let why = "refused rows are kept as NDJSON, and would be read as something else under this name";
            return Err(format!("--errors: {}: {why}", path.display()).into());
        }
        Ok(Self { path, file: named(path, Output::file(path))?, unwritten: None })
    }

    fn keep(&mut self, refusal: &Refusal) {
        if let Err(error) = writeln!(self.file, "{}", refusal.to_json()) {
            self.unwritten.get_or_insert(error);
        }
    }

    fn end(self) -> Result<(), Failure> {
        named(self.path, self.unwritten.map_or_else(|| self.file.finish(), Err))
    }
}

/// Somebody who looks at an import.
pub(super) struct Watch<'a> {
    console: Console,
    errors: Option<Errors<'a>>,
    mode: Mode,
    refused: u64,
    /// The first changes of a dry run.
    sample: Vec<String>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(console: Console, errors: Option<Errors<'a>>, mode: Mode) -> Self {
        Self { console, errors, mode, refused: 0, sample: Vec::new() }
    }

    /// `part` says how much of the input was read, from 0 to 1, where its size is known.
    pub(super) fn hear(&mut self, event: &Event<'_>, part: Option<f64>) {
        match event {
            Event::Refused(refusal) => {
                self.refused += 1;
                // The one that ends a strict import is told as its error.
                if self.refused <= TOLD_MAX && self.mode != Mode::Strict {
                    self.console.say(&refusal.to_string());
                }
                if let Some(errors) = &mut self.errors {
                    errors.keep(refusal);
                }
            }
            Event::Taken(line, outcome) if self.sample.len() < SAMPLE => self.take(*line, outcome),
            Event::Taken(..) => {}
            Event::Progress(totals) => self.console.progress(totals.rows, "rows", part),
        }
    }

    fn take(&mut self, line: u64, outcome: &Outcome) {
        match outcome {
            Outcome::Created { .. } => self.sample.push(format!("line {line}: would be created")),
            Outcome::Updated { id, change } => {
                self.sample.push(format!("line {line}: user {id} would change: {change}"));
            }
            _ => {}
        }
    }

    /// Tells the rest, `whole` when the import met no error, and gives the file of the refused rows its name.
    pub(super) fn end(mut self, whole: bool) -> Result<(), Failure> {
        self.console.clear();
        if self.refused > TOLD_MAX && self.mode != Mode::Strict {
            let more = self.refused - TOLD_MAX;
            self.console.say(&format!("and {more} more refused rows; --errors FILE keeps them all"));
        }
        let kept = self.errors.map_or(Ok(()), Errors::end);
        if self.mode == Mode::DryRun && whole {
            for line in &self.sample {
                print(&format!("{line}\n"));
            }
        }
        kept
    }
}
