//! What goes on beside the requests.

use std::mem::discriminant;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Parts;
use super::gauges::{count_users, watch_feed};
use crate::app::{Readiness, Unready};
use crate::auth::tokens::Tokens;
use crate::clock::Clock;
use crate::config::ServeConfig;
use crate::store::Store;
use crate::store::migrate::MigrateError;

/// How often the database is asked for a sign of life.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// How often answers kept under idempotency keys are cleared away.
const SWEEP_INTERVAL: Duration = Duration::from_mins(10);

/// How often it is written down when tokens were last used.
const NOTE_INTERVAL: Duration = Duration::from_mins(1);

/// What goes on as long as the service runs.
pub(super) fn routine(
    config: &ServeConfig,
    store: &Store,
    tokens: &Tokens,
    readiness: &Readiness,
    parts: &Parts,
) -> Vec<JoinHandle<()>> {
    let mut background = vec![
        tokio::spawn(watch(store.clone(), readiness.clone())),
        tokio::spawn(sweep(store.clone(), parts.clock.clone())),
        tokio::spawn(note_uses(tokens.clone())),
        tokio::spawn(count_users(store.clone(), readiness.clone(), parts.metrics.clone())),
        tokio::spawn(watch_feed(
            store.clone(),
            readiness.clone(),
            parts.metrics.clone(),
            parts.clock.clone(),
        )),
    ];
    if config.read_only {
        background.push(tokio::spawn(warn_of_unknown_server(store.clone())));
    }
    background
}

/// Whether requests can be answered: the database is there and its schema is new enough.
pub(super) async fn probe(store: &Store) -> Result<(), Unready> {
    match store.probe().await {
        Ok(state) if state.pending.is_empty() => Ok(()),
        Ok(state) => Err(Unready::Schema(format!("the schema lacks {}", state.pending.join(", ")))),
        Err(MigrateError::Store(error)) => Err(Unready::Database(error.to_string())),
        Err(changed) => Err(Unready::Schema(changed.to_string())),
    }
}

/// Keeps the readiness up to date. Whoever waits for it is told why, from the start.
async fn watch(store: Store, readiness: Readiness) {
    // The words of a reason may differ each time; its kind says something new.
    let kind = |state: &Result<(), Unready>| state.as_ref().err().map(discriminant);
    let mut state = readiness.get();
    let mut told = None;
    loop {
        if kind(&state) != told {
            told = kind(&state);
            if let Err(reason) = &state {
                tracing::warn!(%reason, "not ready");
            } else {
                tracing::info!("ready");
            }
        }
        tokio::time::sleep(PROBE_INTERVAL).await;
        state = probe(&store).await;
        readiness.set(state.clone());
    }
}

/// Says at the start of a server that only reads that the feed may stand still.
async fn warn_of_unknown_server(store: Store) {
    if let Ok(true) = store.is_on_unknown_server().await {
        tracing::warn!(
            "the database was restored to a server that its journal does not know, and this process only reads: until \
             one that writes has begun, the feed may stand still, and lists have no ETag"
        );
    }
}

/// Clears away old answers.
async fn sweep(store: Store, clock: Clock) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        if let Err(error) = store.forget_old_keys(clock.now()).await {
            tracing::warn!(%error, "old idempotency keys stay for now");
        }
    }
}

/// Writes down when tokens were last used.
async fn note_uses(tokens: Tokens) {
    loop {
        tokio::time::sleep(NOTE_INTERVAL).await;
        if let Err(error) = tokens.note_uses().await {
            tracing::warn!(%error, "the last uses of tokens are not written down");
        }
    }
}
