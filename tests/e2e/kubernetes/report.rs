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
    at: f64,
    pub(crate) why: String,
}

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
            let (at, why) = (failure["second"].as_f64().unwrap() - mark, failure["why"].as_str().unwrap());
            self.failures.push(Failure { at, why: why.to_owned() });
        }
        self.p99_ms = self.p99_ms.max(seen.p99_ms);
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
            for Failure { at, why } in &sum.failures {
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

    /// Seconds from the mark to the last failure.
    pub(crate) fn last_failure(&self) -> f64 {
        self.failures().map(|failure| failure.at).fold(0.0, f64::max)
    }
}
