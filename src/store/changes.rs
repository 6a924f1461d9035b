//! Reading the journal: the feed of changes, and the place where a list stands in it.

use super::{Store, StoreError, on, read};
use crate::model::change::Change;
use crate::model::position::Position;

/// Where the journal stands at the moment of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Everything up to here is visible to any read that begins later, and nothing will come before it.
    pub position: Position,
    /// Whether nothing beyond `position` is visible yet: two equal quiet standings mean equal tables.
    pub quiet: bool,
}

type Row = (i64, i64, i64, i64, String, String, String, i64, i64, String);

const PAGE: &str = "SELECT epoch, xid, position, at, actor, action, subject_kind, subject_id, version, change \
     FROM journal_settled WHERE (epoch, xid, position) > ($1, $2, $3) \
     ORDER BY epoch, xid, position LIMIT $4";

const STANDING: &str = "SELECT h.epoch, h.xid, l.epoch, l.xid, l.position FROM journal_horizon h \
     LEFT JOIN (SELECT epoch, xid, position FROM journal \
                ORDER BY epoch DESC, xid DESC, position DESC LIMIT 1) l ON TRUE";

impl Store {
    /// The settled entries after a place, at most `limit`, in the order of the journal.
    pub async fn changes(&self, after: Position, limit: i64) -> Result<Vec<Change>, StoreError> {
        let rows: Vec<Row> = read!(self, "changes", session => async {
            on!(&mut session, connection => sqlx::query_as(PAGE)
                .bind(after.epoch)
                .bind(after.xid)
                .bind(after.position)
                .bind(limit)
                .fetch_all(connection)
                .await)
            .map_err(StoreError::from)
        })?;
        rows.into_iter().map(to_change).collect()
    }

    /// Where the journal stands now.
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        type Row = (i64, i64, Option<i64>, Option<i64>, Option<i64>);
        let (epoch, xid, last_epoch, last_xid, last_position): Row = read!(self, "standing", session => async {
            on!(&mut session, connection => sqlx::query_as(STANDING).fetch_one(connection).await)
                .map_err(StoreError::from)
        })?;
        let last = match (last_epoch, last_xid, last_position) {
            (Some(epoch), Some(xid), Some(position)) => Position { epoch, xid, position },
            _ => Position::default(),
        };
        let horizon = Position { epoch, xid, position: 0 };
        let quiet = last < horizon;
        Ok(Standing { position: if quiet { last } else { horizon }, quiet })
    }
}

fn to_change(row: Row) -> Result<Change, StoreError> {
    let (epoch, xid, position, at, actor, action, subject_kind, subject_id, version, change) = row;
    let change = serde_json::from_str(&change)
        .map_err(|error| StoreError::Internal(format!("journal entry {position}: {error}")))?;
    let position = Position { epoch, xid, position };
    Ok(Change { position, at, actor, action, subject_kind, subject_id, version, change })
}
