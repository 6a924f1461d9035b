//! When to ask again.

use std::time::Duration;

/// The first pause between two attempts; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause that nobody asked for.
const LONGEST: Duration = Duration::from_secs(8);
/// Most attempts.
const ATTEMPTS: u32 = 10;

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Schedule {
    /// How long all of them may take.
    limit: Duration,
    made: u32,
}

impl Schedule {
    /// A schedule of attempts that begin within `limit` of the first.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, made: 0 }
    }

    /// The pause after a failed attempt, `elapsed` after the beginning of the first; `None` when there is to be no
    /// other. `asked` is what the server wants (RFC 9110 section 10.2.3), `random` is from 0 to 1: many clients that
    /// failed together shall not come back together.
    pub(super) fn pause(
        &mut self,
        elapsed: Duration,
        asked: Option<Duration>,
        random: f64,
    ) -> Option<Duration> {
        self.made += 1;
        let doubled = FIRST.saturating_mul(1 << self.made.min(16).saturating_sub(1)).min(LONGEST);
        let own = doubled.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
        let pause = own.max(asked.unwrap_or_default());
        (self.made < ATTEMPTS && elapsed.saturating_add(pause) <= self.limit).then_some(pause)
    }
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110 section 5.6.7). `now` is in microseconds since 1970-01-01 UTC.
pub(super) fn asked(value: &str, now: i64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits alone fail to parse only when there are too many of them.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp().as_microsecond();
    Some(Duration::from_micros(u64::try_from(date.saturating_sub(now)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let mut schedule = Schedule::new(Duration::from_mins(10));
        let pauses: Vec<u128> = std::iter::from_fn(|| schedule.pause(Duration::ZERO, None, 1.0))
            .map(|pause| pause.as_millis())
            .collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 8000, 8000, 8000]);
        let mut least = Schedule::new(Duration::from_mins(10));
        assert_eq!(least.pause(Duration::ZERO, None, 0.0), Some(Duration::from_millis(125)));
    }

    #[test]
    fn no_attempt_begins_after_the_limit() {
        let mut schedule = Schedule::new(Duration::from_secs(10));
        let asked = Some(Duration::from_secs(4));
        assert_eq!(schedule.pause(Duration::from_secs(1), asked, 0.0), asked);
        assert_eq!(schedule.pause(Duration::from_secs(7), asked, 0.0), None);
        assert_eq!(Schedule::new(Duration::ZERO).pause(Duration::ZERO, None, 0.5), None);
        let far = Some(Duration::from_secs(u64::MAX));
        assert_eq!(Schedule::new(Duration::from_secs(30)).pause(Duration::ZERO, far, 0.5), None);
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        let now = 784_111_777_000_000;
        assert_eq!(asked("125", now), Some(Duration::from_secs(125)));
        assert_eq!(asked("99999999999999999999999", now), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:47 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:07 GMT", now), Some(Duration::ZERO));
        for text in ["", "soon", "-1", "1.5"] {
            assert_eq!(asked(text, now), None, "{text}");
        }
    }
}
