//! How often credentials may fail, and how much one caller may ask.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Most addresses, and most callers, that are counted by themselves.
const KEYS_MAX: usize = 50_000;

/// The limits of one process.
pub struct Limits {
    failures: Option<DefaultKeyedRateLimiter<Source>>,
    /// Addresses that have failed too often, and until when they are not listened to.
    blocked: Mutex<HashMap<Source, Instant>>,
    requests: Option<DefaultKeyedRateLimiter<String>>,
}

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
        Self {
            failures: failures.map(|number| RateLimiter::keyed(Quota::per_minute(number))),
            blocked: Mutex::default(),
            requests: requests.map(|number| RateLimiter::keyed(Quota::per_second(number))),
        }
    }

    /// Whether unknown credentials from there are looked at; the error is how long they are not.
    pub fn listens_to(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let source = Source::of(address);
        match blocked.get(&source) {
            Some(until) if *until > now => Err(*until - now),
            Some(_) => {
                blocked.remove(&source);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Counts a credential that is not good.
    pub fn failed(&self, address: Option<IpAddr>) {
        let Some(failures) = &self.failures else { return };
        let source = known(failures, Source::of(address)).unwrap_or(Source::Others);
        let Err(refused) = failures.check_key(&source) else { return };
        let wait = refused.wait_time_from(failures.clock().now());
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        if blocked.len() >= KEYS_MAX {
            let now = Instant::now();
            blocked.retain(|_, until| *until > now);
        }
        if blocked.len() < KEYS_MAX {
            blocked.insert(Source::of(address), Instant::now() + wait);
        }
    }

    /// Counts a request of a caller, known by its key; the error is how long it has to wait.
    pub fn asked(&self, caller: &str) -> Result<(), Duration> {
        let Some(requests) = &self.requests else { return Ok(()) };
        let key = known(requests, caller.to_owned()).unwrap_or_default();
        requests.check_key(&key).map_err(|refused| refused.wait_time_from(DefaultClock::default().now()))
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

    #[test]
    fn an_address_that_fails_too_often_is_not_listened_to() {
        let limits = Limits::new(NonZeroU32::new(3), None);
        let (bad, good) = (Some("192.0.2.1".parse().unwrap()), Some("192.0.2.2".parse().unwrap()));
        for _ in 0..3 {
            limits.failed(bad);
            assert_eq!(limits.listens_to(bad), Ok(()));
        }
        limits.failed(bad);
        let wait = limits.listens_to(bad).unwrap_err();
        assert!(wait > Duration::from_secs(10) && wait <= Duration::from_secs(20), "{wait:?}");
        assert_eq!(limits.listens_to(good), Ok(()));
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let limits = Limits::new(NonZeroU32::new(1), None);
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        limits.failed(address("2001:db8::1"));
        limits.failed(address("2001:db8::2"));
        assert!(limits.listens_to(address("2001:db8::3")).is_err());
        assert_eq!(limits.listens_to(address("2001:db8:0:1::1")), Ok(()));
    }

    #[test]
    fn a_caller_has_its_own_share() {
        let limits = Limits::new(None, NonZeroU32::new(2));
        assert!(limits.asked("a").is_ok() && limits.asked("a").is_ok());
        assert!(limits.asked("a").unwrap_err() <= Duration::from_secs(1));
        assert!(limits.asked("b").is_ok());
        let none = Limits::new(None, None);
        for _ in 0..100 {
            none.failed(None);
            assert!(none.asked("a").is_ok() && none.listens_to(None).is_ok());
        }
    }
}
