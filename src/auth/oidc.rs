//! JWTs of `OpenID` Connect issuers as credentials (RFC 7519, RFC 9068, and RFC 8725 throughout).
//!
//! A token is taken apart and its claims are judged before any key is asked for; its `iss` only picks the configured
//! issuer whose keys decide. docs/authentication.md has every rule.

mod cache;
mod claims;
mod fetch;
mod issuer;
mod keys;
mod token;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Clock;
use crate::config::IssuerConfig;
use crate::telemetry::Metrics;

use super::caller::Identity;
use cache::{Cache, Entry};
use issuer::{Current, Fetches, Issuer};
use keys::Verdict;

pub use token::{LEEWAY, MAX_TOKEN, Said, Statement, halves, read};

/// How many verified tokens are remembered.
const REMEMBERED: usize = 10_000;

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The token is no good. The reason is for the log, never for the client.
    Invalid(&'static str),
    /// The issuer's keys cannot be had, so that nobody knows. The reason is for the log.
    Unavailable(String),
}

/// The issuers whose tokens are accepted, their keys, and the tokens that were verified lately.
#[derive(Clone)]
pub struct Issuers(Arc<Inner>);

struct Inner {
    issuers: Vec<Arc<Issuer>>,
    cache: Cache,
    clock: Clock,
    verified: [AtomicU64; 2],
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.issuers.iter().map(|issuer| &issuer.name)).finish()
    }
}

impl Issuers {
    /// Prepares to ask the issuers, without asking them yet; to be called once for `metrics`.
    ///
    /// # Errors
    /// All files of certificates that cannot be used, with their issuers, on one line.
    pub fn new(configs: Vec<IssuerConfig>, clock: &Clock, metrics: &Arc<Metrics>) -> Result<Self, String> {
        Self::with_hosts(configs, clock, metrics, &[])
    }

    /// Like [`Issuers::new`], with addresses for some names of hosts, as in a hosts file; a
    /// port counts where the issuer's address has none.
    ///
    /// # Errors
    /// As [`Issuers::new`].
    pub fn with_hosts(
        configs: Vec<IssuerConfig>,
        clock: &Clock,
        metrics: &Arc<Metrics>,
        hosts: &[(String, SocketAddr)],
    ) -> Result<Self, String> {
        let fetches = Fetches::default();
        let (mut issuers, mut problems) = (Vec::new(), Vec::new());
        for config in configs {
            match Issuer::new(config, clock.clone(), fetches.clone(), hosts) {
                Ok(issuer) => issuers.push(Arc::new(issuer)),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems.join("; "));
        }
        let cache = Cache::new(REMEMBERED);
        let inner = Arc::new(Inner { issuers, cache, clock: clock.clone(), verified: Default::default() });
        if !inner.issuers.is_empty() {
            inner.measure(&fetches, metrics);
        }
        Ok(Self(inner))
    }

    /// Whether no issuer is configured, so that no JWT is accepted.
    pub fn is_empty(&self) -> bool {
        self.0.issuers.is_empty()
    }

    /// Whether a credential has the shape of a JWT: three parts of base64url with dots between, of which the last may
    /// be empty. Roster's own tokens never have it.
    pub fn looks_like_jwt(token: &str) -> bool {
        let parts = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        token.bytes().filter(|byte| *byte == b'.').count() == 2 && token.bytes().all(parts)
    }

    /// What is remembered of a token that was verified: cheap, never waits. Nothing once the token has expired, the
    /// issuer's keys changed or they have to be asked for again.
    pub fn recall(&self, token: &str) -> Option<Arc<Identity>> {
        if token.len() > MAX_TOKEN || self.is_empty() {
            return None;
        }
        let print = cache::fingerprint(token);
        let Entry { identity, expires_at, issuer, generation } = self.0.cache.get(&print)?;
        let expired = self.0.clock.now() >= expires_at.saturating_add(LEEWAY);
        // The keys are looked at last: they may have to be asked for again only because time has passed.
        let changed = |current: &Current| current.generation != generation;
        let current = self.0.issuers.get(issuer)?.settled();
        if expired {
            self.0.cache.remove(&print);
            return None;
        }
        current.filter(|current| !changed(current)).map(|_| identity)
    }

