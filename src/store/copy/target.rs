//! The end of a copy that is written.

use sqlx::postgres::{PgConnection, PgCopyIn};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite};

use super::CopyError;
use super::tables::{Cell, TABLES, Table, write_line};
use crate::store::{Either, StoreError, Tx, on};

/// Bytes that are sent at once.
const BYTES: usize = 256 << 10;
/// Rows of one statement on SQLite.
const ROWS: usize = 200;

/// Keeps everybody else out, and looks whether the target is empty.
pub(super) async fn prepare(tx: &mut Tx) -> Result<(), CopyError> {
    if let Either::Postgres(lent) = tx.lent() {
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        let text = format!(
            "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
             LOCK TABLE {} IN EXCLUSIVE MODE",
            names.join(", ")
        );
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut **lent).await?;
    }
    for table in TABLES.iter().filter(|table| table.name != EPOCHS) {
        let text = AssertSqlSafe(format!("SELECT EXISTS (SELECT 1 FROM {})", table.name));
        let any: bool = on!(tx, connection => sqlx::query_scalar(text).fetch_one(connection).await)?;
        if any {
            return Err(CopyError::NotEmpty(table.name));
        }
    }
    // Its own first epoch, in which nothing happened; those of the source take its place.
    on!(tx, connection => sqlx::query(FORGET_EPOCHS).execute(connection).await.map(drop))?;
    Ok(())
}

const EPOCHS: &str = "journal_epochs";
const FORGET_EPOCHS: &str = "DELETE FROM journal_epochs";

/// Has the journal go on in an epoch of this database.
pub(super) async fn begin_epoch(tx: &mut Tx, now: i64) -> Result<(), StoreError> {
    const SQLITE: &str = "INSERT INTO journal_epochs (epoch, server, started_at) \
         SELECT max(epoch) + 1, 'sqlite', $1 FROM journal_epochs";
    const POSTGRES: &str = "INSERT INTO journal_epochs (epoch, server, started_at) \
         SELECT (SELECT max(epoch) + 1 FROM journal_epochs), system_identifier::text, $1 FROM pg_control_system()";
    let text = if matches!(tx.lent(), Either::Sqlite(_)) { SQLITE } else { POSTGRES };
    on!(tx, connection => sqlx::query(text).bind(now).execute(connection).await.map(drop))?;
    Ok(())
}

/// Has a sequence go on after the last value that was given anywhere.
pub(super) async fn set_sequence(tx: &mut Tx, table: &Table, last: i64) -> Result<(), StoreError> {
    const FORGET: &str = "DELETE FROM sqlite_sequence WHERE name = $1";
    const REMEMBER: &str = "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)";
    const SET: &str = "SELECT setval(pg_get_serial_sequence($1, $2), $3)";
    let Some(column) = table.sequence.filter(|_| last > 0) else { return Ok(()) };
    match tx.lent() {
        Either::Sqlite(lent) => {
            sqlx::query(FORGET).bind(table.name).execute(&mut **lent).await?;
            sqlx::query(REMEMBER).bind(table.name).bind(last).execute(&mut **lent).await?;
        }
        Either::Postgres(lent) => {
            sqlx::query(SET).bind(table.name).bind(column).bind(last).execute(&mut **lent).await?;
        }
    }
    Ok(())
}

/// Where the rows of one table go.
pub(super) struct Sink<'a> {
    table: &'static Table,
    end: End<'a>,
    line: Vec<u8>,
}

enum End<'a> {
    Sqlite(&'a mut SqliteConnection, Vec<Vec<Cell>>),
    Postgres(PgCopyIn<&'a mut PgConnection>, Vec<u8>),
}

impl<'a> Sink<'a> {
    pub(super) async fn open(tx: &'a mut Tx, table: &'static Table) -> Result<Self, StoreError> {
        let end = match tx.lent() {
            Either::Sqlite(lent) => End::Sqlite(lent, Vec::new()),
            Either::Postgres(lent) => {
                let text = format!("COPY {} ({}) FROM STDIN", table.name, table.list());
                End::Postgres((**lent).copy_in_raw(&text).await?, Vec::new())
            }
        };
        Ok(Self { table, end, line: Vec::new() })
    }

    /// Takes a row; gives it as the line of which checksums are made.
    pub(super) async fn take(&mut self, row: Vec<Cell>) -> Result<&[u8], StoreError> {
        self.line.clear();
        write_line(&row, &mut self.line);
        match &mut self.end {
            End::Sqlite(connection, rows) => {
                rows.push(row);
                if rows.len() == ROWS {
                    insert(connection, self.table, std::mem::take(rows)).await?;
                }
            }
            End::Postgres(copy, bytes) => {
                bytes.extend_from_slice(&self.line);
                if bytes.len() >= BYTES {
                    copy.send(std::mem::take(bytes)).await?;
                }
            }
        }
        Ok(&self.line)
    }

    pub(super) async fn close(self) -> Result<(), StoreError> {
        match self.end {
            End::Sqlite(connection, rows) if !rows.is_empty() => insert(connection, self.table, rows).await?,
            End::Sqlite(..) => {}
            End::Postgres(mut copy, bytes) => {
                copy.send(bytes).await?;
                copy.finish().await?;
            }
        }
        Ok(())
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    table: &Table,
    rows: Vec<Vec<Cell>>,
) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(format!("INSERT INTO {} ({}) ", table.name, table.list()));
    query.push_values(rows, |mut values, row| {
        for cell in row {
            match cell {
                Cell::Int(number) => values.push_bind(number),
                Cell::Bool(flag) => values.push_bind(flag),
                Cell::Text(text) => values.push_bind(text),
            };
        }
    });
    query.build().execute(connection).await?;
    Ok(())
}
