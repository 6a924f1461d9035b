//! A pool before the driver's. The driver pings each connection that is given back, and takes a task of its own for
//! it: more than a short read takes altogether. So a connection whose borrower was done with it rests here for a
//! moment, ready for the next one; only when nobody wants it does it go back to the driver's pool, which knows how
//! to keep connections for long.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sqlx::{Database, Pool};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use super::StoreError;
use super::lend::Lent;

/// How long a connection may rest: it was just heard of, so nobody has to ask whether it lives.
const REST_MAX: Duration = Duration::from_secs(1);
/// How long a connection is kept from the driver's pool at most, which is where old ones are replaced.
const KEPT_MAX: Duration = Duration::from_mins(1);

/// A pool of connections; clones are handles to the same one.
pub(crate) struct Lender<DB: Database>(Arc<Inner<DB>>);

impl<DB: Database> Clone for Lender<DB> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Inner<DB: Database> {
    pool: Pool<DB>,
    /// As many as there may be connections: who has a place finds a connection at rest, or room in the pool.
    places: Arc<Semaphore>,
    resting: Mutex<Resting<DB>>,
    /// Tells those who wait for the driver's pool that a connection has come to rest.
    rested: Notify,
}

struct Resting<DB: Database> {
    /// With the time since when each one rests; the last one came last.
    connections: Vec<(Instant, Lent<DB>)>,
    /// Whether a task looks after those that nobody wants.
    watched: bool,
    closed: bool,
}

/// Where a connection came from.
pub(super) struct Home<DB: Database> {
    lender: Weak<Inner<DB>>,
    /// When the driver's pool handed it out.
    taken: Instant,
}

impl<DB: Database> Clone for Home<DB> {
    fn clone(&self) -> Self {
        Self { lender: self.lender.clone(), taken: self.taken }
    }
}

impl<DB: Database> Home<DB> {
    /// Takes back a connection on which nothing runs any more.
    pub(super) fn rest(&self, lent: Lent<DB>) {
        let now = Instant::now();
        let Some(inner) = self.lender.upgrade().filter(|_| now.duration_since(self.taken) < KEPT_MAX) else {
            return;
        };
        let mut resting = inner.resting();
        if resting.closed {
            return;
        }
        resting.connections.push((now, lent));
        inner.rested.notify_one();
        if !mem::replace(&mut resting.watched, true) {
            tokio::spawn(watch(Arc::downgrade(&inner)));
        }
    }
}

impl<DB: Database> Lender<DB> {
    /// Lends the connections of a pool.
    pub(super) fn new(pool: Pool<DB>) -> Self {
        let places = pool.options().get_max_connections() as usize;
        let resting = Resting { connections: Vec::with_capacity(places), watched: false, closed: false };
        let places = Arc::new(Semaphore::new(places));
        Self(Arc::new(Inner { pool, places, resting: Mutex::new(resting), rested: Notify::new() }))
    }

    /// The driver's pool.
    pub(super) fn pool(&self) -> &Pool<DB> {
        &self.0.pool
    }

    /// Connections in use, idle, and allowed.
    pub(super) fn connections(&self) -> (u32, u32, u32) {
        let resting = self.0.resting().connections.len();
        let size = self.0.pool.size();
        let idle = u32::try_from(self.0.pool.num_idle() + resting).unwrap_or(size).min(size);
        (size - idle, idle, self.0.pool.options().get_max_connections())
    }

    /// Lends a connection, once there is one.
    pub(super) async fn lend(&self, statement_limit: Duration) -> Result<Lent<DB>, StoreError> {
        let until = Instant::now() + self.0.pool.options().get_acquire_timeout();
        let place = self.place(until).await?;
        loop {
            let last = self.0.resting().connections.pop();
            if let Some((_, lent)) = last.filter(|(since, _)| since.elapsed() < REST_MAX) {
                return Ok(lent.again(place, statement_limit));
            }
            let acquire = timeout_at(until, self.0.pool.acquire());
            let acquired = if self.0.pool.size() < self.0.pool.options().get_max_connections() {
                // One is made, or comes back at once. To break that off for another would only begin it anew.
                acquire.await
            } else {
                // One on its way back to the driver's pool has no place any more and yet takes room there, for long
                // if its peer is silent: meanwhile another may come to rest here.
                tokio::select! {
                    acquired = acquire => acquired,
                    () = self.0.rested.notified() => continue,
                }
            };
            let connection = acquired.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
            let home = Home { lender: Arc::downgrade(&self.0), taken: Instant::now() };
            return Ok(Lent::new(connection, home, place, statement_limit));
        }
    }

