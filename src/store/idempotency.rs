//! Answers kept under idempotency keys, so that a client which never saw the first answer may ask again.
//!
//! The answer is written in the transaction of the write itself: there is no moment at which one exists
//! without the other. A refused write keeps nothing, so trying again tries again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::users::Written;
use super::{Either, Store, StoreError, Tx, on};

/// How long an answer is kept: 24 hours, in microseconds.
pub(super) const KEPT_FOR: i64 = 24 * 60 * 60 * 1_000_000;

/// Most old answers that go in one transaction, so that none holds up other writers for long.
const FORGOTTEN_AT_ONCE: u64 = 5_000;

const FORGET: &str = "DELETE FROM idempotency_keys WHERE (caller, key) IN \
     (SELECT caller, key FROM idempotency_keys WHERE created_at <= $1 ORDER BY created_at LIMIT $2)";

/// A key and the request that it stands for.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// Whose key it is.
    pub caller: String,
    /// The key as the caller sent it.
    pub key: String,
    /// A digest of the request.
    pub fingerprint: String,
}

/// Marks a key as running until it is dropped.
pub(super) struct Running {
    keys: Arc<Mutex<HashSet<String>>>,
    name: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

impl IdempotencyKey {
    fn name(&self) -> String {
        format!("{}\n{}", self.caller, self.key)
    }
}

impl Store {
    /// Refuses a second request with a key while the first runs in this process.
    pub(super) fn enter(&self, key: &IdempotencyKey) -> Result<Running, StoreError> {
        let name = key.name();
        let entered = self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        if entered { Ok(Running { keys: self.running.clone(), name }) } else { Err(StoreError::KeyRunning) }
    }

    /// Deletes answers that are older than 24 hours. `now` in microseconds since 1970-01-01 UTC.
    pub async fn forget_old_keys(&self, now: i64) -> Result<(), StoreError> {
        if self.is_read_only() {
            return Ok(());
        }
        while self.forget_some_keys(now).await? == FORGOTTEN_AT_ONCE {}
        Ok(())
    }

    async fn forget_some_keys(&self, now: i64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let forgotten = tx
            .within_limit(async |tx| {
                on!(tx, connection => sqlx::query(FORGET)
                    .bind(now - KEPT_FOR)
                    .bind(FORGOTTEN_AT_ONCE.cast_signed())
                    .execute(connection)
                    .await
                    .map(|done| done.rows_affected()))
                .map_err(StoreError::from)
            })
            .await?;
        tx.commit().await?;
        Ok(forgotten)
    }
}

/// The kept answer, if there is one. Also keeps other processes from running the same key until the commit.
pub(super) async fn recall(
    tx: &mut Tx,
    key: &IdempotencyKey,
    now: i64,
) -> Result<Option<Vec<Written>>, StoreError> {
    if let Either::Postgres(lent) = tx.lent() {
        let free: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(key.name())
            .fetch_one(&mut **lent)
            .await?;
        if !free {
            return Err(StoreError::KeyRunning);
        }
    }
    let kept: Option<(String, String)> = on!(tx, connection => sqlx::query_as(
            "SELECT fingerprint, results FROM idempotency_keys \
             WHERE caller = $1 AND key = $2 AND created_at > $3")
        .bind(key.caller.as_str())
        .bind(key.key.as_str())
        .bind(now - KEPT_FOR)
        .fetch_optional(connection)
        .await)?;
    match kept {
        None => Ok(None),
        Some((fingerprint, _)) if fingerprint != key.fingerprint => Err(StoreError::KeyReused),
        Some((_, results)) => serde_json::from_str(&results)
            .map(Some)
            .map_err(|error| StoreError::Internal(format!("kept answer: {error}"))),
    }
}

/// Keeps the answer.
pub(super) async fn remember(
    tx: &mut Tx,
    key: &IdempotencyKey,
    results: &[&Written],
    now: i64,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(results).map_err(|error| StoreError::Internal(error.to_string()))?;
    on!(tx, connection => sqlx::query(
            "INSERT INTO idempotency_keys (caller, key, fingerprint, results, created_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (caller, key) DO UPDATE SET \
             fingerprint = excluded.fingerprint, results = excluded.results, created_at = excluded.created_at")
        .bind(key.caller.as_str())
        .bind(key.key.as_str())
        .bind(key.fingerprint.as_str())
        .bind(text)
        .bind(now)
        .execute(connection)
        .await
        .map(drop))?;
    Ok(())
}
