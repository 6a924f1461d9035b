//! Writing to the journal: always inside the transaction of the change that it tells of.

use serde_json::Value;

use super::{StoreError, Tx, on};
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

/// Appends the entry for one change of a user.
pub(super) async fn append(
    tx: &mut Tx,
    author: &Author,
    action: Action,
    before: Option<&User>,
    after: Option<&User>,
) -> Result<(), StoreError> {
    let Some(subject) = after.or(before) else { return Ok(()) };
    let change: Value = difference(before, after);
    on!(tx, connection => sqlx::query(APPEND)
        .bind(author.now)
        .bind(author.actor.as_str())
        .bind(action.name())
        .bind(subject.id)
        .bind(subject.version)
        .bind(change.to_string())
        .execute(connection)
        .await
        .map(drop))?;
    Ok(())
}
