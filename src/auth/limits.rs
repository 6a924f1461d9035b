//! How often credentials may fail, and how much one caller may ask.

mod keyed;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::Quota;
use keyed::{Keyed, Spacing};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most addresses, and most callers, that are counted by themselves.
const KEYS_MAX: usize = 50_000;
/// How long an unknown credential waits while many from its source are being looked at.
const PATIENCE: Duration = Duration::from_secs(2);

/// The limits of one process.
pub struct Limits {
    failures: Option<Failures>,
    requests: Option<Keyed<String>>,
}

struct Failures {
    /// How many in a minute.
    most: NonZeroU32,
    limiter: Keyed<Source>,
    sources: Mutex<HashMap<Source, Attempts>>,
    cleaning: Spacing,
}

/// What is known of one source.
struct Attempts {
    /// Credentials that are being looked at, or wait for that.
    number: usize,
    /// A permit for each that may be looked at: at a time as many as may fail in a minute.
    turns: Arc<Semaphore>,
    /// Until when it is not listened to, since it has failed too often.
    until: Option<Instant>,
}

/// The right to have one unknown credential looked at.
pub struct Attempt<'a>(Option<Place<'a>>);

/// One of the attempts of a source.
struct Place<'a> {
    failures: &'a Failures,
    source: Source,
    turn: Option<OwnedSemaphorePermit>,
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
        let failures = failures.map(|most| Failures {
            most,
            limiter: Keyed::new(Quota::per_minute(most), KEYS_MAX),
            sources: Mutex::default(),
            cleaning: Spacing::default(),
        });
        let requests = requests.map(|number| Keyed::new(Quota::per_second(number), KEYS_MAX));
        Self { failures, requests }
    }

    /// Lets an unknown credential from there be looked at; waits a little when many are. The error is how long it has
    /// to stay away: its source has failed too often, or so many are looked at that it cannot be told.
    pub async fn listen_to(&self, address: Option<IpAddr>) -> Result<Attempt<'_>, Duration> {
        let Some(failures) = &self.failures else { return Ok(Attempt(None)) };
        let (mut place, turns) = failures.enter(Source::of(address))?;
        // A client that begins with many requests at once, with one new token, is no attacker.
        let turn = tokio::time::timeout(PATIENCE, turns.acquire_owned()).await;
        place.turn = turn.ok().and_then(Result::ok);
        if place.turn.is_none() {
            return Err(PATIENCE);
        }
        // Those before it may have failed.
        let blocked = failures.sources().get(&place.source).and_then(Attempts::blocked);
        blocked.map_or(Ok(Attempt(Some(place))), Err)
    }

    /// Counts a request of a caller, known by its key; the error is how long it has to wait.
    pub fn asked(&self, caller: &str) -> Result<(), Duration> {
        let Some(requests) = &self.requests else { return Ok(()) };
        requests.check(caller.to_owned(), String::new())
    }
}

impl Attempts {
    /// For how long the source is not listened to.
    fn blocked(&self) -> Option<Duration> {
        self.until?.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }
}

impl Failures {
    fn sources(&self) -> MutexGuard<'_, HashMap<Source, Attempts>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the attempts of a source, unless it is not listened to.
    fn enter(&self, source: Source) -> Result<(Place<'_>, Arc<Semaphore>), Duration> {
        let mut sources = self.sources();
        let source =
            if sources.len() < KEYS_MAX || sources.contains_key(&source) { source } else { Source::Others };
        let attempts = sources.entry(source).or_insert_with(|| {
            let turns = usize::try_from(self.most.get()).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
            Attempts { number: 0, turns: Arc::new(Semaphore::new(turns)), until: None }
        });
        if let Some(wait) = attempts.blocked() {
            return Err(wait);
        }
        attempts.number += 1;
        Ok((Place { failures: self, source, turn: None }, attempts.turns.clone()))
    }
}

