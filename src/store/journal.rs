//! Writing to the journal: always inside the transaction of the change that it tells of.

use sqlx::{QueryBuilder, Sqlite};

use super::{Either, StoreError, Tx, on};
use crate::model::actor::Actor;
use crate::model::change::{Action, SubjectKind, difference};
use crate::model::token::Token;
use crate::model::user::User;

/// Who writes, when, and from where.
#[derive(Clone, Debug)]
pub struct Author {
    /// Microseconds since 1970-01-01 UTC.
    pub now: i64,
    /// Who is told of in the journal.
    pub actor: Actor,
    /// The id of the HTTP request.
    pub request_id: Option<String>,
    /// The address of the client.
    pub address: Option<String>,
}

impl Author {
    /// Somebody who did not come by HTTP. `now` in microseconds since 1970-01-01 UTC.
    pub fn local(now: i64, actor: Actor) -> Self {
        Self { now, actor, request_id: None, address: None }
    }
}

// The transaction id is the column's default where there are several writers.
const APPEND: &str = "INSERT INTO journal (epoch, at, actor, actor_kind, actor_id, request_id, address, \
     action, subject_kind, subject_id, version, change) \
     SELECT max(epoch), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM journal_epochs";

/// The entry for one change.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) action: Action,
    /// The id of what was changed.
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
            change: difference(before.map(User::attributes).as_ref(), after.map(User::attributes).as_ref())
                .to_string(),
        }
    }

    /// The same for a token, whose hash is never told.
    pub(super) fn of_token(action: Action, before: Option<&Token>, after: &Token) -> Self {
        let change = difference(before.map(Token::recorded).as_ref(), Some(&after.recorded()));
        Self { action, subject: after.id, version: after.version, change: change.to_string() }
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
    append_entry(tx, author, &Entry::new(action, before, after)).await
}

/// Appends an entry.
pub(super) async fn append_entry(tx: &mut Tx, author: &Author, entry: &Entry) -> Result<(), StoreError> {
    on!(tx, connection => sqlx::query(APPEND)
        .bind(author.now)
        .bind(author.actor.name.as_str())
        .bind(author.actor.kind.as_str())
        .bind(author.actor.id.as_str())
        .bind(author.request_id.as_deref())
        .bind(author.address.as_deref())
        .bind(entry.action.name())
        .bind(entry.action.subject().name())
        .bind(entry.subject)
        .bind(entry.version)
        .bind(entry.change.as_str())
        .execute(connection)
        .await
        .map(drop))?;
    Ok(())
}

// The same for many users: PostgreSQL takes arrays, SQLite a list of rows.
const APPEND_ARRAYS: &str = "INSERT INTO journal \
     (epoch, at, actor, actor_kind, actor_id, request_id, address, action, subject_kind, subject_id, version, change) \
     SELECT (SELECT max(epoch) FROM journal_epochs), $1, $2, $3, $4, $5, $6, \
     n.action, $7, n.subject_id, n.version, n.change \
     FROM unnest($8::text[], $9::bigint[], $10::bigint[], $11::text[]) WITH ORDINALITY \
     AS n(action, subject_id, version, change, place) ORDER BY n.place";
const APPEND_ROWS: &str = "INSERT INTO journal \
     (at, actor, actor_kind, actor_id, request_id, address, subject_kind, action, subject_id, version, change, epoch) \
     SELECT n.*, (SELECT max(epoch) FROM journal_epochs) FROM (";

/// Appends entries about users in their order.
pub(super) async fn append_all(tx: &mut Tx, author: &Author, entries: &[Entry]) -> Result<(), StoreError> {
    /// Rows of one statement on SQLite, which takes at most 32,766 values in all.
    const ROWS: usize = 200;
    let (actor, kind) = (&author.actor, SubjectKind::User.name());
    match tx.lent() {
        Either::Postgres(lent) => {
            sqlx::query(APPEND_ARRAYS)
                .bind(author.now)
                .bind(actor.name.as_str())
                .bind(actor.kind.as_str())
                .bind(actor.id.as_str())
                .bind(author.request_id.as_deref())
                .bind(author.address.as_deref())
                .bind(kind)
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
                        .push_bind(actor.name.clone())
                        .push_bind(actor.kind.clone())
                        .push_bind(actor.id.clone())
                        .push_bind(author.request_id.clone())
                        .push_bind(author.address.clone())
                        .push_bind(kind)
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
