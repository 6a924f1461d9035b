//! W3C Trace Context and the random ids of requests.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The place of a request in a trace: the header `traceparent` (W3C Trace Context, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// Never 0.
    pub trace_id: u128,
    /// Never 0. The standard calls it `parent-id`.
    pub span_id: u64,
    /// Whether the caller may have recorded its part of the trace.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads a header's value. Version 00 has exactly four fields; of later versions the first four are read
    /// and the rest is ignored (section 3.2.4). `None` when it is invalid: a new trace begins then.
    pub fn parse(header: &str) -> Option<Self> {
        let bytes = header.as_bytes();
        let (head, rest) = (bytes.get(..55)?, &bytes[55..]);
        if head[2] != b'-' || head[35] != b'-' || head[52] != b'-' {
            return None;
        }
        let version = hex(&head[..2])?;
        let complete =
            if version == 0 { rest.is_empty() } else { rest.first().is_none_or(|&next| next == b'-') };
        let trace_id = hex(&head[3..35])?;
        let span_id = u64::try_from(hex(&head[36..52])?).ok()?;
        let sampled = hex(&head[53..])? & 1 == 1;
        let valid = version != 0xff && complete && trace_id != 0 && span_id != 0;
        valid.then_some(Self { trace_id, span_id, sampled })
    }

    /// The trace id as 32 hexadecimal digits.
    pub fn trace_id_hex(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

/// The header's value, version 00.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// Up to 32 digits; the standard allows lower case alone.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value, &digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

/// The source of request, trace and span ids. They identify and never authorise.
#[derive(Debug)]
pub struct RequestIds(Mutex<StdRng>);

/// The random part of one request, drawn at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) request: u128,
    pub(super) trace: u128,
    pub(super) span: u64,
}

impl RequestIds {
    /// Ids from a generator that the caller has seeded: from the operating system, or fixed in a test.
    pub fn new(generator: StdRng) -> Self {
        Self(Mutex::new(generator))
    }

    /// Ids from a generator seeded by the operating system.
    #[expect(clippy::disallowed_methods, reason = "this is where the service's randomness comes from")]
    pub fn from_system() -> Self {
        Self::new(rand::make_rng())
    }

    /// The same ids in the same order for one `seed`; for tests.
    pub fn seeded(seed: u64) -> Self {
        Self::new(StdRng::seed_from_u64(seed))
    }

    pub(super) fn draw(&self) -> Drawn {
        // A panic elsewhere cannot have left the generator in a state that matters to an id.
        let mut generator = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Zero would be an invalid trace or span id.
        Drawn {
            request: generator.random(),
            trace: generator.random::<u128>().max(1),
            span: generator.random::<u64>().max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn traceparent_table() {
        let zeros = "0".repeat(32);
        let valid = [
            (format!("00-{TRACE}-{SPAN}-01"), true),
            (format!("00-{TRACE}-{SPAN}-00"), false),
            (format!("00-{TRACE}-{SPAN}-ff"), true),
            (format!("00-{TRACE}-{SPAN}-02"), false),
            (format!("01-{TRACE}-{SPAN}-01"), true),
            (format!("fe-{TRACE}-{SPAN}-01-what-the-future-is-like"), true),
            (format!("cc-{TRACE}-{SPAN}-01-"), true),
        ];
        for (header, sampled) in valid {
            let parsed = TraceParent::parse(&header).unwrap_or_else(|| panic!("{header}"));
            assert_eq!((parsed.trace_id_hex().as_str(), parsed.sampled), (TRACE, sampled), "{header}");
            assert_eq!(parsed.to_string(), format!("00-{TRACE}-{SPAN}-0{}", u8::from(sampled)));
        }
        let invalid = [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-0"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-011"),
            format!("01-{TRACE}-{SPAN}-01more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0x-{TRACE}-{SPAN}-01"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-0A"),
            format!("00-{TRACE}-{SPAN}-+1"),
            format!("00_{TRACE}-{SPAN}-01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01 "),
            format!("00-{}é-{SPAN}-01", &TRACE[..30]),
        ];
        for header in invalid {
            assert_eq!(TraceParent::parse(&header), None, "{header:?}");
        }
    }

    #[test]
    fn ids_follow_the_seed() {
        let (one, two, other) = (RequestIds::seeded(1), RequestIds::seeded(1), RequestIds::seeded(2));
        let (first, second) = (one.draw(), one.draw());
        assert_eq!(first.request, two.draw().request);
        assert_ne!(first.trace, second.trace);
        assert_ne!(first.span, other.draw().span);
    }
}
