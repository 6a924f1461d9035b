//! Many concurrent lookups, few statements.
//!
//! A lookup that finds a worker free is sent at once; lookups that arrive while the workers are busy wait
//! together and become the next statement. There is no timer, so a single reader waits for nothing, and
//! a lookup joins only a statement that is not yet sent, so it sees every write acknowledged before it began.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::model::user::User;
use crate::store::{Store, StoreError};

/// Most ids in one statement.
const BATCH: usize = 128;
/// Most lookups that wait; more are refused, for they would wait too long anyway.
const QUEUE: usize = 8192;
/// Statements under way at once: two, so that a slow one does not hold up all readers.
const WORKERS: usize = 2;

type Answer = Result<Option<Arc<User>>, StoreError>;

struct Lookup {
    id: i64,
    answer: oneshot::Sender<Answer>,
}

/// A handle to the workers; they end when the last handle is gone.
#[derive(Clone)]
pub struct Lookups {
    queue: mpsc::Sender<Lookup>,
}

impl Lookups {
    /// Starts the workers on the current runtime.
    pub fn start(store: &Store) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..WORKERS {
            tokio::spawn(work(store.clone(), waiting.clone()));
        }
        Self { queue }
    }

    /// A look at the queue that does not keep the workers going.
    pub fn queue(&self) -> Queue {
        Queue(self.queue.downgrade())
    }

    /// The user with this id, if there is one.
    pub async fn get(&self, id: i64) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Lookup { id, answer })
            .map_err(|_| StoreError::Unavailable("too many lookups are waiting".to_owned()))?;
        answered.await.unwrap_or_else(|_| Err(StoreError::Internal("a lookup was dropped".to_owned())))
    }
}

/// The lookups that wait; see [`Lookups::queue`].
#[derive(Clone)]
pub struct Queue(mpsc::WeakSender<Lookup>);

impl Queue {
    /// How many lookups wait, and how many may; `None` when the workers are gone.
    pub fn length(&self) -> Option<(u32, u32)> {
        let queue = self.0.upgrade()?;
        let max = queue.max_capacity();
        Some((u32::try_from(max - queue.capacity()).ok()?, u32::try_from(max).ok()?))
    }
}

async fn work(store: Store, waiting: Arc<Mutex<mpsc::Receiver<Lookup>>>) {
    loop {
        let mut batch = Vec::with_capacity(BATCH);
        let received = waiting.lock().await.recv_many(&mut batch, BATCH).await;
        if received == 0 {
            return;
        }
        // Whoever has gone away meanwhile needs no answer.
        batch.retain(|lookup| !lookup.answer.is_closed());
        let mut ids: Vec<i64> = batch.iter().map(|lookup| lookup.id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            continue;
        }
        let store = store.clone();
        let found = contained(async move { store.lookup(&ids).await })
            .await
            .map(|users| users.into_iter().map(|(id, user)| (id, Arc::new(user))).collect::<HashMap<_, _>>());
        for lookup in batch {
            let answer = match &found {
                Ok(users) => Ok(users.get(&lookup.id).cloned()),
                Err(error) => Err(error.clone()),
            };
            let _ = lookup.answer.send(answer);
        }
    }
}

/// Runs on its own, so that a panic ends nothing but itself: without workers nobody would be found any more.
async fn contained<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::spawn(work)
        .await
        .unwrap_or_else(|_| Err(StoreError::Internal("a lookup ended unexpectedly".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_error() {
        let outcome: Result<(), _> = contained(async { panic!("on purpose") }).await;
        assert!(matches!(outcome, Err(StoreError::Internal(_))), "{outcome:?}");
        assert!(matches!(contained(async { Ok(1) }).await, Ok(1)));
    }
}
