//! Everything from one database into another, whichever engines they are: one moment of the source, one
//! transaction of the target, compared in the end.

mod tables;
mod target;

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, Row, Type};
use thiserror::Error;

use super::{Either, Session, Store, StoreError, Tx, on};
pub use tables::Checksum;
use tables::{Cell, Kind, TABLES, Table, write_line};
use target::Sink;

/// Why a copy was not made; the target is as it was.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The target has something in it.
    #[error("the target is not empty: it has rows in {0}")]
    NotEmpty(&'static str),
    /// What was written is not what was read.
    #[error("the copy of {0} is not equal to the original")]
    Differs(&'static str),
    /// It was asked to stop.
    #[error("stopped")]
    Stopped,
    /// One of the databases.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Each table with its rows.
type Tables = Vec<(&'static str, Checksum)>;

/// What was copied.
#[derive(Debug)]
pub struct Copied {
    /// Each table with its rows as they are in both databases, before the target's own epoch of the journal.
    pub tables: Tables,
    /// Entries of the source's journal that were made meanwhile and are not in the copy; `None` where the source could
    /// not be asked any more.
    pub missed: Option<i64>,
}

/// Hears the table and the rows so far.
pub type Progress<'a> = &'a mut (dyn FnMut(&'static str, u64) + Send);

/// The tables that a copy moves, with their columns.
pub fn copied_tables() -> Vec<(&'static str, Vec<&'static str>)> {
    TABLES.iter().map(|table| (table.name, table.columns.iter().map(|(name, _)| *name).collect())).collect()
}

impl Store {
    /// Copies everything into an empty database whose schema is the same. Places in the feed stay valid there, for
    /// the journal goes on in a new epoch. `now` in microseconds since 1970-01-01 UTC. When `stop` completes, what is not
    /// committed yet is given up, whatever it waits for.
    pub async fn copy_to(
        &self,
        target: &Self,
        now: i64,
        stop: impl Future<Output = ()>,
        progress: Progress<'_>,
    ) -> Result<Copied, CopyError> {
        let (tables, tx) = tokio::select! {
            biased;
            // Their connections go, and the transactions with them.
            () = stop => return Err(CopyError::Stopped),
            filled = self.fill(target, now, progress) => filled?,
        };
        tx.commit().await?;
        let copied = tables.iter().find(|(name, _)| *name == "journal").map_or(0, |(_, sum)| sum.rows);
        // It is done, whether the source still answers or not.
        let missed = self.journal_size().await.ok();
        let missed = missed.map(|all| all - i64::try_from(copied).unwrap_or(i64::MAX));
        Ok(Copied { tables, missed })
    }

    /// All but the commit.
    async fn fill(&self, target: &Self, now: i64, progress: Progress<'_>) -> Result<(Tables, Tx), CopyError> {
        let mut source = self.moment().await?;
        let mut tx = target.begin().await?.unlimited();
        match copy_all(&mut source, &mut tx, now, progress).await {
            Ok(tables) => Ok((tables, tx)),
            Err(error) => {
                tx.rollback().await;
                Err(error)
            }
        }
    }

    /// A transaction that reads one moment, for as long as it takes.
    async fn moment(&self) -> Result<Session, StoreError> {
        let mut session = self.session_without_limit().await?;
        let begin = match session {
            Either::Sqlite(_) => "BEGIN",
            Either::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        on!(&mut session, connection => sqlx::raw_sql(begin).execute(connection).await.map(drop))?;
        Ok(session)
    }

    async fn journal_size(&self) -> Result<i64, StoreError> {
        let mut session = self.session_without_limit().await?;
        Ok(on!(&mut session, connection => {
            sqlx::query_scalar("SELECT count(*) FROM journal").fetch_one(connection).await
        })?)
    }
}

async fn copy_all(
    source: &mut Session,
    tx: &mut Tx,
    now: i64,
    progress: Progress<'_>,
) -> Result<Tables, CopyError> {
    target::prepare(tx).await?;
    let mut tables = Vec::new();
    for table in TABLES {
        let read = copy_table(source, tx, table, progress).await?;
        let last = sequence(source, table).await?;
        target::set_sequence(tx, table, last).await?;
        if checksum(tx.lent(), table).await? != read {
            return Err(CopyError::Differs(table.name));
        }
        tables.push((table.name, read));
    }
    target::begin_epoch(tx, now).await?;
    Ok(tables)
}

/// Hands each row of a table to `take`.
macro_rules! each_row {
    ($session:expr, $table:expr, $row:ident => $take:expr) => {{
        let text = format!("SELECT {} FROM {}", $table.list(), $table.name);
        on!($session, connection => {
            let mut rows = sqlx::query(AssertSqlSafe(text)).fetch(connection);
            while let Some(row) = rows.try_next().await? {
                let $row = cells(&row, $table)?;
                $take
            }
        });
    }};
}

async fn copy_table(
    source: &mut Session,
    tx: &mut Tx,
    table: &'static Table,
    progress: Progress<'_>,
) -> Result<Checksum, CopyError> {
    let mut sum = Checksum::default();
    let mut sink = Sink::open(tx, table).await?;
    each_row!(source, table, row => {
        sum.add(sink.take(row).await?);
        if sum.rows % 1000 == 0 {
            progress(table.name, sum.rows);
        }
    });
    sink.close().await?;
    progress(table.name, sum.rows);
    Ok(sum)
}

async fn checksum(session: &mut Session, table: &Table) -> Result<Checksum, StoreError> {
    let mut sum = Checksum::default();
    let mut line = Vec::new();
    each_row!(session, table, row => {
        line.clear();
        write_line(&row, &mut line);
        sum.add(&line);
    });
    Ok(sum)
}

fn cells<R: Row>(row: &R, table: &Table) -> Result<Vec<Cell>, sqlx::Error>
where
    usize: ColumnIndex<R>,
    for<'r> Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Option<bool>: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> Option<String>: Decode<'r, R::Database> + Type<R::Database>,
{
    let cell = |(index, (_, kind)): (usize, &(&str, Kind))| {
        Ok(match kind {
            Kind::Int => Cell::Int(row.try_get(index)?),
            Kind::Bool => Cell::Bool(row.try_get(index)?),
            Kind::Text => Cell::Text(row.try_get(index)?),
        })
    };
    table.columns.iter().enumerate().map(cell).collect()
}

/// The last value that a table's sequence gave; 0 when none.
async fn sequence(session: &mut Session, table: &Table) -> Result<i64, StoreError> {
    let Some(column) = table.sequence else { return Ok(0) };
    let text = match session {
        Either::Sqlite(_) => {
            format!("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{}'), 0)", table.name)
        }
        // By convention of identity columns.
        Either::Postgres(_) => {
            format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}_{column}_seq", table.name)
        }
    };
    Ok(on!(session, connection => {
        sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(connection).await
    })?)
}
