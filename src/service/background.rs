//! What goes on beside the requests.

use std::sync::Arc;
use std::time::Duration;

use crate::app::Readiness;
use crate::auth::tokens::Tokens;
use crate::clock::Clock;
use crate::server::{ServerStats, Tls};
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::PoolSample;

/// How often the database is asked for a sign of life.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// How often answers kept under idempotency keys are cleared away.
const SWEEP_INTERVAL: Duration = Duration::from_mins(10);

/// How often it is written down when tokens were last used.
const NOTE_INTERVAL: Duration = Duration::from_mins(1);

/// Has everything that others count read at each scrape.
pub(super) fn register(metrics: &Metrics, store: &Store, stats: &Arc<ServerStats>) {
    let pool = store.clone();
    metrics.sample_pool(move || {
        let (used, idle, max) = pool.connections();
        PoolSample { idle, used, max }
    });
    let stats = stats.clone();
    metrics.sample(move |samples| {
        samples.gauge("roster_connections_open", "Client connections that are open", count(stats.open()));
        samples.counter("roster_connections_accepted", "Client connections accepted", stats.accepted());
        samples.counter(
            "roster_connections_head_timeout",
            "Connections closed because a request's head took too long",
            stats.head_timeouts(),
        );
        samples.counter(
            "roster_connections_slow_reader",
            "Connections cut because the client took its answer too slowly",
            stats.slow_readers(),
        );
        samples.counter(
            "roster_connections_cut",
            "Connections cut at the deadline of the shutdown",
            stats.cut_at_deadline(),
        );
        samples.counter(
            "roster_accept_errors",
            "Connections that could not be accepted",
            stats.accept_errors(),
        );
    });
    metrics.sample_runtime(tokio::runtime::Handle::current());
}

/// Has what TLS counts read at each scrape.
pub(super) fn register_tls(metrics: &Metrics, tls: &Tls, stats: &Arc<ServerStats>, clock: &Clock) {
    let (tls, stats, clock) = (tls.clone(), stats.clone(), clock.clone());
    metrics.sample(move |samples| {
        let left = tls.not_after().saturating_sub(clock.now() / 1_000_000);
        samples.gauge(
            "roster_tls_certificate_expires_seconds",
            "Time until the TLS certificate in use expires; below zero, it has",
            seconds(left),
        );
        samples.counter("roster_tls_reloads", "TLS certificates taken from changed files", tls.reloads());
        samples.counter(
            "roster_tls_reload_errors",
            "Changed files of the TLS certificate that could not be used",
            tls.reload_errors(),
        );
        samples.counter(
            "roster_tls_handshake_errors",
            "TLS handshakes that failed or took too long",
            stats.handshake_errors(),
        );
    });
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn seconds(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn count(number: u64) -> f64 {
    number as f64
}

/// Whether requests can be answered: the database is there and its schema is new enough.
pub(super) async fn probe(store: &Store) -> Result<(), String> {
    match store.probe().await {
        Ok(state) if state.pending.is_empty() => Ok(()),
        Ok(state) => Err(format!("the schema lacks {}", state.pending.join(", "))),
        Err(error) => Err(error.to_string()),
    }
}

/// Keeps the readiness up to date.
pub(super) async fn watch(store: Store, readiness: Readiness) {
    let mut was_ready = readiness.get().is_ok();
    loop {
        tokio::time::sleep(PROBE_INTERVAL).await;
        let state = probe(&store).await;
        match (&state, was_ready) {
            (Err(reason), true) => tracing::warn!(reason, "not ready"),
            (Ok(()), false) => tracing::info!("ready"),
            _ => {}
        }
        was_ready = state.is_ok();
        readiness.set(state);
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
