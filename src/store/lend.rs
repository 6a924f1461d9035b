//! Connections on loan, and transactions on them. Whatever becomes of the borrower or of the network, a
//! connection goes back to its pool within a time, or is closed: a pool never loses a place for good.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Postgres, Sqlite};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::connect::PING_TIMEOUT;
use super::lender::Home;
use super::{Either, Engine, StoreError, on};

/// What a live server may need beyond the limit of a statement to say that it was reached.
const GRACE: Duration = Duration::from_secs(1);

/// How many steps of its virtual machine SQLite takes between two looks at the clock: some tenths of a millisecond.
const STEPS: i32 = 10_000;

/// A connection that was lent by a pool. A reader may be dropped at any moment, also amid a statement.
pub(crate) struct Lent<DB: Database> {
    connection: PoolConnection<DB>,
    home: Home<DB>,
    /// Its right to be out; `None` while it rests.
    place: Option<OwnedSemaphorePermit>,
    /// How long the way back to the driver's pool may take.
    patience: Duration,
    /// Whether the next borrower may have the connection.
    sound: bool,
    /// Whether rows of its last statement are still on their way.
    running: bool,
    /// What SQLite looks at while it works for a reader, once that was set.
    bounds: Option<Arc<Bounds>>,
}

/// How long SQLite may work for a reader.
#[derive(Debug)]
struct Bounds {
    until: Mutex<Instant>,
    /// Set when the borrower is gone.
    over: AtomicBool,
}

impl Bounds {
    fn allow(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        !self.over.load(Ordering::Relaxed) && Instant::now() < until
    }

    fn set(&self, until: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl<DB: Database> Lent<DB> {
    /// A connection from the driver's pool.
    pub(super) fn new(
        connection: PoolConnection<DB>,
        home: Home<DB>,
        place: OwnedSemaphorePermit,
        statement_limit: Duration,
    ) -> Self {
        let patience = statement_limit + GRACE;
        let place = Some(place);
        Self { connection, home, place, patience, sound: true, running: false, bounds: None }
    }

    /// A connection that rested, lent again.
    pub(super) fn again(mut self, place: OwnedSemaphorePermit, statement_limit: Duration) -> Self {
        self.place = Some(place);
        self.patience = statement_limit + GRACE;
        self
    }

    /// Gives it back as one on which nothing runs.
    fn finish(mut self) {
        if self.sound && !self.running {
            // From here on there is nothing that the driver's pool would have to wait for.
            self.patience = PING_TIMEOUT;
            let (home, place) = (self.home.clone(), self.place.take());
            home.rest(self);
            drop(place);
        }
    }

    /// Closes it.
    pub(super) fn close(mut self) {
        self.sound = false;
    }
}

impl<DB: Database> Deref for Lent<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Lent<DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.connection
    }
}

impl<DB: Database> Drop for Lent<DB> {
    fn drop(&mut self) {
        if let Some(bounds) = &self.bounds {
            bounds.over.store(true, Ordering::Relaxed);
        }
        // The way back has the driver wait for the end of what still runs, and ping, for as long as that takes.
        // A silent peer would keep the connection's place in the pool; the dropped future frees it, and closes
        // the socket.
        let returning = self.connection.return_to_pool();
        if self.sound {
            tokio::spawn(timeout(self.patience, returning));
        }
    }
}

/// A connection that is lent for reading.
pub(crate) type Session = Either<Lent<Sqlite>, Lent<Postgres>>;

impl Session {
    /// SQLite works in a thread of this process that no timeout of a future reaches: it looks by itself whether
    /// the time is up or the borrower gone.
    pub(super) async fn sqlite(
        mut lent: Lent<Sqlite>,
        statement_limit: Duration,
    ) -> Result<Self, StoreError> {
        let until = Instant::now() + statement_limit;
        if let Some(bounds) = &lent.bounds {
            bounds.set(until);
        } else {
            let bounds = Arc::new(Bounds { until: Mutex::new(until), over: AtomicBool::new(false) });
            lent.bounds = Some(bounds.clone());
            lent.lock_handle().await?.set_progress_handler(STEPS, move || bounds.allow());
        }
        Ok(Self::Sqlite(lent))
    }

