//! What goes on beside the requests.

use std::mem::discriminant;
use std::time::Duration;

use crate::app::{Readiness, Unready};
use crate::auth::tokens::Tokens;
use crate::clock::Clock;
use crate::store::Store;
use crate::store::migrate::MigrateError;

/// How often the database is asked for a sign of life.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// How often answers kept under idempotency keys are cleared away.
const SWEEP_INTERVAL: Duration = Duration::from_mins(10);

/// How often it is written down when tokens were last used.
const NOTE_INTERVAL: Duration = Duration::from_mins(1);

/// Whether requests can be answered: the database is there and its schema is new enough.
pub(super) async fn probe(store: &Store) -> Result<(), Unready> {
    match store.probe().await {
        Ok(state) if state.pending.is_empty() => Ok(()),
        Ok(state) => Err(Unready::Schema(format!("the schema lacks {}", state.pending.join(", ")))),
        Err(MigrateError::Store(error)) => Err(Unready::Database(error.to_string())),
        Err(changed) => Err(Unready::Schema(changed.to_string())),
    }
}

/// Keeps the readiness up to date.
pub(super) async fn watch(store: Store, readiness: Readiness) {
    let mut state = readiness.get();
    // Who waits for it wants to know why, from the start.
    if let Err(reason) = &state {
        tracing::warn!(%reason, "not ready");
    }
    loop {
        tokio::time::sleep(PROBE_INTERVAL).await;
        let now = probe(&store).await;
        match (&now, &state) {
            (Err(reason), Ok(())) => tracing::warn!(%reason, "not ready"),
            // The words may differ each time, the kind says something new.
            (Err(reason), Err(before)) if discriminant(reason) != discriminant(before) => {
                tracing::warn!(%reason, "not ready");
            }
            (Ok(()), Err(_)) => tracing::info!("ready"),
            _ => {}
        }
        readiness.set(now.clone());
        state = now;
    }
}

/// Says at the start of a server that only reads that the feed may stand still.
pub(super) async fn warn_of_unknown_server(store: Store) {
    if let Ok(true) = store.is_on_unknown_server().await {
        tracing::warn!(
            "the database was restored to a server that its journal does not know, and this process only reads: until \
             one that writes has begun, the feed may stand still, and lists have no ETag"
        );
    }
}

/// Clears away old answers.
pub(super) async fn sweep(store: Store, clock: Clock) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        if let Err(error) = store.forget_old_keys(clock.now()).await {
            tracing::warn!(%error, "old idempotency keys stay for now");
        }
    }
}

/// Writes down when tokens were last used.
pub(super) async fn note_uses(tokens: Tokens) {
    loop {
        tokio::time::sleep(NOTE_INTERVAL).await;
        if let Err(error) = tokens.note_uses().await {
            tracing::warn!(%error, "the last uses of tokens are not written down");
        }
    }
}
