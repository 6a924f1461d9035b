//! One rate for many keys, of which only so many are counted by themselves.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::{Quota, RateLimiter};

/// Least time between two looks at all keys for those that can be forgotten.
const SPACING: Duration = Duration::from_secs(1);

/// What is counted of each key.
pub(super) struct Keyed<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, Shared<K>, DefaultClock>,
    keys: Shared<K>,
    most: usize,
    cleaning: Spacing,
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    pub(super) fn new(quota: Quota, most: usize) -> Self {
        let keys = Shared(Arc::default());
        let limiter = RateLimiter::new(quota, keys.clone(), DefaultClock::default());
        Self { limiter, keys, most, cleaning: Spacing::default() }
    }

    /// Counts one of a key, or of `others` when there is no room for another key; the error is how long it has to
    /// wait.
    pub(super) fn check(&self, key: K, others: K) -> Result<(), Duration> {
        let key = if self.has_room_for(&key) { key } else { others };
        self.limiter.check_key(&key).map_err(|refused| refused.wait_time_from(DefaultClock::default().now()))
    }

    fn has_room_for(&self, key: &K) -> bool {
        if self.keys.0.len() < self.most || self.keys.0.contains_key(key) {
            return true;
        }
        if self.cleaning.is_due() {
            self.limiter.retain_recent();
        }
        self.keys.0.len() < self.most
    }
}

/// The keys, which the limiter would keep to itself.
struct Shared<K: Hash + Eq + Clone>(Arc<DashMapStateStore<K>>);

impl<K: Hash + Eq + Clone> Clone for Shared<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Hash + Eq + Clone> StateStore for Shared<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, change: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, change)
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Shared<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        ShrinkableKeyedStateStore::retain_recent(&*self.0, drop_below);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Work over all keys, which must not be done for each request: a flood of keys is when it would be.
#[derive(Default)]
pub(super) struct Spacing(Mutex<Option<Instant>>);

impl Spacing {
    /// Whether it is time; then it is not for a while.
    pub(super) fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|at| at.elapsed() >= SPACING);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn who_is_known_keeps_its_share_when_there_is_no_room_for_more() {
        let limits = Keyed::new(Quota::per_hour(NonZeroU32::new(2).unwrap()), 3);
        for key in 1..=3 {
            assert_eq!(limits.check(key, 0), Ok(()));
        }
        // All others share one.
        assert_eq!((limits.check(4, 0), limits.check(5, 0)), (Ok(()), Ok(())));
        assert!(limits.check(6, 0).is_err());
        for key in 1..=3 {
            assert_eq!(limits.check(key, 0), Ok(()), "{key}");
            assert!(limits.check(key, 0).is_err(), "{key}");
        }
    }

    #[test]
    fn all_keys_are_looked_at_only_once_in_a_while() {
        let spacing = Spacing::default();
        assert!(spacing.is_due());
        assert!(!spacing.is_due());
        *spacing.0.lock().unwrap() = Instant::now().checked_sub(SPACING);
        assert!(spacing.is_due());
    }
}
