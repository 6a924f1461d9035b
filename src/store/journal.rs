//! Writing to the journal: always inside the transaction of the change that it tells of.

use sqlx::{QueryBuilder, Sqlite};

use super::{Either, StoreError, Tx, on};
use crate::model::change::{Action, difference};
use crate::model::user::User;

/// Who writes, and when.
#[derive(Clone, Debug)]
pub struct Author {
    /// Microseconds since 1970-01-01 UTC.
    pub now: i64,
    /// Who is told of in the journal.
    pub actor: String,
}

// The transaction id is the column's default where there are several writers.
const APPEND: &str = "INSERT INTO journal (epoch, at, actor, action, subject_kind, subject_id, version, change) \
     SELECT max(epoch), $1, $2, $3, 'user', $4, $5, $6 FROM journal_epochs";

/// The entry for one change of a user.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) action: Action,
    /// The id of the user.
    pub(super) subject: i64,
    pub(super) version: i64,
    /// `before` and `after`, as JSON.
    pub(super) change: String,
}

impl Entry {
    /// What is told of a step from one state of a user to another; `None` stands for "does not exist".
    pub(super) fn new(action: Action, before: Option<&User>, after: Option<&User>) -> Self {
        let subject = after.or(before);
        Self {
            action,
            subject: subject.map_or(0, |user| user.id),
            version: subject.map_or(0, |user| user.version),
            change: difference(before, after).to_string(),
        }
    }
}

/// Appends the entry for one change of a user.
pub(super) async fn append(
    tx: &mut Tx,
    author: &Author,
    action: Action,
    before: Option<&User>,
    after: Option<&User>,
) -> Result<(), StoreError> {
    let entry = Entry::new(action, before, after);
    on!(tx, connection => sqlx::query(APPEND)
        .bind(author.now)
        .bind(author.actor.as_str())
        .bind(entry.action.name())
        .bind(entry.subject)
        .bind(entry.version)
        .bind(entry.change.as_str())
        .execute(connection)
        .await
        .map(drop))?;
    Ok(())
}

// The same for many: PostgreSQL takes arrays, SQLite a list of rows.
const APPEND_ARRAYS: &str = "INSERT INTO journal \
     (epoch, at, actor, action, subject_kind, subject_id, version, change) \
     SELECT (SELECT max(epoch) FROM journal_epochs), $1, $2, n.action, 'user', n.subject_id, n.version, n.change \
     FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[]) WITH ORDINALITY \
     AS n(action, subject_id, version, change, place) ORDER BY n.place";
const APPEND_ROWS: &str = "INSERT INTO journal \
     (at, actor, action, subject_id, version, change, subject_kind, epoch) \
     SELECT n.*, 'user', (SELECT max(epoch) FROM journal_epochs) FROM (";

/// Appends entries in their order.
pub(super) async fn append_all(tx: &mut Tx, author: &Author, entries: &[Entry]) -> Result<(), StoreError> {
    /// Rows of one statement on SQLite, which takes at most 32,766 values in all.
    const ROWS: usize = 200;
    match tx.lent() {
        Either::Postgres(lent) => {
            sqlx::query(APPEND_ARRAYS)
                .bind(author.now)
                .bind(author.actor.as_str())
                .bind(entries.iter().map(|entry| entry.action.name()).collect::<Vec<_>>())
                .bind(entries.iter().map(|entry| entry.subject).collect::<Vec<_>>())
                .bind(entries.iter().map(|entry| entry.version).collect::<Vec<_>>())
                .bind(entries.iter().map(|entry| entry.change.as_str()).collect::<Vec<_>>())
                .execute(&mut **lent)
                .await?;
        }
        Either::Sqlite(lent) => {
            for entries in entries.chunks(ROWS) {
                let mut query = QueryBuilder::<Sqlite>::new(APPEND_ROWS);
                query.push_values(entries, |mut row, entry| {
                    row.push_bind(author.now)
                        .push_bind(author.actor.clone())
                        .push_bind(entry.action.name())
                        .push_bind(entry.subject)
                        .push_bind(entry.version)
                        .push_bind(entry.change.clone());
                });
                query.push(") AS n").build().execute(&mut **lent).await?;
            }
        }
    }
    Ok(())
}