    /// Whether a token was good when it was last verified, and has not expired; its keys may be others by now.
    pub fn remembers(&self, token: &str) -> bool {
        let entry =
            (token.len() <= MAX_TOKEN).then(|| self.0.cache.get(&cache::fingerprint(token))).flatten();
        entry.is_some_and(|entry| self.0.clock.now() < entry.expires_at.saturating_add(LEEWAY))
    }

    /// Who bears a token, after all was verified. May ask the issuer for its keys: at most once in ten
    /// seconds, and for at most five.
    ///
    /// # Errors
    /// Why the token is not accepted.
    pub async fn verify(&self, token: &str) -> Result<Arc<Identity>, Refusal> {
        if let Some(identity) = self.recall(token) {
            return Ok(identity);
        }
        let verified = self.0.verify(token).await;
        if matches!(verified, Err(Refusal::Invalid(_))) {
            self.0.cache.remove(&cache::fingerprint(token));
        }
        self.0.verified[usize::from(verified.is_err())].fetch_add(1, Ordering::Relaxed);
        verified
    }
}

impl Inner {
    async fn verify(&self, token: &str) -> Result<Arc<Identity>, Refusal> {
        let parts = token::split(token).map_err(Refusal::Invalid)?;
        let statement = read(&parts.header, &parts.claims).map_err(Refusal::Invalid)?;
        let named = self.issuers.iter().enumerate();
        let (place, issuer) = named
            .into_iter()
            .find(|(_, issuer)| *issuer.name == *statement.issuer())
            .ok_or(Refusal::Invalid("iss is not a configured issuer"))?;
        let said = statement.check(&issuer.config, self.clock.now()).map_err(Refusal::Invalid)?;
        let away = |reason| Refusal::Unavailable(format!("issuer {}: {reason}", issuer.name));
        let mut current = issuer.keys().await.map_err(away)?;
        let mut verdict = current.keys.verify(&statement, &parts);
        if verdict == Verdict::UnknownKey
            && let Some(newer) = issuer.newer(&current).await
        {
            verdict = newer.keys.verify(&statement, &parts);
            current = newer;
        }
        match verdict {
            Verdict::Good => {}
            // The key may be one that the issuer made since.
            Verdict::UnknownKey if let Some(reason) = issuer.away() => return Err(away(reason)),
            Verdict::Bad => return Err(Refusal::Invalid("the signature is wrong")),
            Verdict::UnknownKey => return Err(Refusal::Invalid("no key of the issuer made the signature")),
        }
        let identity = Arc::new(Identity::of_jwt(&issuer.name, &said));
        let (expires_at, generation) = (said.expires_at, current.generation);
        let entry = Entry { identity: Arc::clone(&identity), expires_at, issuer: place, generation };
        self.cache.insert(cache::fingerprint(token), entry);
        Ok(identity)
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of at most 10,000")]
    fn measure(self: &Arc<Self>, fetches: &Fetches, metrics: &Metrics) {
        let (inner, fetches) = (Arc::clone(self), fetches.clone());
        metrics.sample(move |samples| {
            let [ok, failed] = fetches.counts();
            let results = [("ok", ok), ("failed", failed)];
            samples.counters("roster_oidc_fetches", "Attempts to get issuers' keys.", "result", &results);
            let [good, refused] = [0, 1].map(|index: usize| inner.verified[index].load(Ordering::Relaxed));
            let results = [("ok", good), ("refused", refused)];
            let help = "JWTs looked at that were not remembered.";
            samples.counters("roster_oidc_verifications", help, "result", &results);
            let remembered = inner.cache.len() as f64;
            samples.gauge("roster_oidc_tokens_remembered", "JWTs that were verified and kept.", remembered);
            let ages = inner.issuers.iter().filter_map(|issuer| Some((&*issuer.name, issuer.age()?)));
            let ages: Vec<(&str, f64)> = ages.collect();
            samples.gauges("roster_oidc_keys_age_seconds", "Since keys were got.", "issuer", &ages);
        });
    }
}
