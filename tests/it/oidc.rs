//! JWTs of issuers: what is accepted, what is refused, and what happens to keys.

mod attacks;
mod http;
mod identity_provider;
pub(crate) mod issuer;
pub(crate) mod keys;
pub(crate) mod kubernetes;
mod lifetimes;
mod log;
mod mapping;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use roster::auth::caller::Identity;
use roster::auth::oidc::{Issuers, Refusal};
use roster::clock::Clock;
use roster::config::IssuerConfig;
use roster::telemetry::Metrics;
use serde_json::{Value, json};

use crate::support::metrics;
use issuer::Issuer;
use keys::Key;

/// The time of these tests, in seconds since 1970.
const NOW: i64 = 1_800_000_000;

/// An issuer, one of its keys, and a Roster that accepts its tokens.
struct Setup {
    issuer: Issuer,
    key: Key,
    /// When it begins, in seconds since 1970.
    now: i64,
    clock: Clock,
    metrics: Arc<Metrics>,
    issuers: Issuers,
}

impl Setup {
    async fn new(algorithm: &'static str) -> Self {
        Self::at(algorithm, NOW).await
    }

    /// At the system's time, so that the program takes the tokens too.
    async fn today(algorithm: &'static str) -> Self {
        Self::at(algorithm, Clock::System.now() / 1_000_000).await
    }

    async fn at(algorithm: &'static str, now: i64) -> Self {
        let key = Key::new("first", algorithm);
        let issuer = Issuer::start(&[&key]).await;
        let (clock, metrics) = (Clock::fixed(now * 1_000_000), metrics());
        let issuers = Issuers::new(vec![config(&issuer.url)], &clock, &metrics).unwrap();
        Self { issuer, key, now, clock, metrics, issuers }
    }

    /// Claims that are accepted.
    fn claims(&self) -> Value {
        keys::with(&claims(&self.issuer.url), &json!({ "exp": self.now + 600, "iat": self.now }))
    }

    /// A token that is accepted, unlike any other for another number.
    fn token(&self, number: u32) -> String {
        self.key.token(&keys::with(&self.claims(), &json!({ "jti": number })))
    }

    async fn verify(&self, token: &str) -> Result<Arc<Identity>, Refusal> {
        self.issuers.verify(token).await
    }

    fn pass(&self, duration: Duration) {
        pass(&self.clock, duration);
    }

    /// The value of a metric, by its name and labels.
    fn metric(&self, name: &str) -> Option<f64> {
        let text = self.metrics.encode();
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")))?;
        line.split(' ').nth(1)?.parse().ok()
    }
}

fn pass(clock: &Clock, duration: Duration) {
    let Clock::Fixed(time) = clock else { panic!("the system's clock cannot be moved") };
    time.fetch_add(i64::try_from(duration.as_micros()).unwrap(), Ordering::Relaxed);
}

fn config(url: &str) -> IssuerConfig {
    IssuerConfig {
        issuer: url.to_owned(),
        audiences: vec!["roster".to_owned(), "https://roster.example".to_owned()],
        ca_file: None,
        token_file: None,
        role_claim: "roles".to_owned(),
        role_map: BTreeMap::new(),
    }
}

fn claims(url: &str) -> Value {
    json!({
        "iss": url, "sub": "u1", "aud": "roster", "exp": NOW + 600, "iat": NOW,
        "preferred_username": "ana", "roles": ["reader", "writer"],
    })
}

/// What names a subject of an issuer for good.
fn id(issuer: &str, subject: &str) -> String {
    format!("{issuer}#{subject}")
}

/// Asserts that a token is no good, as opposed to one that nobody can judge.
fn assert_invalid(name: &str, verified: &Result<Arc<Identity>, Refusal>) {
    assert!(matches!(verified, Err(Refusal::Invalid(_))), "{name}: {verified:?}");
}
