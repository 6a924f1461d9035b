//! What the clients have seen so far.

use std::time::{Duration, Instant};

/// One request that came to its end, for better or worse.
pub(super) struct Event {
    pub(super) client: usize,
    /// Number of the request among those of its client, from 0.
    pub(super) sequence: u64,
    pub(super) took: Duration,
    /// Why it failed.
    pub(super) failed: Option<String>,
}

/// Slots of the histogram, a millisecond each; the last one holds all above.
const SLOTS: usize = 20_000;

pub(super) struct Count {
    ok: u64,
    failed: u64,
    last_failure: Option<Duration>,
    acknowledged: Vec<u64>,
    milliseconds: Vec<u64>,
}

impl Count {
    pub(super) fn new(clients: usize) -> Self {
        Self {
            ok: 0,
            failed: 0,
            last_failure: None,
            acknowledged: vec![0; clients],
            milliseconds: vec![0; SLOTS],
        }
    }

    /// Counts a request; returns a line about it if it failed.
    pub(super) fn take(&mut self, event: Event, start: Instant, prefix: &str) -> Option<String> {
        let at = start.elapsed();
        self.acknowledged[event.client] = event.sequence + 1;
        let Some(why) = event.failed else {
            self.ok += 1;
            let slot = usize::try_from(event.took.as_millis()).unwrap_or(SLOTS).min(SLOTS - 1);
            self.milliseconds[slot] += 1;
            return None;
        };
        self.failed += 1;
        self.last_failure = Some(at);
        Some(format!(
            "{{\"failure\":{},\"second\":{:.3},\"took_ms\":{},\"why\":{}}}",
            quoted(&format!("{prefix}-{}-{}", event.client, event.sequence)),
            at.as_secs_f64(),
            event.took.as_millis(),
            quoted(&why)
        ))
    }

    /// The counts so far.
    pub(super) fn line(&self, start: Instant, ended: bool) -> String {
        let acknowledged: Vec<String> = self.acknowledged.iter().map(u64::to_string).collect();
        let last =
            self.last_failure.map_or_else(|| "null".to_owned(), |at| format!("{:.3}", at.as_secs_f64()));
        format!(
            "{{\"second\":{:.3},\"ok\":{},\"failed\":{},\"last_failure\":{last},\"p50_ms\":{},\"p99_ms\":{},\
             \"ended\":{ended},\"acknowledged\":[{}]}}",
            start.elapsed().as_secs_f64(),
            self.ok,
            self.failed,
            self.quantile(50),
            self.quantile(99),
            acknowledged.join(",")
        )
    }

    /// The time, in milliseconds, within which so many per cent of the requests were answered.
    fn quantile(&self, percent: u64) -> usize {
        let mut left = (self.ok * percent).div_ceil(100);
        for (milliseconds, requests) in self.milliseconds.iter().enumerate() {
            if left <= *requests {
                return milliseconds;
            }
            left -= requests;
        }
        SLOTS
    }
}

/// A JSON string (RFC 8259, section 7).
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_quantiles() {
        let start = Instant::now();
        let mut count = Count::new(2);
        let event = |client, sequence, milliseconds, failed: Option<&str>| Event {
            client,
            sequence,
            took: Duration::from_millis(milliseconds),
            failed: failed.map(str::to_owned),
        };
        for sequence in 0..99 {
            assert!(count.take(event(0, sequence, 2, None), start, "x").is_none());
        }
        assert!(count.take(event(1, 0, 30, None), start, "x").is_none());
        let told = count.take(event(1, 1, 5, Some("a \"b\"\n")), start, "x").unwrap_or_default();
        assert!(
            told.contains("\"failure\":\"x-1-1\"") && told.contains(r#""why":"a \"b\"\u000a""#),
            "{told}"
        );
        let line = count.line(start, true);
        for part in ["\"ok\":100,\"failed\":1,", "\"p50_ms\":2,\"p99_ms\":2,", "\"acknowledged\":[99,2]"] {
            assert!(line.contains(part), "{line}");
        }
    }
}
