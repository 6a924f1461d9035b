//! What is read at each scrape, and the few numbers that take a statement to know.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::app::Readiness;
use crate::clock::Clock;
use crate::directory::coalescer::Lookups;
use crate::server::{ServerStats, Shutdown, Tls};
use crate::store::measure::UserCounts;
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::PoolSample;

/// The least time between two measurements that take a statement.
const INTERVAL: Duration = Duration::from_secs(5);
/// A measurement that takes long is made less often: at most this part of the time goes into it.
const SHARE: u32 = 100;
/// The longest pause after one that failed: what it took tells nothing of what the next one will take.
const AFTER_FAILURE: Duration = Duration::from_mins(1);

/// Has everything that others count read at each scrape.
pub(super) fn register(metrics: &Metrics, store: &Store, stats: &Arc<ServerStats>, max_connections: usize) {
    let pool = store.clone();
    metrics.sample_pool(move || {
        let (used, idle, max) = pool.connections();
        PoolSample { idle, used, max }
    });
    let stats = stats.clone();
    let max_connections = u32::try_from(max_connections).map_or(f64::INFINITY, f64::from);
    metrics.sample(move |samples| {
        samples.gauge("roster_connections_open", "Client connections that are open", count(stats.open()));
        samples.gauge("roster_connections_max", "Most client connections at a time", max_connections);
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
            "roster_accept_errors",
            "Connections that could not be accepted",
            stats.accept_errors(),
        );
    });
    register_file(metrics, store);
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
            signed(left),
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
fn signed(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn count(number: u64) -> f64 {
    number as f64
}

/// Has it read at each scrape whether requests may be sent here: from the very start on, for that is when it is asked.
pub(super) fn register_readiness(metrics: &Metrics, readiness: &Readiness, shutdown: &Shutdown) {
    let (readiness, shutdown) = (readiness.clone(), shutdown.clone());
    metrics.sample(move |samples| {
        let ready = readiness.get().is_ok() && !shutdown.is_draining();
        samples.gauge("roster_ready", "1 when new requests may be sent here", truth(ready));
        let answers = truth(readiness.database_answers());
        samples.gauge("roster_database_up", "1 when the database answered when it was last asked", answers);
    });
}

/// Has the queue of lookups read at each scrape, as long as somebody may join it.
pub(super) fn register_lookups(metrics: &Metrics, lookups: &Lookups) {
    let queue = lookups.queue();
    metrics.sample(move |samples| {
        if let Some((waiting, max)) = queue.length() {
            let help = "Lookups of single users that wait for a statement";
            samples.gauge("roster_lookups_waiting", help, waiting.into());
            samples.gauge("roster_lookups_waiting_max", "Most lookups that may wait", max.into());
        }
    });
}

/// Has the room of an SQLite file read at each scrape; says nothing of other databases.
fn register_file(metrics: &Metrics, store: &Store) {
    let store = store.clone();
    metrics.sample(move |samples| {
        let Some(space) = store.file_space() else { return };
        let gauges = [
            ("roster_database_file_bytes", "Size of the SQLite file and its log", space.used),
            (
                "roster_database_disk_available_bytes",
                "Left on the SQLite file's file system",
                space.available,
            ),
            ("roster_database_disk_bytes", "Size of the SQLite file's file system", space.size),
        ];
        for (name, help, value) in gauges {
            samples.gauge(name, help, count(value));
        }
    });
}

/// Keeps the number of users up to date.
pub(super) async fn count_users(store: Store, readiness: Readiness, metrics: Arc<Metrics>) {
    let last = Last::default();
    let shown = last.clone();
    metrics.sample(move |samples| {
        let Some(UserCounts { active, inactive }) = shown.get() else { return };
        let counts = [("true", signed(active)), ("false", signed(inactive))];
        samples.gauges("roster_users", "Users in the directory", "active", &counts);
    });
    let count = || {
        let store = store.clone();
        async move { store.count_users().await }
    };
    measure(&readiness, &last, count).await;
}

/// Keeps up to date how long changes have been waiting to be served by the feed.
pub(super) async fn watch_feed(store: Store, readiness: Readiness, metrics: Arc<Metrics>, clock: Clock) {
    let last = Last::default();
    let shown = last.clone();
    metrics.sample(move |samples| {
        let Some(micros) = shown.get() else { return };
        let help = "How long the oldest change that is committed and not yet in the feed has waited";
        samples.gauge("roster_feed_lag_seconds", help, signed(micros) / 1e6);
    });
    let lag = || {
        let (store, clock) = (store.clone(), clock.clone());
        async move {
            let oldest = store.oldest_waiting_change().await?;
            // Another server's clock may be ahead of this one's.
            Ok(oldest.map_or(0, |at| (clock.now() - at).max(0)))
        }
    };
    measure(&readiness, &last, lag).await;
}

/// What was measured last; nothing while it can't be known.
#[derive(Clone)]
struct Last<T>(Arc<Mutex<Option<T>>>);

impl<T> Default for Last<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Copy> Last<T> {
    fn set(&self, value: Option<T>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }

    fn get(&self) -> Option<T> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures again and again, beside the scrapes, so that none of them waits.
async fn measure<T: Copy, F>(readiness: &Readiness, last: &Last<T>, read: impl Fn() -> F)
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        let started = Instant::now();
        let value = if readiness.get().is_ok() { read().await.ok() } else { None };
        last.set(value);
        tokio::time::sleep(pause(started.elapsed(), value.is_some())).await;
    }
}

fn pause(took: Duration, succeeded: bool) -> Duration {
    let share = took * SHARE;
    INTERVAL.max(if succeeded { share } else { share.min(AFTER_FAILURE) })
}

fn truth(value: bool) -> f64 {
    f64::from(u8::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_tried_again_soon_however_long_it_took() {
        let seconds = Duration::from_secs;
        assert_eq!(pause(seconds(0), true), seconds(5));
        assert_eq!(pause(seconds(10), true), seconds(1000));
        assert_eq!((pause(seconds(0), false), pause(seconds(10), false)), (seconds(5), seconds(60)));
    }
}
