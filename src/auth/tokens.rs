//! Which tokens are good. Each process keeps a copy of all that are and reads it anew when it has grown old, so that
//! no request costs a statement of its own, whether its token is right or wrong (docs/adr/0009-callers.md).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use super::caller::Identity;
use crate::clock::Clock;
use crate::model::secret::Digest;
use crate::model::token::Token;
use crate::store::{Store, StoreError};

/// A copy older than this is read anew beside the request that finds it so.
const FRESH: Duration = Duration::from_secs(2);
/// A copy older than this is not believed any more: a revocation elsewhere acts within 5 s, whatever happens.
const STALE: Duration = Duration::from_millis(4500);
/// Least time between two readings that unknown tokens cause.
const SPACING: Duration = Duration::from_millis(100);

/// All tokens that are not revoked, as they were at one moment.
#[derive(Debug)]
struct Copy {
    tokens: HashMap<Digest, Known>,
    /// When the reading began: what was committed before is in it.
    begun: Instant,
}

#[derive(Clone, Debug)]
struct Known {
    token: Arc<Token>,
    identity: Arc<Identity>,
}

#[derive(Debug)]
struct State {
    copy: Option<Arc<Copy>>,
    /// What was read before this is not believed: a token was changed here.
    changed: Instant,
    /// When the last reading that failed began, and why it did.
    failed: Option<(Instant, StoreError)>,
}

/// A handle to the copy.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<Shared>);

struct Shared {
    store: Store,
    clock: Clock,
    state: RwLock<State>,
    /// One reading at a time; whoever waits takes the result of the one before, if that began late enough.
    reading: Arc<Mutex<()>>,
    /// When tokens were used since that was last written down, by their ids.
    used: std::sync::Mutex<HashMap<i64, i64>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Nothing is read before the first request.
    pub fn new(store: &Store, clock: &Clock) -> Self {
        Self(Arc::new(Shared {
            store: store.clone(),
            clock: clock.clone(),
            state: RwLock::new(State { copy: None, changed: Instant::now(), failed: None }),
            reading: Arc::default(),
            used: std::sync::Mutex::default(),
        }))
    }

    /// The bearer of the live token with this secret, if the copy at hand has it; its use is noted. The database is
    /// asked only when the copy is too old.
    pub async fn recall(&self, secret: &str) -> Result<Option<Arc<Identity>>, StoreError> {
        let copy = self.copy().await?;
        Ok(self.find(&copy, &Digest::of(secret)))
    }

    /// The same for a token that may be younger than the copy.
    pub async fn verify(&self, secret: &str) -> Result<Option<Arc<Identity>>, StoreError> {
        let copy = self.read_since(Instant::now()).await?;
        Ok(self.find(&copy, &Digest::of(secret)))
    }

    /// The bearer of a token that was good before, as it is now.
    pub async fn confirm(&self, digest: &Digest) -> Result<Option<Arc<Identity>>, StoreError> {
        let copy = self.copy().await?;
        Ok(self.find(&copy, digest))
    }

    /// Forgets the copy after a change on this server, which acts here at once.
    pub fn forget(&self) {
        let mut state = self.state();
        (state.copy, state.changed) = (None, Instant::now());
    }

    /// Writes down when tokens were last used.
    pub async fn note_uses(&self) -> Result<(), StoreError> {
        let used = std::mem::take(&mut *self.0.used.lock().unwrap_or_else(PoisonError::into_inner));
        if used.is_empty() || self.0.store.is_read_only() {
            return Ok(());
        }
        let noted = self.0.store.note_token_uses(used.iter().map(|(id, at)| (*id, *at)).collect()).await;
        if noted.is_err() {
            let mut since = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
            for (id, at) in used {
                since.entry(id).or_insert(at);
            }
        }
        noted
    }

    /// A copy that is to be believed.
    async fn copy(&self) -> Result<Arc<Copy>, StoreError> {
        let copy = match self.current() {
            Some(copy) if copy.begun.elapsed() < STALE => copy,
            _ => return self.read_since(Instant::now()).await,
        };
        // Beside the request, and not if it is being read already.
        if copy.begun.elapsed() > FRESH
            && let Ok(turn) = self.0.reading.clone().try_lock_owned()
        {
            let tokens = self.clone();
            tokio::spawn(async move { tokens.read(turn).await });
        }
        Ok(copy)
    }

    fn find(&self, copy: &Copy, digest: &Digest) -> Option<Arc<Identity>> {
        let known = copy.tokens.get(digest)?;
        let now = self.0.clock.now();
        if !known.token.is_live(now) {
            return None;
        }
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner).insert(known.token.id, now);
        Some(known.identity.clone())
    }

    fn current(&self) -> Option<Arc<Copy>> {
        self.0.state.read().unwrap_or_else(PoisonError::into_inner).copy.clone()
    }

    /// A copy whose reading began at `since` or later.
    async fn read_since(&self, since: Instant) -> Result<Arc<Copy>, StoreError> {
        let turn = self.0.reading.clone().lock_owned().await;
        if let Some(copy) = self.current() {
            if copy.begun >= since {
                return Ok(copy);
            }
            // Wrong tokens come in storms: they wait for each other, not the database for them.
            tokio::time::sleep_until(copy.begun + SPACING).await;
        }
        // Whoever waited for an attempt that failed need not fail once more by itself.
        let failed = self.state().failed.clone().filter(|(begun, _)| *begun >= since);
        match failed {
            Some((_, error)) => Err(error),
            None => self.read(turn).await,
        }
    }

    async fn read(&self, _turn: OwnedMutexGuard<()>) -> Result<Arc<Copy>, StoreError> {
        let begun = Instant::now();
        let listed = match self.0.store.usable_tokens(self.0.clock.now()).await {
            Ok(listed) => listed,
            Err(error) => {
                self.state().failed = Some((begun, error.clone()));
                return Err(error);
            }
        };
        let known = |(digest, token): (Digest, Token)| {
            let identity = Arc::new(Identity::of_token(digest, &token));
            (digest, Known { identity, token: Arc::new(token) })
        };
        let copy = Arc::new(Copy { tokens: listed.into_iter().map(known).collect(), begun });
        let mut state = self.state();
        if begun >= state.changed {
            state.copy = Some(copy.clone());
        }
        Ok(copy)
    }

    fn state(&self) -> RwLockWriteGuard<'_, State> {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{StoreOptions, Target};
    use crate::telemetry::{BuildInfo, Metrics};

    #[tokio::test]
    async fn uses_that_cannot_be_written_down_are_kept_for_later() {
        let directory = tempfile::tempdir().unwrap();
        let target = Target::Sqlite(directory.path().join("x.db"));
        let metrics = Arc::new(Metrics::new(BuildInfo {
            version: String::new(),
            commit: String::new(),
            rustc: String::new(),
            schema: 0,
        }));
        let store = Store::open(&target, StoreOptions::default(), metrics).await.unwrap();
        let tokens = Tokens::new(&store, &Clock::System);
        tokens.0.used.lock().unwrap().insert(3, 1000);
        // There is no table yet.
        assert!(tokens.note_uses().await.is_err());
        assert_eq!(*tokens.0.used.lock().unwrap(), HashMap::from([(3, 1000)]));
        store.migrate(0).await.unwrap();
        tokens.note_uses().await.unwrap();
        assert!(tokens.0.used.lock().unwrap().is_empty());
        store.close().await;
    }
}
