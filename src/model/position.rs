//! Places in the journal, and the opaque text that stands for them outside.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A place in the journal. Order is (epoch, xid, position), never position alone: a sequence value is taken
/// before its transaction commits, so position 5 may become visible after 6 was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Counts the servers that the journal has lived on; transaction ids compare only within one.
    pub epoch: i64,
    /// Transaction id of the writer (0 where there is one writer at a time).
    pub xid: i64,
    /// Sequence value of the entry.
    pub position: i64,
}

impl Position {
    /// The opaque text: URL-safe, without padding.
    pub fn encode(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("1.{}.{}.{}", self.epoch, self.xid, self.position))
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut parts =
            std::str::from_utf8(&bytes).ok()?.strip_prefix("1.")?.split('.').map(str::parse::<i64>);
        let position =
            Self { epoch: parts.next()?.ok()?, xid: parts.next()?.ok()?, position: parts.next()?.ok()? };
        (parts.next().is_none() && position.encode() == text).then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_read() {
        let place = Position { epoch: 2, xid: 731, position: 9 };
        assert_eq!(Position::decode(&place.encode()), Some(place));
        for text in ["", "x", "MS4y", "MS4wMS4xLjE", "MS4xLjEuMS4x", "MS4xLjEuMQ=="] {
            assert_eq!(Position::decode(text), None, "{text}");
        }
    }
}
