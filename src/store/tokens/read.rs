//! Reading tokens.

use std::time::Instant;

use sqlx::AssertSqlSafe;

use crate::model::role::Role;
use crate::model::secret::Digest;
use crate::model::token::Token;
use crate::store::{Store, StoreError, on, read, too_long};

pub(super) const COLUMNS: &str =
    "id, name, role, created_by, version, created_at, expires_at, last_used_at, revoked_at, hash";

pub(super) type Row = (i64, String, String, String, i64, i64, Option<i64>, Option<i64>, Option<i64>, String);

pub(super) const ANY: &str = "SELECT EXISTS (SELECT 1 FROM tokens)";

impl Store {
    /// One token, unless it is revoked.
    pub async fn token(&self, id: i64) -> Result<Token, StoreError> {
        let text = format!("SELECT {COLUMNS} FROM tokens WHERE id = $1 AND revoked_at IS NULL");
        let row: Option<Row> = read!(self, "token", session => async {
            on!(&mut session, connection => sqlx::query_as(AssertSqlSafe(text.clone()))
                .bind(id)
                .fetch_optional(connection)
                .await)
            .map_err(StoreError::from)
        })?;
        row.map(|row| to_token(row).1).ok_or(StoreError::NotFound)
    }

    /// At most `limit` tokens after an id, in the order of ids, revoked ones included.
    pub async fn tokens(&self, after: i64, limit: i64) -> Result<Vec<Token>, StoreError> {
        let text = format!("SELECT {COLUMNS} FROM tokens WHERE id > $1 ORDER BY id LIMIT $2");
        let rows: Vec<Row> = read!(self, "tokens", session => async {
            on!(&mut session, connection => sqlx::query_as(AssertSqlSafe(text.clone()))
                .bind(after)
                .bind(limit)
                .fetch_all(connection)
                .await)
            .map_err(StoreError::from)
        })?;
        Ok(rows.into_iter().map(|row| to_token(row).1).collect())
    }

    /// All tokens that are neither revoked nor expired, with the digests of their secrets. They are read on a connection
    /// of their own: that requests wait for the others must not keep their callers from being known. `now` in
    /// microseconds since 1970-01-01 UTC.
    pub async fn usable_tokens(&self, now: i64) -> Result<Vec<(Digest, Token)>, StoreError> {
        let started = Instant::now();
        let mut outcome = self.read_usable_tokens(now).await;
        if matches!(outcome, Err(StoreError::ConnectionLost(_))) {
            // The connection was dead, which does not mean that the server is.
            outcome = self.read_usable_tokens(now).await;
        }
        self.observe("usable_tokens", started, outcome.as_ref().err());
        Ok(outcome?.into_iter().map(to_token).filter_map(|(digest, token)| Some((digest?, token))).collect())
    }

    async fn read_usable_tokens(&self, now: i64) -> Result<Vec<Row>, StoreError> {
        let text = format!(
            "SELECT {COLUMNS} FROM tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)"
        );
        let work = async {
            let mut session = self.callers_session().await?;
            let rows = on!(&mut session, connection => sqlx::query_as(AssertSqlSafe(text))
                .bind(now)
                .fetch_all(connection)
                .await)?;
            session.finish();
            Ok(rows)
        };
        tokio::time::timeout(self.options.statement_timeout, work).await.unwrap_or_else(|_| Err(too_long()))
    }

    /// Whether a token ever was in this database.
    pub async fn has_tokens(&self) -> Result<bool, StoreError> {
        read!(self, "has_tokens", session => async {
            on!(&mut session, connection => sqlx::query_scalar(ANY).fetch_one(connection).await)
                .map_err(StoreError::from)
        })
    }
}

/// A row as a token, and the digest of its secret.
pub(super) fn to_token(row: Row) -> (Option<Digest>, Token) {
    let (id, name, role, created_by, version, created_at, expires_at, last_used_at, revoked_at, hash) = row;
    let role = Role::parse(&role);
    let token =
        Token { id, name, role, created_by, version, created_at, expires_at, last_used_at, revoked_at };
    (Digest::from_hex(&hash), token)
}
