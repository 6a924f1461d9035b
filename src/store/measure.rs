//! What is true of the whole database: numbers for the metrics, and whether it was ever used.

use std::fs;
use std::path::Path;

use super::{Either, Session, Store, StoreError, on, read};
use crate::model::change::SubjectKind;

/// How many users there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserCounts {
    /// Those with `active` true.
    pub active: i64,
    /// The others.
    pub inactive: i64,
}

/// The room that an `SQLite` file takes and has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSpace {
    /// The file and its write-ahead log.
    pub used: u64,
    /// What this process may still take of the file system.
    pub available: u64,
    /// The size of the file system.
    pub size: u64,
}

const USERS: &str = "SELECT count(CASE WHEN active THEN 1 END), count(*) FROM users";

// The first entry that is not settled, by the index of the feed's order: never more than one row is read.
const OLDEST_WAITING: &str = "SELECT (SELECT j.at FROM journal j WHERE (j.epoch, j.xid) >= (h.epoch, h.xid) \
     ORDER BY j.epoch, j.xid, j.position LIMIT 1) FROM journal_horizon h";

const HAD_USERS: &str = "SELECT EXISTS (SELECT 1 FROM journal WHERE subject_kind = $1)";

/// Whether the journal tells of a user.
pub(super) async fn had_users(session: &mut Session) -> Result<bool, StoreError> {
    on!(session, connection => sqlx::query_scalar(HAD_USERS)
        .bind(SubjectKind::User.name())
        .fetch_one(connection)
        .await)
    .map_err(StoreError::from)
}

impl Store {
    /// Whether there has ever been a user, by the journal.
    pub async fn has_had_users(&self) -> Result<bool, StoreError> {
        read!(self, "has_had_users", session => had_users(&mut session))
    }

    /// Counts the users, which reads all of them.
    pub async fn count_users(&self) -> Result<UserCounts, StoreError> {
        let (active, all): (i64, i64) = read!(self, "count_users", session => async {
            on!(&mut session, connection => sqlx::query_as(USERS).fetch_one(connection).await)
                .map_err(StoreError::from)
        })?;
        Ok(UserCounts { active, inactive: all - active })
    }

    /// The time of the oldest entry of the journal that can be seen and not yet be served by the feed, in
    /// microseconds since 1970-01-01 UTC.
    pub async fn oldest_waiting_change(&self) -> Result<Option<i64>, StoreError> {
        read!(self, "oldest_waiting_change", session => async {
            on!(&mut session, connection => sqlx::query_scalar(OLDEST_WAITING).fetch_one(connection).await)
                .map_err(StoreError::from)
        })
    }

    /// The room of the file; `None` on PostgreSQL, whose disk is another machine's matter, and where it can't be told.
    pub fn file_space(&self) -> Option<FileSpace> {
        let Either::Sqlite(pools) = &self.pools else { return None };
        let options = pools.write.pool().connect_options();
        let file = options.get_filename();
        let system = rustix::fs::statvfs(file).ok()?;
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        let used = size(file)? + size(Path::new(&log)).unwrap_or(0);
        let bytes = |blocks: u64| blocks.saturating_mul(system.f_frsize);
        Some(FileSpace { used, available: bytes(system.f_bavail), size: bytes(system.f_blocks) })
    }
}

fn size(path: &Path) -> Option<u64> {
    Some(fs::metadata(path).ok()?.len())
}
