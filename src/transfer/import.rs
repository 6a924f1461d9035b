//! An import from its bytes to its totals: one thread reads rows, the database takes them in batches.

use std::io::Read;
use std::pin::Pin;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc;

use super::reader::{self, Kept, ReadError, ReaderOptions, Record};
pub use super::report::{Refusal, Totals};
use crate::model::import::{ImportRow, Outcome};
use crate::store::bulk::ImportTransaction;
use crate::store::journal::Author;
use crate::store::{Store, StoreError};

/// Most rows of one batch.
const BATCH_ROWS: usize = 1000;
/// A batch ends when its rows have this many bytes.
const BATCH_BYTES: usize = 512 << 10;

/// How much of it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Each batch is committed; rows that are refused don't hold up the others.
    #[default]
    Batches,
    /// One transaction, which the first refused row ends.
    Strict,
    /// One transaction, which is undone in the end.
    DryRun,
}

/// What to do.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// How much of it counts.
    pub mode: Mode,
    /// Only into a directory that never had a user; with [`Mode::Strict`].
    pub once: bool,
    /// How long one transaction waits for others.
    pub patience: Option<Duration>,
    /// How the input is read; has the key too.
    pub reader: ReaderOptions,
}

/// What an observer hears.
#[derive(Debug)]
pub enum Event<'a> {
    /// A row was not taken.
    Refused(&'a Refusal),
    /// A row was taken; on its way still when the mode is not [`Mode::Batches`].
    Taken(u64, &'a Outcome),
    /// A batch is done.
    Progress(&'a Totals),
}

/// How an import ended that met no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With the input.
    Complete,
    /// Because it was asked to stop; what [`Totals`] count is done, and nothing else.
    Stopped,
    /// Before it began, since it was to be done once and there have been users.
    NotNeeded,
}

/// Why an import ended early.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The input.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A row that an import in one transaction can't leave out.
    #[error("{0}; nothing was changed")]
    Refused(Refusal),
    /// The database, or a defect of this program; what was committed before stays.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks an import to stop when it completes.
pub type Stop<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// An import that runs.
struct Import<'a> {
    store: &'a Store,
    author: &'a (dyn Fn() -> Author + Send + Sync),
    options: &'a ImportOptions,
    transaction: Option<ImportTransaction>,
    totals: Totals,
    observe: &'a mut (dyn FnMut(Event<'_>) + Send),
}

