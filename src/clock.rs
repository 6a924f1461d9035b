//! The time of day, as a value that is passed in.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Where the time comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The operating system.
    #[default]
    System,
    /// A time that only its owner moves; microseconds since 1970-01-01 UTC.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A fixed clock, in microseconds since 1970-01-01 UTC.
    pub fn fixed(microseconds: i64) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(microseconds)))
    }

    /// Microseconds since 1970-01-01 UTC.
    pub fn now(&self) -> i64 {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
            Self::System => jiff::Timestamp::now().as_microsecond(),
            Self::Fixed(time) => time.load(Ordering::Relaxed),
        }
    }
}