impl Attempt<'_> {
    /// Counts it as a credential that is not good.
    pub fn failed(&self) {
        let Some(Place { failures, source, .. }) = &self.0 else { return };
        let Err(wait) = failures.limiter.check(*source, Source::Others) else { return };
        if let Some(attempts) = failures.sources().get_mut(source) {
            attempts.until = Some(Instant::now() + wait);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut sources = self.failures.sources();
        if let Some(attempts) = sources.get_mut(&self.source) {
            attempts.number -= 1;
            if attempts.number == 0 && attempts.blocked().is_none() {
                sources.remove(&self.source);
            }
        }
        // Those that are blocked stay until somebody looks: once in a while that is here.
        if sources.len() >= KEYS_MAX && self.failures.cleaning.is_due() {
            sources.retain(|_, attempts| attempts.number > 0 || attempts.blocked().is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    /// An attempt that fails.
    async fn fail(limits: &Limits, address: Option<IpAddr>) -> Result<(), Duration> {
        limits.listen_to(address).await.map(|attempt| attempt.failed())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn an_address_that_fails_too_often_is_not_listened_to() {
        let limits = Limits::new(NonZeroU32::new(3), None);
        let (bad, good) = (Some(address("192.0.2.1")), Some(address("192.0.2.2")));
        for _ in 0..4 {
            assert_eq!(fail(&limits, bad).await, Ok(()));
        }
        let Err(wait) = fail(&limits, bad).await else { panic!("it is listened to") };
        assert!(wait > Duration::from_secs(10) && wait <= Duration::from_secs(20), "{wait:?}");
        assert_eq!(fail(&limits, good).await, Ok(()));
    }

    #[tokio::test]
    async fn who_asks_all_at_once_waits_for_turns() {
        let limits = Limits::new(NonZeroU32::new(3), None);
        let from = Some(address("192.0.2.1"));
        let mut running = Vec::new();
        for _ in 0..3 {
            running.push(limits.listen_to(from).await);
        }
        let mut next = Box::pin(limits.listen_to(from));
        assert!(next.as_mut().now_or_never().is_none(), "a fourth is looked at");
        running.pop();
        let begun = Instant::now();
        assert!(next.await.is_ok() && begun.elapsed() < PATIENCE / 2);
        // One that gives up leaves nothing behind.
        running.push(limits.listen_to(from).await);
        assert!(limits.listen_to(from).now_or_never().is_none());
        // None of them failed, and nothing is left of them.
        drop(running);
        assert!(limits.failures.as_ref().unwrap().sources().is_empty());
    }

    #[tokio::test]
    async fn who_waits_is_refused_once_those_before_have_failed() {
        let limits = Limits::new(NonZeroU32::new(1), None);
        assert_eq!(fail(&limits, None).await, Ok(()));
        let last = limits.listen_to(None).await.unwrap();
        let mut next = Box::pin(limits.listen_to(None));
        assert!(next.as_mut().now_or_never().is_none());
        last.failed();
        drop(last);
        assert!(next.await.is_err());
    }

    #[tokio::test]
    async fn who_waits_too_long_is_sent_away() {
        let limits = Limits::new(NonZeroU32::new(1), None);
        let running = limits.listen_to(None).await;
        assert_eq!(limits.listen_to(None).await.err(), Some(PATIENCE));
        drop(running);
    }

    #[tokio::test]
    async fn an_ipv6_network_is_one_source() {
        let limits = Limits::new(NonZeroU32::new(1), None);
        for host in ["2001:db8::1", "2001:db8::2"] {
            assert_eq!(fail(&limits, Some(address(host))).await, Ok(()));
        }
        assert!(fail(&limits, Some(address("2001:db8::3"))).await.is_err());
        assert_eq!(fail(&limits, Some(address("2001:db8:0:1::1"))).await, Ok(()));
    }

    #[tokio::test]
    async fn a_caller_has_its_own_share() {
        let limits = Limits::new(None, NonZeroU32::new(2));
        assert!(limits.asked("a").is_ok() && limits.asked("a").is_ok());
        assert!(limits.asked("a").unwrap_err() <= Duration::from_secs(1));
        assert!(limits.asked("b").is_ok());
        let none = Limits::new(None, None);
        for _ in 0..100 {
            assert!(none.asked("a").is_ok() && fail(&none, None).await.is_ok());
        }
    }
}
