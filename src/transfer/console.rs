//! How far it is, on stderr: one line that is written again and again on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Time between two lines on a terminal.
const REWRITTEN: Duration = Duration::from_millis(200);
/// Time between two lines elsewhere.
const REPEATED: Duration = Duration::from_secs(10);

/// Tells how far a long work is.
#[derive(Debug)]
pub struct Console {
    quiet: bool,
    terminal: bool,
    started: Instant,
    last: Instant,
    /// Whether a line stands on the terminal that has no end yet.
    open: bool,
}

impl Console {
    /// A console that tells nothing when it is quiet, except for words that are asked for.
    pub fn new(quiet: bool) -> Self {
        let now = Instant::now();
        Self { quiet, terminal: io::stderr().is_terminal(), started: now, last: now, open: false }
    }

    /// Tells that `done` things are done, of which `part` (0 to 1) says how much of all that is, where it is known.
    pub fn progress(&mut self, done: u64, what: &str, part: Option<f64>) {
        let pause = if self.terminal { REWRITTEN } else { REPEATED };
        if self.quiet || self.last.elapsed() < pause {
            return;
        }
        self.last = Instant::now();
        let text = line(done, what, part, self.started.elapsed());
        let mut stderr = io::stderr().lock();
        // Whoever reads it may have gone away; the work goes on.
        if self.terminal {
            let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
            self.open = true;
        } else {
            let _ = writeln!(stderr, "{text}");
        }
    }

    /// Tells something, whether quiet or not.
    pub fn say(&mut self, text: &str) {
        let mut stderr = io::stderr().lock();
        let before = if std::mem::take(&mut self.open) { "\r\x1b[K" } else { "" };
        let _ = writeln!(stderr, "{before}{text}");
    }

    /// Tells something unless quiet.
    pub fn note(&mut self, text: &str) {
        if !self.quiet {
            self.say(text);
        }
    }

    /// Takes away the line that is not ended.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.open) {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[K").and_then(|()| stderr.flush());
        }
    }
}

fn line(done: u64, what: &str, part: Option<f64>, elapsed: Duration) -> String {
    use std::fmt::Write as _;
    let seconds = elapsed.as_secs_f64().max(0.001);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = done as f64 / seconds;
    let mut text = format!("{done} {what}, {rate:.0}/s");
    if let Some(part) = part.filter(|part| (0.01..=1.0).contains(part)) {
        let left = seconds / part - seconds;
        let _ = write!(text, ", {:.0} %, {left:.0} s left", part * 100.0);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_part_and_time_left() {
        let elapsed = Duration::from_secs(10);
        assert_eq!(line(5000, "rows", Some(0.25), elapsed), "5000 rows, 500/s, 25 %, 30 s left");
        assert_eq!(line(5000, "rows", None, elapsed), "5000 rows, 500/s");
        assert_eq!(line(0, "rows", Some(0.0), elapsed), "0 rows, 0/s");
    }
}
