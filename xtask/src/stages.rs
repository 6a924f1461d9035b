//! Named, timed stages and the table of them at the end.

use std::time::{Duration, Instant};

use crate::shell::{Failure, say};

/// The stages that ran, in order.
#[derive(Default)]
pub(crate) struct Stages {
    ended: Vec<(&'static str, Duration, bool)>,
}

impl Stages {
    /// Runs one stage between a headline and its seconds.
    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        stage: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        say(&format!("== {name}"));
        let start = Instant::now();
        let result = stage();
        let (took, ok) = (start.elapsed(), result.is_ok());
        say(&format!("-- {name}: {}{:.1} s", if ok { "" } else { "FAILED after " }, took.as_secs_f64()));
        self.ended.push((name, took, ok));
        result
    }

    /// Prints every stage with its seconds, and their sum.
    pub(crate) fn summarise(&self) {
        say("== summary");
        for (name, took, ok) in &self.ended {
            say(&format!("{name:<12}{:>8.1} s  {}", took.as_secs_f64(), if *ok { "ok" } else { "FAILED" }));
        }
        let total: Duration = self.ended.iter().map(|(_, took, _)| *took).sum();
        say(&format!("{:<12}{:>8.1} s", "total", total.as_secs_f64()));
    }
}
