//! What clients saw, added up and told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::load::Seen;

/// What all clients of one kind saw.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    pub(crate) ok: u64,
    failures: Vec<Failure>,
    p99_ms: u64,
}

/// A request that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Seconds from the mark to its end.
    pub(crate) at: f64,
    /// Seconds from its beginning to its end.
    took: f64,
    /// Who sent it: no other client of this load has the name.
    pub(crate) client: String,
    why: String,
}

/// How a request can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Nobody listened, so it was never sent.
    Refused,
    /// There was no way to the server, or no address for its name: it was never sent either.
    Unreached,
    /// It was in flight when its connection ended.
    Lost,
    /// It was sent, and nothing came back for as long as the client waits.
    Unanswered,
    /// Roster answered with this status.
    Roster(u16),
    /// What stands before Roster answered with this status.
    Door(u16),
}

/// Seconds in which the end of a connection reaches who is about to use it.
const HEARD: f64 = 0.05;

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) inside: Sum,
    pub(crate) outside: Sum,
    pub(super) acknowledged: BTreeSet<String>,
}

impl Sum {
    pub(super) fn add(&mut self, seen: &Seen, mark: f64) {
        self.ok += seen.ok;
        for failure in &seen.failures {
            let failure: Value = serde_json::from_str(failure).unwrap();
            let text = |name: &str| failure[name].as_str().unwrap();
            // The name of the user that it would have created: the load's prefix, the client's number, the request's.
            let client = text("failure").rsplit_once('-').unwrap().0.to_owned();
            let at = failure["second"].as_f64().unwrap() - mark;
            let took = failure["took_ms"].as_f64().unwrap() / 1000.0;
            self.failures.push(Failure { at, took, client, why: text("why").to_owned() });
        }
        self.p99_ms = self.p99_ms.max(seen.p99_ms);
    }
}

impl Failure {
    /// By what `cargo xtask load` says of it.
    pub(crate) fn kind(&self) -> Kind {
        let why = self.why.as_str();
        if let Some(reason) = why.strip_prefix("connect: ") {
            return if reason.starts_with("Connection refused") { Kind::Refused } else { Kind::Unreached };
        }
        if let Some(reason) = why.strip_prefix("exchange: ") {
            // EAGAIN is how a time-out of a socket is told.
            let late = reason.starts_with("Resource temporarily unavailable");
            return if late { Kind::Unanswered } else { Kind::Lost };
        }
        let (status, body) = why.split_once(' ').unwrap();
        let status = status.parse().unwrap();
        if body.contains("urn:roster:") { Kind::Roster(status) } else { Kind::Door(status) }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ok, {} failed, p99 {} ms", self.ok, self.failures.len(), self.p99_ms)
    }
}

impl Report {
    /// Prints the counts.
    pub(crate) fn print(self, what: &str) -> Self {
        let Self { inside, outside, acknowledged } = &self;
        for (kind, seconds) in self.kinds() {
            let (first, last) = (seconds.first().unwrap(), seconds.last().unwrap());
            println!("  {} failed from {first:.1} s to {last:.1} s: {kind}", seconds.len());
        }
        println!(
            "{what}: through the Service {inside}; through the Ingress {outside}; {} names kept",
            acknowledged.len()
        );
        self
    }

    /// The failures of each kind, by the seconds at which they came to their end.
    fn kinds(&self) -> BTreeMap<String, Vec<f64>> {
        let mut kinds = BTreeMap::<String, Vec<f64>>::new();
        for (place, sum) in [("Service", &self.inside), ("Ingress", &self.outside)] {
            for Failure { at, why, .. } in &sum.failures {
                let why: String = why.lines().next().unwrap_or_default().chars().take(60).collect();
                kinds.entry(format!("{place}: {why}")).or_default().push(*at);
            }
        }
        for seconds in kinds.values_mut() {
            seconds.sort_by(f64::total_cmp);
        }
        kinds
    }

    /// Every request got what it asked for.
    pub(crate) fn assert_none_failed(&self) {
        assert!(self.failures().next().is_none(), "{:#?}", self.failures().take(20).collect::<Vec<_>>());
        assert!(self.inside.ok > 100 && self.outside.ok > 50, "hardly any load: {self:?}");
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.inside.failures.iter().chain(&self.outside.failures)
    }

    /// How many failures of each kind there were.
    pub(crate) fn count(&self) -> BTreeMap<Kind, usize> {
        let mut count = BTreeMap::new();
        for failure in self.failures() {
            *count.entry(failure.kind()).or_default() += 1;
        }
        count
    }

    /// A client has one request in flight at a time, and looks at a connection before it uses it again: one fault costs it
    /// no second one.
    pub(crate) fn assert_one_lost_by_each(&self) {
        let mut clients = BTreeSet::new();
        for failure in self.failures().filter(|failure| failure.kind() == Kind::Lost) {
            assert!(clients.insert(&failure.client), "a second request in flight was lost: {failure:?}");
        }
    }

    /// Nothing failed but what was in flight when something died: one request of a client, and all that failed in one
    /// place had a moment in common. Places have clocks of their own.
    pub(crate) fn assert_in_flight_at_one_moment(&self) {
        let mut clients = BTreeSet::new();
        let mut moments = BTreeMap::<&str, (f64, f64)>::new();
        for failure in self.failures() {
            let in_flight = matches!(failure.kind(), Kind::Lost | Kind::Door(502));
            assert!(in_flight && clients.insert(&failure.client), "{failure:?}");
            let (place, _) = failure.client.rsplit_once('-').unwrap();
            let (begun, ended) = moments.entry(place).or_insert((f64::MIN, f64::MAX));
            *begun = begun.max(failure.at - failure.took);
            *ended = ended.min(failure.at);
        }
        let apart = moments.values().any(|(begun, ended)| *begun > ended + HEARD);
        assert!(!apart, "{moments:?}: {:#?}", self.failures().collect::<Vec<_>>());
    }

    /// Seconds from the mark to the last failure.
    pub(crate) fn last_failure(&self) -> f64 {
        self.failures().map(|failure| failure.at).max_by(f64::total_cmp).unwrap_or(0.0)
    }
}
