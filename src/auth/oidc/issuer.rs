//! One issuer: its keys, how old they are, and when to ask for them again.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tracing::{debug, info, warn};

use super::fetch::Remote;
use super::keys::KeySet;
use crate::clock::Clock;
use crate::config::IssuerConfig;

const SECOND: i64 = 1_000_000;
/// Keys that are older are asked for again while they go on being used.
pub(super) const REFRESH: i64 = 240 * SECOND;
/// Keys that are older are not used before they were asked for again, unless the issuer is away: a key that the
/// issuer removed works no longer than this.
pub(super) const FRESH: i64 = 300 * SECOND;
/// Keys that are older are not used even while the issuer is away.
pub(super) const LAST_GOOD: i64 = 24 * 3600 * SECOND;
/// The least time between two attempts, whatever clients send.
pub(super) const PAUSE: i64 = 10 * SECOND;
/// How far the clock may have been set back before keys count as old.
const SET_BACK: i64 = 60 * SECOND;

/// An issuer and what is known of its keys.
pub(super) struct Issuer {
    pub(super) config: IssuerConfig,
    pub(super) name: Arc<str>,
    remote: Remote,
    clock: Clock,
    state: RwLock<State>,
    /// Held while the issuer is asked: one attempt at a time.
    asking: Arc<Mutex<()>>,
    fetches: Fetches,
}

/// Attempts so far, of all issuers.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetches(Arc<[AtomicU64; 2]>);

impl Fetches {
    /// Those that gave keys, and those that failed.
    pub(super) fn counts(&self) -> [u64; 2] {
        [0, 1].map(|index: usize| self.0[index].load(Ordering::Relaxed))
    }
}

/// Keys that may be used, and which of the issuer's sets they are.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) keys: Arc<KeySet>,
    pub(super) generation: u64,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    /// When the keys were asked for.
    fetched_at: i64,
    /// When the last attempt ended.
    attempted_at: Option<i64>,
    /// Why the last attempt failed.
    away: Option<String>,
}

impl State {
    fn usable(&self, now: i64) -> Option<&Current> {
        let age = now.saturating_sub(self.fetched_at);
        let limit = if self.away.is_some() { LAST_GOOD } else { FRESH };
        self.current.as_ref().filter(|_| (-SET_BACK..limit).contains(&age))
    }

    fn may_attempt(&self, now: i64) -> bool {
        self.attempted_at.is_none_or(|at| !(0..PAUSE).contains(&now.saturating_sub(at)))
    }

    fn is_due(&self, now: i64) -> bool {
        (self.away.is_some() || now.saturating_sub(self.fetched_at) >= REFRESH) && self.may_attempt(now)
    }
}

impl Issuer {
    pub(super) fn new(
        config: IssuerConfig,
        clock: Clock,
        fetches: Fetches,
        hosts: &[(String, SocketAddr)],
    ) -> Result<Self, String> {
        let remote =
            Remote::new(&config, hosts).map_err(|problem| format!("issuer {}: {problem}", config.issuer))?;
        let name = config.issuer.as_str().into();
        let (state, asking) = (RwLock::default(), Arc::default());
        Ok(Self { config, name, remote, clock, state, asking, fetches })
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys if they may be used right now. Starts asking for newer ones in the background when it is time.
    pub(super) fn settled(self: &Arc<Self>) -> Option<Current> {
        let now = self.clock.now();
        let (usable, due) = {
            let state = self.state();
            (state.usable(now).cloned(), state.is_due(now))
        };
        if due && usable.is_some() {
            self.refresh_aside();
        }
        usable
    }

    /// The keys, asked for when there are none that may be used. The error says why there are none.
    pub(super) async fn keys(self: &Arc<Self>) -> Result<Current, String> {
        if let Some(current) = self.settled() {
            return Ok(current);
        }
        self.refresh().await;
        let state = self.state();
        let usable = state.usable(self.clock.now()).cloned();
        usable.ok_or_else(|| state.away.clone().unwrap_or_else(|| "its keys are too old".to_owned()))
    }

    /// Newer keys than these, if the issuer has been asked since or may be asked now.
    pub(super) async fn newer(self: &Arc<Self>, than: &Current) -> Option<Current> {
        self.refresh().await;
        let current = self.state().usable(self.clock.now()).cloned()?;
        (current.generation != than.generation).then_some(current)
    }

    /// Why the last attempt failed, if it did.
    pub(super) fn away(&self) -> Option<String> {
        self.state().away.clone()
    }

    /// The seconds since the keys were asked for.
    #[expect(clippy::cast_precision_loss, reason = "a metric")]
    pub(super) fn age(&self) -> Option<f64> {
        let state = self.state();
        state.current.as_ref()?;
        Some(self.clock.now().saturating_sub(state.fetched_at) as f64 / 1e6)
    }

    /// Asks the issuer, or waits for whoever is asking it; does nothing shortly after an attempt.
    async fn refresh(self: &Arc<Self>) {
        if !self.state().may_attempt(self.clock.now()) {
            return;
        }
        let issuer = Arc::clone(self);
        // A task of its own: a client that goes away must not end what others wait for.
        let task = tokio::spawn(async move {
            let _turn = issuer.asking.lock().await;
            issuer.attempt().await;
        });
        if let Err(error) = task.await {
            warn!(issuer = &*self.name, error = error.to_string(), "asking for keys ended early");
        }
    }

    fn refresh_aside(self: &Arc<Self>) {
        let turn = Arc::clone(&self.asking).try_lock_owned();
        let (Ok(turn), Ok(runtime)) = (turn, Handle::try_current()) else { return };
        let issuer = Arc::clone(self);
        runtime.spawn(async move {
            issuer.attempt().await;
            drop(turn);
        });
    }

    /// To be called by the one whose turn it is.
    async fn attempt(&self) {
        let begun = self.clock.now();
        if !self.state().may_attempt(begun) {
            return;
        }
        let fetched = self.remote.fetch().await;
        self.fetches.0[usize::from(fetched.is_err())].fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.attempted_at = Some(self.clock.now());
        match fetched {
            Ok(keys) => {
                state.fetched_at = begun;
                let was_away = state.away.take().is_some();
                self.take(&mut state, keys, was_away);
            }
            Err(reason) => {
                let known = state.current.is_some();
                // Once, and again when the issuer was back meanwhile.
                if state.away.is_none() && known {
                    warn!(issuer = &*self.name, reason, "an issuer is away; its last keys go on being used");
                } else if state.away.is_none() {
                    warn!(issuer = &*self.name, reason, "the keys of an issuer cannot be had");
                } else {
                    debug!(issuer = &*self.name, reason, "the keys of an issuer still cannot be had");
                }
                state.away = Some(reason);
            }
        }
    }

    fn take(&self, state: &mut State, keys: KeySet, was_away: bool) {
        let (issuer, count) = (&*self.name, keys.len());
        let same = state.current.as_ref().is_some_and(|current| current.keys.same(&keys));
        if !same {
            let generation = state.current.as_ref().map_or(0, |current| current.generation + 1);
            state.current = Some(Current { keys: Arc::new(keys), generation });
        }
        if was_away {
            info!(issuer, keys = count, "the keys of an issuer can be had again");
        } else if !same {
            info!(issuer, keys = count, "the keys of an issuer are new");
        }
    }
}