/// Imports all rows of `input`. What was counted in the totals is committed, except for a dry run.
pub async fn run(
    store: &Store,
    author: &(dyn Fn() -> Author + Send + Sync),
    input: Box<dyn Read + Send>,
    options: &ImportOptions,
    stop: Stop<'_>,
    observe: &mut (dyn FnMut(Event<'_>) + Send),
) -> (Totals, Result<End, ImportError>) {
    let mut import = Import { store, author, options, transaction: None, totals: Totals::default(), observe };
    let outcome = import.take_all(input, stop).await;
    let outcome = import.finish(outcome).await;
    (import.totals, outcome)
}

impl Import<'_> {
    async fn take_all(
        &mut self,
        input: Box<dyn Read + Send>,
        mut stop: Stop<'_>,
    ) -> Result<End, ImportError> {
        if self.options.mode != Mode::Batches {
            let to_be_undone = self.options.mode == Mode::DryRun;
            let begin = async {
                let mut transaction = self.store.begin_import(to_be_undone, self.options.patience).await?;
                let needed = !self.options.once || transaction.first().await?;
                Ok::<_, StoreError>((transaction, needed))
            };
            let (transaction, needed) = tokio::select! {
                biased;
                () = &mut stop => return Ok(End::Stopped),
                opened = begin => opened?,
            };
            self.transaction = Some(transaction);
            if !needed {
                return Ok(End::NotNeeded);
            }
        }
        let mut batches = read_apart(input, self.options.reader.clone())?;
        loop {
            let batch = tokio::select! {
                biased;
                () = &mut stop => return Ok(End::Stopped),
                batch = batches.recv() => batch,
            };
            let batch = batch.transpose()?.ok_or_else(|| StoreError::Internal(READER_GONE.to_owned()))?;
            let Some(batch) = batch else { return Ok(End::Complete) };
            if self.transaction.is_none() {
                // What is committed must be counted.
                self.take(batch).await?;
                continue;
            }
            tokio::select! {
                biased;
                () = &mut stop => {
                    // Its connection goes, whatever it waits for, and everything is undone.
                    self.transaction = None;
                    return Ok(End::Stopped);
                }
                taken = self.take(batch) => taken?,
            }
        }
    }

    async fn take(&mut self, batch: Vec<Record>) -> Result<(), ImportError> {
        let mut rows: Vec<ImportRow> = Vec::with_capacity(batch.len());
        let mut places = Vec::with_capacity(batch.len());
        for Record { line, row, kept } in batch {
            let wrong = row.map(|row| rows.push(row)).err();
            places.push((line, wrong, kept));
        }
        if self.options.mode == Mode::Strict
            && let Some(at) = places.iter().position(|(_, wrong, _)| wrong.is_some())
        {
            // The rows before it may be wrong too, and come first.
            rows.truncate(at);
            places.truncate(at + 1);
        }
        let author = (self.author)();
        let key = self.options.reader.key;
        let outcomes = match &mut self.transaction {
            Some(transaction) => transaction.import_rows(&author, key, &rows).await?,
            None => self.store.import_batch(&author, key, &rows).await?,
        };
        drop(rows);
        if self.transaction.is_none() {
            self.totals.commits += 1;
        }
        let mut outcomes = outcomes.into_iter();
        for (line, wrong, kept) in places {
            let outcome = wrong.map(Outcome::Refused).or_else(|| outcomes.next());
            if let Some(outcome) = outcome {
                self.count(line, outcome, kept)?;
            }
        }
        (self.observe)(Event::Progress(&self.totals));
        Ok(())
    }

    fn count(&mut self, line: u64, outcome: Outcome, kept: Kept) -> Result<(), ImportError> {
        self.totals.rows += 1;
        match &outcome {
            Outcome::Created { .. } => self.totals.created += 1,
            Outcome::Updated { .. } => self.totals.updated += 1,
            Outcome::Unchanged => self.totals.unchanged += 1,
            Outcome::Refused(_) => self.totals.refused += 1,
        }
        match outcome {
            Outcome::Refused(errors) => {
                let refusal = Refusal { line, errors, kept };
                (self.observe)(Event::Refused(&refusal));
                if self.options.mode == Mode::Strict {
                    return Err(ImportError::Refused(refusal));
                }
            }
            outcome => (self.observe)(Event::Taken(line, &outcome)),
        }
        Ok(())
    }

    /// Ends the one transaction, if there is one.
    async fn finish(&mut self, outcome: Result<End, ImportError>) -> Result<End, ImportError> {
        let whole = self.options.mode == Mode::Strict && matches!(outcome, Ok(End::Complete));
        match self.transaction.take() {
            Some(transaction) if whole => {
                self.store.commit_import(transaction).await?;
                self.totals.commits = 1;
            }
            Some(transaction) => transaction.undo().await,
            None => {}
        }
        if self.options.mode == Mode::Strict && !whole {
            self.totals =
                Totals { rows: self.totals.rows, refused: self.totals.refused, ..Totals::default() };
        }
        outcome
    }
}

/// A batch, or the end of the input: one that is not told is the end of the thread alone.
type Batch = Option<Vec<Record>>;
const READER_GONE: &str = "the thread that reads ended unexpectedly";

/// Reads in a thread of its own, a few batches ahead. The thread is left behind when the import ends early: it may
/// wait for an input that never comes.
fn read_apart(
    input: Box<dyn Read + Send>,
    options: ReaderOptions,
) -> Result<mpsc::Receiver<Result<Batch, ReadError>>, StoreError> {
    let (sender, receiver) = mpsc::channel(2);
    let work = move || {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let outcome = reader::read(input, &options, &mut |record, size| {
            bytes += size;
            batch.push(record);
            if batch.len() < BATCH_ROWS && bytes < BATCH_BYTES {
                return true;
            }
            bytes = 0;
            sender.blocking_send(Ok(Some(std::mem::take(&mut batch)))).is_ok()
        });
        if !batch.is_empty() && sender.blocking_send(Ok(Some(batch))).is_err() {
            return;
        }
        let _ = sender.blocking_send(outcome.map(|()| None));
    };
    let thread = std::thread::Builder::new().name("import".to_owned()).spawn(work);
    thread.map_err(|error| StoreError::Internal(format!("no thread to read in: {error}")))?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Breaks after its first piece.
    struct Breaking(bool);

    impl Read for Breaking {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            assert!(!std::mem::replace(&mut self.0, true), "as a defect would");
            let text = b"name\nada\n";
            out[..text.len()].copy_from_slice(text);
            Ok(text.len())
        }
    }

    #[tokio::test]
    async fn a_reader_that_breaks_does_not_look_like_the_end() {
        let mut batches = read_apart(Box::new(Breaking(false)), ReaderOptions::default()).unwrap();
        assert!(batches.recv().await.is_none(), "an end was told");
        let whole = Box::new(io::Cursor::new(b"name\nada\n"));
        let mut batches = read_apart(whole, ReaderOptions::default()).unwrap();
        assert!(matches!(batches.recv().await, Some(Ok(Some(rows))) if rows.len() == 1));
        assert!(matches!(batches.recv().await, Some(Ok(None))));
    }
}
