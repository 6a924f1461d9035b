//! Reading the journal: the feed of changes, and the place where a list stands in it.

use std::fmt::Write as _;

use futures_util::TryStreamExt as _;
use serde_json::value::RawValue;
use sqlx::AssertSqlSafe;

use super::list::{Arg, Statement, bound};
use super::{Store, StoreError, on, read};
use crate::model::actor::Actor;
use crate::model::change::{Change, Selection, SubjectKind};
use crate::model::position::Position;

/// Where the journal stands at the moment of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Everything up to here is visible to any read that begins later, and nothing will come before it.
    pub position: Position,
    /// Whether nothing beyond `position` is visible yet: two equal quiet standings mean equal tables.
    pub quiet: bool,
}

/// Most bytes of changes that are read at once.
const BYTES_MAX: usize = 4 << 20;

#[rustfmt::skip]
type Row = (
    i64, i64, i64, i64, // epoch, xid, position, at
    String, String, String, // the actor
    Option<String>, Option<String>, // request_id, address
    String, String, i64, i64, String, // action, subject, version, change
);

const PAGE: &str = "SELECT epoch, xid, position, at, actor, actor_kind, actor_id, request_id, address, action, \
     subject_kind, subject_id, version, change \
     FROM journal_settled WHERE (epoch, xid, position) > ($1, $2, $3)";

const STANDING: &str = "SELECT h.epoch, h.xid, l.epoch, l.xid, l.position FROM journal_horizon h \
     LEFT JOIN (SELECT epoch, xid, position FROM journal \
                ORDER BY epoch DESC, xid DESC, position DESC LIMIT 1) l ON TRUE";

impl Store {
    /// The settled entries of a selection after a place in the order of the journal, at most `limit`, fewer when
    /// they are large; and whether there are more already.
    pub async fn changes(
        &self,
        selection: &Selection,
        after: Position,
        limit: i64,
    ) -> Result<(Vec<Change>, bool), StoreError> {
        let statement = page(selection, after, limit.saturating_add(1));
        let (mut rows, mut more) = (Vec::new(), false);
        read!(self, "changes", session => async {
            rows.clear();
            more = false;
            let mut bytes = 0;
            on!(&mut session, connection => {
                let query = bound!(sqlx::query_as(AssertSqlSafe(statement.text.clone())), statement.args);
                let mut found = query.fetch(connection);
                while let Some(row) = found.try_next().await? {
                    let row: Row = row;
                    more = bytes >= BYTES_MAX || i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
                    if more {
                        break;
                    }
                    bytes += row.13.len();
                    rows.push(row);
                }
                Ok::<_, StoreError>(())
            })?;
            if more && bytes >= BYTES_MAX {
                session.leave_running();
            }
            Ok::<_, StoreError>(())
        })?;
        let changes = rows.into_iter().map(to_change).collect::<Result<_, _>>()?;
        Ok((changes, more))
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

fn page(selection: &Selection, after: Position, limit: i64) -> Statement {
    let mut text = PAGE.to_owned();
    let mut args = vec![Arg::Int(after.epoch), Arg::Int(after.xid), Arg::Int(after.position)];
    let mut also = |column: &str, arg: Arg| {
        args.push(arg);
        let _ = write!(text, " AND {column} = ${}", args.len());
    };
    if let Some((kind, id)) = &selection.actor {
        also("actor_kind", Arg::Text(kind.clone()));
        also("actor_id", Arg::Text(id.clone()));
    }
    if let Some((kind, id)) = selection.subject {
        also("subject_kind", Arg::Text(kind.name().to_owned()));
        also("subject_id", Arg::Int(id));
    }
    if selection.users_alone {
        // The bare column would tempt SQLite to take the index of subjects and to sort all of them.
        args.push(Arg::Text(SubjectKind::User.name().to_owned()));
        let _ = write!(text, " AND subject_kind || '' = ${}", args.len());
    }
    args.push(Arg::Int(limit));
    let _ = write!(text, " ORDER BY epoch, xid, position LIMIT ${}", args.len());
    Statement { text, args }
}

fn to_change(row: Row) -> Result<Change, StoreError> {
    let (epoch, xid, position, at, name, kind, id, request_id, address, ..) = row;
    let (.., action, subject_kind, subject_id, version, change) = row;
    let change = RawValue::from_string(change)
        .map_err(|error| StoreError::Internal(format!("journal entry {position}: {error}")))?;
    Ok(Change {
        position: Position { epoch, xid, position },
        at,
        actor: Some(Actor { kind, id, name }),
        request_id,
        address,
        action,
        subject_kind,
        subject_id,
        version,
        change,
    })
}
