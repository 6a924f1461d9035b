//! How often credentials may fail, and how much one caller may ask.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Most addresses, and most callers, that are counted by themselves.
const KEYS_MAX: usize = 50_000;

/// The limits of one process.
pub struct Limits {
    failures: Option<Failures>,
    requests: Option<DefaultKeyedRateLimiter<String>>,
}

struct Failures {
    /// How many in a minute.
    most: NonZeroU32,
    limiter: DefaultKeyedRateLimiter<Source>,
    sources: Mutex<HashMap<Source, Attempts>>,
}

/// What is known of one source.
#[derive(Clone, Copy, Debug, Default)]
struct Attempts {
    /// Credentials that are being looked at.
    running: u32,
    /// Until when it is not listened to, since it has failed too often.
    until: Option<Instant>,
}

/// Why an unknown credential is not looked at now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// Its source has failed too often; for how long it has to wait.
    Blocked(Duration),
    /// As many from there are being looked at as may fail in a minute.
    Busy,
}

/// The right to have one unknown credential looked at.
pub struct Attempt<'a>(Option<(&'a Failures, Source)>);

impl std::fmt::Debug for Limits {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Limits").finish_non_exhaustive()
    }
}

/// Where credentials come from. Of an IPv6 address the network of 64 bits counts: a site has at least one to
/// itself (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    Address(IpAddr),
    /// All for whom there is no room, and those whose address is not known.
    Others,
}

impl Source {
    fn of(address: Option<IpAddr>) -> Self {
        match address {
            Some(IpAddr::V6(address)) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Self::Address(IpAddr::V6(Ipv6Addr::from(network)))
            }
            Some(address) => Self::Address(address),
            None => Self::Others,
        }
    }
}

impl Limits {
    /// `failures` of credentials in a minute from one address, and `requests` in a second by one caller; `None` is
    /// no limit.
    pub fn new(failures: Option<NonZeroU32>, requests: Option<NonZeroU32>) -> Self {
        let failures = failures.map(|most| Failures {
            most,
            limiter: RateLimiter::keyed(Quota::per_minute(most)),
            sources: Mutex::default(),
        });
        Self { failures, requests: requests.map(|number| RateLimiter::keyed(Quota::per_second(number))) }
    }

    /// Lets an unknown credential from there be looked at, as many at a time as may fail in a minute.
    pub fn listen_to(&self, address: Option<IpAddr>) -> Result<Attempt<'_>, Unheard> {
        let Some(failures) = &self.failures else { return Ok(Attempt(None)) };
        let mut sources = failures.sources();
        let source = Source::of(address);
        let source =
            if sources.len() < KEYS_MAX || sources.contains_key(&source) { source } else { Source::Others };
        let attempts = sources.entry(source).or_default();
        let now = Instant::now();
        if let Some(until) = attempts.until.filter(|until| *until > now) {
            return Err(Unheard::Blocked(until - now));
        }
        if attempts.running >= failures.most.get() {
            return Err(Unheard::Busy);
        }
        attempts.running += 1;
        Ok(Attempt(Some((failures, source))))
    }

    /// Counts a request of a caller, known by its key; the error is how long it has to wait.
    pub fn asked(&self, caller: &str) -> Result<(), Duration> {
        let Some(requests) = &self.requests else { return Ok(()) };
        let key = known(requests, caller.to_owned()).unwrap_or_default();
        requests.check_key(&key).map_err(|refused| refused.wait_time_from(DefaultClock::default().now()))
    }
}

impl Failures {
    fn sources(&self) -> MutexGuard<'_, HashMap<Source, Attempts>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Counts it as a credential that is not good.
    pub fn failed(&self) {
        let Some((failures, source)) = &self.0 else { return };
        let counted = known(&failures.limiter, *source).unwrap_or(Source::Others);
        let Err(refused) = failures.limiter.check_key(&counted) else { return };
        let wait = refused.wait_time_from(failures.limiter.clock().now());
        failures.sources().entry(*source).or_default().until = Some(Instant::now() + wait);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let Some((failures, source)) = &self.0 else { return };
        let mut sources = failures.sources();
        let now = Instant::now();
        if let Some(attempts) = sources.get_mut(source) {
            attempts.running -= 1;
            if attempts.running == 0 && attempts.until.is_none_or(|until| until <= now) {
                sources.remove(source);
            }
        }
        // Those that are blocked stay until somebody looks: once in a while that is here.
        if sources.len() >= KEYS_MAX {
            sources.retain(|_, attempts| {
                attempts.running > 0 || attempts.until.is_some_and(|until| until > now)
            });
        }
    }
}

/// The key, unless there is no room for another.
fn known<K: Clone + Eq + Hash>(limiter: &DefaultKeyedRateLimiter<K>, key: K) -> Option<K> {
    if limiter.len() >= KEYS_MAX {
        limiter.retain_recent();
    }
    (limiter.len() < KEYS_MAX).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An attempt that fails.
    fn fail(limits: &Limits, address: Option<IpAddr>) -> Result<(), Unheard> {
        limits.listen_to(address).map(|attempt| attempt.failed())
    }

    #[test]
    fn an_address_that_fails_too_often_is_not_listened_to() {
        let limits = Limits::new(NonZeroU32::new(3), None);
        let (bad, good) = (Some("192.0.2.1".parse().unwrap()), Some("192.0.2.2".parse().unwrap()));
        for _ in 0..4 {
            assert_eq!(fail(&limits, bad), Ok(()));
        }
        let Err(Unheard::Blocked(wait)) = fail(&limits, bad) else { panic!("it is listened to") };
        assert!(wait > Duration::from_secs(10) && wait <= Duration::from_secs(20), "{wait:?}");
        assert_eq!(fail(&limits, good), Ok(()));
    }

    #[test]
    fn who_asks_all_at_once_gets_no_more() {
        let limits = Limits::new(NonZeroU32::new(3), None);
        let address = Some("192.0.2.1".parse().unwrap());
        let running: Vec<_> = (0..10).map(|_| limits.listen_to(address)).collect();
        assert_eq!(running.iter().filter(|attempt| attempt.is_ok()).count(), 3);
        drop(running);
        // None of them failed, and nothing is left of them.
        assert!(limits.listen_to(address).is_ok());
        assert!(limits.failures.as_ref().unwrap().sources().is_empty());
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let limits = Limits::new(NonZeroU32::new(1), None);
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        for host in ["2001:db8::1", "2001:db8::2"] {
            assert_eq!(fail(&limits, address(host)), Ok(()));
        }
        assert!(fail(&limits, address("2001:db8::3")).is_err());
        assert_eq!(fail(&limits, address("2001:db8:0:1::1")), Ok(()));
    }

    #[test]
    fn a_caller_has_its_own_share() {
        let limits = Limits::new(None, NonZeroU32::new(2));
        assert!(limits.asked("a").is_ok() && limits.asked("a").is_ok());
        assert!(limits.asked("a").unwrap_err() <= Duration::from_secs(1));
        assert!(limits.asked("b").is_ok());
        let none = Limits::new(None, None);
        for _ in 0..100 {
            assert!(none.asked("a").is_ok() && fail(&none, None).is_ok());
        }
    }
}