    /// Says that not all rows were read: their end is to be awaited on the way back, by nobody who needs it.
    pub(crate) fn leave_running(&mut self) {
        match self {
            Self::Sqlite(lent) => lent.running = true,
            Self::Postgres(lent) => lent.running = true,
        }
    }

    /// Gives the connection back after its work, ready for the next borrower.
    pub(crate) fn finish(self) {
        match self {
            Self::Sqlite(lent) => lent.finish(),
            Self::Postgres(lent) => lent.finish(),
        }
    }

    /// Closes the connection instead of giving it back: its state is not known any more.
    pub(crate) fn abandon(mut self) {
        self.set_sound(false);
    }

    /// Whether the next borrower may have the connection.
    pub(super) fn set_sound(&mut self, sound: bool) {
        match self {
            Self::Sqlite(lent) => lent.sound = sound,
            Self::Postgres(lent) => lent.sound = sound,
        }
    }

    /// Itself, as a running transaction gives its own.
    pub(crate) fn lent(&mut self) -> &mut Self {
        self
    }
}

/// A running transaction. Dropped before its end, it is undone by closing the connection: neither what the
/// server has done of it nor what it was told last is known then.
pub(crate) struct Tx {
    session: Session,
    limit: Option<Instant>,
}

impl Tx {
    /// Begins a transaction that will write, and that may take `limit` up to and with its end.
    pub(super) async fn begin(mut session: Session, statement_limit: Duration) -> Result<Self, StoreError> {
        let statement = match session {
            // Its statements are short ones: what takes long here is waiting for the disk.
            Either::Sqlite(_) => "BEGIN IMMEDIATE",
            Either::Postgres(_) => "BEGIN",
        };
        session.set_sound(false);
        let mut tx = Self { session, limit: Some(Instant::now() + statement_limit + GRACE) };
        tx.run(statement).await.ok_or_else(too_long)??;
        Ok(tx)
    }

    /// The connection.
    pub(crate) fn lent(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Which engine it runs on.
    pub(crate) fn engine(&self) -> Engine {
        match self.session {
            Either::Sqlite(_) => Engine::Sqlite,
            Either::Postgres(_) => Engine::Postgres,
        }
    }

    /// Lets it take as long as it takes.
    pub(crate) fn unlimited(mut self) -> Self {
        self.limit = None;
        self
    }

    /// Does the work of the transaction, as long as there is time.
    pub(crate) async fn within_limit<T, E: From<StoreError>>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        within(self.limit, work(self)).await.unwrap_or_else(|| Err(too_long().into()))
    }

    /// Undoes everything, and returns when the database has let go of it. Where that fails, the connection is
    /// gone, and the transaction with it.
    pub(crate) async fn rollback(mut self) {
        let undone = self.run("ROLLBACK").await;
        self.session.set_sound(matches!(undone, Some(Ok(()))));
        self.session.finish();
    }

    /// Commits. A connection that is lost here, or silent, leaves it open whether the write was done.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        match self.run("COMMIT").await {
            Some(Ok(())) => {
                self.session.set_sound(true);
                self.session.finish();
                Ok(())
            }
            Some(Err(StoreError::ConnectionLost(detail))) => Err(StoreError::OutcomeUnknown(detail)),
            Some(Err(error)) => Err(error),
            None => Err(StoreError::OutcomeUnknown("the database does not answer".to_owned())),
        }
    }

    /// Runs a statement; `None` when the time is up.
    async fn run(&mut self, statement: &'static str) -> Option<Result<(), StoreError>> {
        let session = &mut self.session;
        within(self.limit, async {
            on!(session, connection => sqlx::raw_sql(statement).execute(connection).await.map(drop))
                .map_err(StoreError::from)
        })
        .await
    }
}

async fn within<T>(limit: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => timeout_at(limit, work).await.ok(),
        None => Some(work.await),
    }
}

/// Nothing was committed.
pub(crate) fn too_long() -> StoreError {
    StoreError::Unavailable("the database takes too long".to_owned())
}