    async fn place(&self, until: Instant) -> Result<OwnedSemaphorePermit, StoreError> {
        if let Ok(place) = self.0.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        match timeout_at(until, self.0.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(sqlx::Error::PoolClosed.into()),
            Err(_) => Err(sqlx::Error::PoolTimedOut.into()),
        }
    }

    /// Lets none rest from now on, so that all are in the driver's pool when they are not in use.
    pub(super) fn empty(&self) {
        let resting = {
            let mut resting = self.0.resting();
            resting.closed = true;
            mem::take(&mut resting.connections)
        };
        drop(resting);
    }

    /// Closes all connections, when they have come back.
    pub(super) async fn close(&self) {
        self.empty();
        self.0.pool.close().await;
    }
}

impl<DB: Database> Inner<DB> {
    fn resting(&self) -> MutexGuard<'_, Resting<DB>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives back what nobody wants, until nothing is left.
async fn watch<DB: Database>(lender: Weak<Inner<DB>>) {
    loop {
        sleep(REST_MAX).await;
        let Some(inner) = lender.upgrade() else { return };
        let mut resting = inner.resting();
        let stale = resting.connections.partition_point(|(since, _)| since.elapsed() >= REST_MAX);
        let unwanted: Vec<_> = resting.connections.drain(..stale).collect();
        resting.watched = !resting.connections.is_empty();
        let done = !resting.watched;
        drop(resting);
        drop(unwanted);
        if done {
            return;
        }
    }
}

impl<DB: Database> Drop for Inner<DB> {
    fn drop(&mut self) {
        for (_, lent) in self.resting().connections.drain(..) {
            // There may be no runtime any more that could see it back to the driver's pool.
            lent.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Sqlite;
    use sqlx::sqlite::SqlitePoolOptions;

    use super::super::Session;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    /// A lender of one connection. Another one would be another database.
    async fn lender() -> Lender<Sqlite> {
        let options = SqlitePoolOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(100));
        Lender::new(options.connect("sqlite::memory:").await.unwrap())
    }

    #[tokio::test]
    async fn what_is_given_back_goes_to_who_waits() {
        let lender = lender().await;
        let mut lent = lender.lend(LIMIT).await.unwrap();
        sqlx::query("CREATE TABLE kept (id)").execute(&mut *lent).await.unwrap();
        assert_eq!(lender.connections(), (1, 0, 1));
        let refused = lender.lend(LIMIT).await.map(drop);
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        let waiting = lender.lend(LIMIT);
        let (next, ()) = tokio::join!(waiting, async { Session::Sqlite(lent).finish() });
        let mut lent = next.unwrap();
        sqlx::query("SELECT id FROM kept").execute(&mut *lent).await.unwrap();
        Session::Sqlite(lent).finish();
        assert_eq!((lender.connections(), lender.pool().num_idle()), ((0, 1, 1), 0));
        lender.close().await;
        assert!(lender.lend(LIMIT).await.is_err());
        assert_eq!(lender.pool().size(), 0);
    }

    #[tokio::test]
    async fn what_nobody_wants_and_what_still_runs_go_to_the_drivers_pool() {
        let lender = lender().await;
        for running in [false, true] {
            let mut session = Session::Sqlite(lender.lend(LIMIT).await.unwrap());
            if running {
                session.leave_running();
            }
            session.finish();
            assert_eq!(lender.0.resting().connections.is_empty(), running);
            let started = Instant::now();
            while lender.pool().num_idle() == 0 {
                assert!(started.elapsed() < REST_MAX * 5);
                sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(lender.connections(), (0, 1, 1));
        }
    }
}
