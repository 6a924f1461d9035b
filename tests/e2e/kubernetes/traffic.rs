//! Load on the application from within the cluster and through the Ingress.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::cluster::apply;
use super::installation::{Installation, LIMIT, loaded};
use super::nodes::nodes;
use super::pod::pod;
use super::report::{Report, Sum};
use crate::load::{Load, Seen};
use crate::shell::{eventually, outcome};

/// Longer than any test takes.
const SECONDS: u64 = 1800;
const CLIENTS: usize = 8;
/// What the names of clients begin with that read.
pub(crate) const READS: &str = "reads";

/// Clients of one place.
pub(crate) struct Source<'a> {
    roster: &'a Installation,
    prefix: String,
    place: Place,
    /// Whether they create users, or read.
    creates: bool,
    /// Its own second when the fault came.
    mark: f64,
}

enum Place {
    /// A pod of this name.
    Inside(String),
    Outside(Load),
}

/// Clients in pods on some nodes, which call the Service by its name, and clients that call the Ingress; all of them
/// create users, one after the other.
pub(crate) struct Traffic<'a> {
    sources: Vec<Source<'a>>,
}

/// A name that no other load has, in this run or before.
pub(crate) fn fresh(what: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{what}-{}-{number}", std::process::id())
}

impl<'a> Traffic<'a> {
    /// From all nodes.
    pub(crate) fn start(roster: &'a Installation) -> Self {
        Self::start_on(roster, &nodes())
    }

    /// From some nodes; through the Ingress by the address of the first of them.
    pub(crate) fn start_on(roster: &'a Installation, nodes: &[String]) -> Self {
        let image = loaded("roster-load:dev", "");
        let mut sources: Vec<Source> =
            nodes.iter().map(|node| Source::inside(roster, "inside", Some(node), &image, &[])).collect();
        sources.push(Source::outside(roster, nodes.first().map(String::as_str)));
        let traffic = Self { sources };
        traffic.flowing();
        traffic
    }

    /// Adds clients on a node that read.
    pub(crate) fn and_reads(mut self, node: &str, path: &str) -> Self {
        self.sources.push(Source::reading(self.sources[0].roster, Some(node), path, &[]));
        self.flowing();
        self
    }

    /// Waits until all clients get answers.
    fn flowing(&self) {
        eventually(LIMIT, "the clients get answers", || {
            self.sources
                .iter()
                .all(|source| source.counts().is_some_and(|counts| counts["ok"].as_u64() > Some(0)))
        });
    }

    /// Says that the fault comes now.
    pub(crate) fn mark(&mut self) {
        for source in &mut self.sources {
            source.mark = source.counts().and_then(|counts| counts["second"].as_f64()).unwrap_or(0.0);
        }
    }

    /// Failures so far.
    pub(crate) fn failed(&self) -> u64 {
        self.sources.iter().filter_map(|source| source.counts()?["failed"].as_u64()).sum()
    }

    /// Requests that succeeded so far, place by place.
    pub(crate) fn ok(&self) -> Vec<u64> {
        self.sources
            .iter()
            .map(|source| source.counts().and_then(|counts| counts["ok"].as_u64()).unwrap_or(0))
            .collect()
    }

    /// Waits until requests succeed everywhere again.
    pub(crate) fn well_again(&self, limit: Duration) -> Duration {
        let before = self.ok();
        eventually(limit, "requests succeed everywhere", || {
            self.ok().iter().zip(&before).all(|(now, before)| now > before)
        })
    }

    /// Ends it, and sees that whatever was acknowledged is there.
    pub(crate) fn end(self, roster: &Installation) -> Report {
        // A last line of counts.
        std::thread::sleep(Duration::from_secs(2));
        let (mut inside, mut outside, mut acknowledged) = (Sum::default(), Sum::default(), BTreeSet::new());
        for source in self.sources {
            let within = matches!(source.place, Place::Inside(_));
            let (mark, creates, seen) = (source.mark, source.creates, source.end());
            acknowledged.extend(seen.acknowledged.iter().filter(|_| creates).cloned());
            if within { &mut inside } else { &mut outside }.add(&seen, mark);
        }
        let names = roster.names();
        let lost: Vec<&String> = acknowledged.difference(&names).collect();
        assert!(lost.is_empty(), "{} acknowledged users are gone, such as {:?}", lost.len(), lost.first());
        Report { inside, outside, acknowledged }
    }
}

impl<'a> Source<'a> {
    /// In a pod, on any node or on this one, reading a path.
    pub(crate) fn reading(
        roster: &'a Installation,
        node: Option<&str>,
        path: &str,
        arguments: &[&str],
    ) -> Self {
        let image = loaded("roster-load:dev", "");
        let arguments = [&["--get", path][..], arguments].concat();
        let mut source = Self::inside(roster, READS, node, &image, &arguments);
        source.creates = false;
        source
    }

    fn inside(
        roster: &'a Installation,
        what: &str,
        node: Option<&str>,
        image: &str,
        arguments: &[&str],
    ) -> Self {
        let prefix = fresh(what);
        let url = format!("http://roster.{}", roster.namespace);
        let mut all = vec![url, "--prefix".to_owned(), prefix.clone()];
        all.extend(["--seconds", &SECONDS.to_string(), "--clients", &CLIENTS.to_string()].map(str::to_owned));
        all.extend(["--token-file", "/token/first-token"].map(str::to_owned));
        all.extend(arguments.iter().map(ToString::to_string));
        apply(&pod(&roster.namespace, &prefix, node, image, &all));
        Self { roster, place: Place::Inside(prefix.clone()), prefix, creates: true, mark: 0.0 }
    }

    fn outside(roster: &'a Installation, node: Option<&str>) -> Self {
        let prefix = fresh("outside");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &roster.token).unwrap();
        let (host, clients) = (roster.host(), CLIENTS.to_string());
        let (token, address) = (file.path().to_str().unwrap(), roster.ingress(node));
        let arguments = ["--host", &host, "--clients", &clients, "--token-file", token];
        let load = Load::start(&format!("http://{address}"), &prefix, SECONDS, &arguments);
        let source = Self { roster, prefix, place: Place::Outside(load), creates: true, mark: 0.0 };
        // The file has been read by then.
        eventually(LIMIT, "the load client runs", || source.counts().is_some());
        source
    }

    fn printed(&self) -> String {
        match &self.place {
            Place::Outside(load) => load.printed(),
            Place::Inside(pod) => {
                let output = outcome("kubectl", &["--namespace", &self.roster.namespace, "logs", pod]);
                String::from_utf8_lossy(&output.stdout).into_owned()
            }
        }
    }

    /// Its last counts.
    fn counts(&self) -> Option<Value> {
        let printed = self.printed();
        let counts =
            |line| serde_json::from_str(line).ok().filter(|line: &Value| line["acknowledged"].is_array());
        printed.lines().rev().find_map(counts)
    }

    /// Ends it; what its clients saw up to its last line of counts.
    pub(crate) fn end(self) -> Seen {
        Seen::read(&self.printed(), &self.prefix)
    }
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        if let Place::Inside(pod) = &self.place {
            let rest = ["delete", "pod", pod, "--wait=false", "--ignore-not-found"];
            let _ = outcome("kubectl", &[&["--namespace", &self.roster.namespace][..], &rest].concat());
        }
    }
}
