//! When a certificate is valid, read from its DER encoding (ITU-T X.690): no more of it is needed here.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// From when until when a certificate is valid (RFC 5280, section 4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`, which only certificates of version 1 do not have.
const VERSION: u8 = 0xa0;

impl Validity {
    /// Reads a certificate (RFC 5280, section 4.1); `None` if it is none.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let mut whole = Reader(certificate);
        let mut body = Reader(Reader(whole.expect(SEQUENCE)?).expect(SEQUENCE)?);
        if body.0.first() == Some(&VERSION) {
            body.expect(VERSION)?;
        }
        for before in [INTEGER, SEQUENCE, SEQUENCE] {
            body.expect(before)?;
        }
        let mut validity = Reader(body.expect(SEQUENCE)?);
        Some(Self { not_before: validity.time()?, not_after: validity.time()? })
    }
}

/// What is left of some values, one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next value's tag and content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // In so many bytes; four of them are more than any certificate has.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// `YYMMDDHHMMSSZ` with years from 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
    fn time(&mut self) -> Option<Timestamp> {
        let (tag, content) = self.next()?;
        let text = std::str::from_utf8(content).ok()?;
        let century = match (tag, text.as_bytes().first()?) {
            (UTC_TIME, b'5'..=b'9') => "19",
            (UTC_TIME, _) => "20",
            (GENERALIZED_TIME, _) => "",
            _ => return None,
        };
        let time = DateTime::strptime("%Y%m%d%H%M%SZ", format!("{century}{text}")).ok()?;
        Offset::UTC.to_timestamp(time).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(not_before: (i32, u8, u8), not_after: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(not_before.0, not_before.1, not_before.2);
        params.not_after = rcgen::date_time_ymd(not_after.0, not_after.1, not_after.2);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_a_time_are_read() {
        for (from, to, expected) in [
            ((1975, 1, 1), (2049, 12, 31), ["1975-01-01T00:00:00Z", "2049-12-31T00:00:00Z"]),
            ((2026, 2, 28), (2050, 1, 1), ["2026-02-28T00:00:00Z", "2050-01-01T00:00:00Z"]),
            ((2051, 6, 7), (9999, 12, 30), ["2051-06-07T00:00:00Z", "9999-12-30T00:00:00Z"]),
        ] {
            let validity = Validity::of(&certificate(from, to)).unwrap();
            assert_eq!([validity.not_before.to_string(), validity.not_after.to_string()], expected);
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        let good = certificate((2026, 1, 1), (2027, 1, 1));
        for length in 0..good.len() {
            assert_eq!(Validity::of(&good[..length]), None, "{length}");
        }
        for place in 0..60 {
            let mut bent = good.clone();
            for byte in [0, 0x30, 0x7f, 0x80, 0x84, 0xff] {
                bent[place] = byte;
                // Whatever it says, it comes to an end.
                let _ = Validity::of(&bent);
            }
        }
    }
}
