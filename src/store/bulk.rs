//! Many users at once: a batch of rows is worked out in memory against the users that it touches, exactly as if
//! its rows came one after the other, and then written by few statements.

mod find;
mod plan;
mod write;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::journal::Author;
use super::rows::take_turns;
use super::{Engine, Store, StoreError, Tx};
use crate::model::import::{ImportRow, KeyBy, Outcome};
use plan::{Plan, Wanted};

/// How often a batch is tried that loses against other writers.
const ATTEMPTS: u32 = 8;
/// How often a plan is made anew because the users that it changes have changed.
const LOOKS: u32 = 5;
/// Most bytes of profiles that are read for one batch; one that needs more is done in halves.
const PROFILES_BYTES_MAX: usize = 4 << 20;

/// An import in one transaction: all of it, or nothing. It holds its locks to the end; on SQLite no one else
/// writes meanwhile, on PostgreSQL nobody else changes users that exist.
pub struct ImportTransaction {
    tx: Tx,
    actions: Vec<&'static str>,
}

impl Store {
    /// Takes a batch of rows in their order, in a transaction of its own. Rows that are refused don't hold up
    /// the others. Gives what became of each row.
    ///
    /// Doing the same batch again changes nothing, so one whose outcome is unknown may simply be repeated.
    pub async fn import_batch(
        &self,
        author: &Author,
        key: KeyBy,
        rows: &[ImportRow],
    ) -> Result<Vec<Outcome>, StoreError> {
        self.refuse_when_read_only()?;
        let started = Instant::now();
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut parts = vec![rows];
        let mut attempt = 0;
        let result = loop {
            let Some(part) = parts.pop() else { break Ok(outcomes) };
            attempt += 1;
            match self.import_part(author, key, part).await {
                Ok(Some(done)) => {
                    outcomes.extend(done);
                    attempt = 0;
                }
                Ok(None) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                // Another writer was faster. What it wrote is seen by the next attempt.
                Err(StoreError::Serialization(_) | StoreError::Taken(_)) if attempt < ATTEMPTS => {
                    parts.push(part);
                    tokio::time::sleep(Duration::from_millis(10) * 2_u32.pow(attempt)).await;
                }
                Err(StoreError::Taken(name)) => {
                    break Err(StoreError::Serialization(format!("others keep taking the same {name}")));
                }
                Err(error) => break Err(error),
            }
        };
        self.observe("import", started, result.as_ref().err());
        result
    }

    /// `None` when the part is too large to be done at once.
    async fn import_part(
        &self,
        author: &Author,
        key: KeyBy,
        rows: &[ImportRow],
    ) -> Result<Option<Vec<Outcome>>, StoreError> {
        let mut tx = self.begin_bulk().await?;
        let most = if rows.len() > 1 { PROFILES_BYTES_MAX } else { usize::MAX };
        match take(&mut tx, author, key, rows, Turns::Take, most).await {
            Ok(Some(plan)) => {
                tx.commit().await?;
                for action in plan.actions() {
                    self.metrics.write(action);
                }
                Ok(Some(plan.into_outcomes()))
            }
            Ok(None) => {
                tx.rollback().await;
                Ok(None)
            }
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    /// Begins an import that is all or nothing. One that will be undone in the end does not keep others from
    /// changing users. On PostgreSQL it waits for others, now and later, no longer than `patience`.
    pub async fn begin_import(
        &self,
        to_be_undone: bool,
        patience: Option<Duration>,
    ) -> Result<ImportTransaction, StoreError> {
        self.refuse_when_read_only()?;
        let mut tx = self.begin_bulk().await?;
        find::without_limits(&mut tx, patience).await?;
        if !to_be_undone {
            find::take_all_turns(&mut tx).await?;
        }
        Ok(ImportTransaction { tx: tx.unlimited(), actions: Vec::new() })
    }

    async fn begin_bulk(&self) -> Result<Tx, StoreError> {
        Ok(self.begin().await?.unlimited())
    }

    fn refuse_when_read_only(&self) -> Result<(), StoreError> {
        if self.is_read_only() {
            return Err(StoreError::ReadOnly("this program may not write now".to_owned()));
        }
        Ok(())
    }

    /// Commits an import that is all or nothing.
    pub async fn commit_import(&self, import: ImportTransaction) -> Result<(), StoreError> {
        import.tx.commit().await?;
        for action in import.actions {
            self.metrics.write(action);
        }
        Ok(())
    }
}

impl ImportTransaction {
    /// Whether the directory never had a user. If so, nobody else makes one until the transaction ends.
    pub async fn first(&mut self) -> Result<bool, StoreError> {
        find::lock_table(&mut self.tx).await?;
        super::measure::had_users(self.tx.lent()).await.map(|had| !had)
    }

    /// Takes a batch of rows, as [`Store::import_batch`] does.
    pub async fn import_rows(
        &mut self,
        author: &Author,
        key: KeyBy,
        rows: &[ImportRow],
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut parts = vec![rows];
        while let Some(part) = parts.pop() {
            let most = if part.len() > 1 { PROFILES_BYTES_MAX } else { usize::MAX };
            if let Some(plan) = take(&mut self.tx, author, key, part, Turns::Taken, most).await? {
                outcomes.extend(plan.into_outcomes());
            } else {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
        }
        Ok(outcomes)
    }

    /// Undoes all of it.
    pub async fn undo(self) {
        self.tx.rollback().await;
    }
}

/// Whether the transaction still has to wait for other writers of the same users.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turns {
    Take,
    Taken,
}

/// Plans a batch and writes what it plans. `None` when more than `most` bytes of profiles would have to be read.
async fn take(
    tx: &mut Tx,
    author: &Author,
    key: KeyBy,
    rows: &[ImportRow],
    turns: Turns,
    most: usize,
) -> Result<Option<Plan>, StoreError> {
    let wanted = Wanted::of(key, rows);
    let mut locked = BTreeSet::new();
    for _ in 0..LOOKS {
        let Some(found) = find::find(tx, &wanted, most).await? else { return Ok(None) };
        let mut plan = Plan::new(key, found);
        plan.take(rows, author.now);
        let changed = plan.ids_that_change();
        // SQLite has the whole file locked.
        if tx.engine() == Engine::Sqlite || changed.is_subset(&locked) {
            write::apply(tx, author, &mut plan).await?;
            return Ok(Some(plan));
        }
        if turns == Turns::Take {
            if !locked.is_empty() {
                // The first lock gave the transaction its place in the feed. What it would wait for now comes after that
                // place, and must come before it: all begins anew.
                break;
            }
            take_turns(tx, changed.iter().copied()).await?;
        }
        find::lock(tx, &changed).await?;
        locked.extend(changed);
    }
    Err(StoreError::Serialization("others keep changing the same users".to_owned()))
}
