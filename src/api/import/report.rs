//! What the answer to an import tells, line by line.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::model::import::Outcome;
use crate::transfer::import::{Event, Mode, Totals};

/// Most refused rows that one answer lists; the others are only counted.
pub const LISTED_MAX: u64 = 1000;
/// None is listed once they have so many bytes.
const LISTED_BYTES_MAX: usize = 1 << 20;
/// Most changes that the answer to a dry run shows.
const SAMPLE: u64 = 20;
/// Time between two lines that tell how far it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// The lines of an answer. They wait in memory when the client does not read, which many do only once they have sent
/// everything; so only a bounded number of them is made.
pub(super) struct Report {
    lines: mpsc::UnboundedSender<Bytes>,
    listed: u64,
    /// Bytes of the refused rows that are listed.
    size: usize,
    shown: u64,
    last: Instant,
}

impl Report {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Bytes>) {
        let (lines, receiver) = mpsc::unbounded_channel();
        (Self { lines, listed: 0, size: 0, shown: 0, last: Instant::now() }, receiver)
    }

    /// Gives the size of the line.
    pub(super) fn tell(&mut self, kind: &str, value: Value) -> usize {
        let line = line(kind, value);
        let size = line.len();
        // Without a reader the import goes on: what it does is not undone by looking away.
        let _ = self.lines.send(line);
        size
    }

    pub(super) fn hear(&mut self, event: &Event<'_>, mode: Mode) {
        match event {
            Event::Refused(refusal) => {
                self.listed += 1;
                if self.listed <= LISTED_MAX && self.size < LISTED_BYTES_MAX && mode != Mode::Strict {
                    self.size += self.tell("refused", refusal.to_json());
                }
            }
            Event::Taken(line, Outcome::Updated { id, change })
                if mode == Mode::DryRun && self.shown < SAMPLE =>
            {
                self.shown += 1;
                let change: Value = serde_json::from_str(change).unwrap_or_default();
                self.tell("change", json!({ "line": line, "id": id, "change": change }));
            }
            Event::Taken(..) => {}
            Event::Progress(totals) => {
                if self.last.elapsed() >= PROGRESS {
                    self.last = Instant::now();
                    self.tell("progress", totals.to_json());
                }
            }
        }
    }
}

pub(super) fn line(kind: &str, mut value: Value) -> Bytes {
    value["type"] = kind.into();
    Bytes::from(format!("{value}\n"))
}

pub(super) fn ended(totals: &Totals, complete: bool, problem: Option<Value>) -> Value {
    let mut value = totals.to_json();
    value["complete"] = complete.into();
    if let Some(problem) = problem {
        value["problem"] = problem;
    }
    value
}
