//! Secrets of tokens. One is shown once; what is kept is its SHA-256, which is enough for 256 random bits.

use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::hex::hex;

/// What every secret that this program makes begins with, so that scanners find one that leaked.
pub const PREFIX: &str = "rst_";
/// Fewest and most characters of a secret that was made elsewhere.
pub const SECRET_LENGTH: std::ops::RangeInclusive<usize> = 32..=256;

/// A secret that opens the service, or what a caller says is one. It is never printed but where it was made.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// The SHA-256 of a secret.
#[derive(Clone, Copy, Debug, Eq)]
pub struct Digest([u8; 32]);

impl Secret {
    /// A secret of this program's own from 256 random bits.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// A text that was made elsewhere: 32 to 256 characters that a header field can carry (RFC 6750, section 2.1,
    /// allows fewer kinds; what clients send in practice is any visible ASCII).
    pub fn parse(text: &str) -> Result<Self, String> {
        if !SECRET_LENGTH.contains(&text.chars().count()) {
            let (least, most) = (SECRET_LENGTH.start(), SECRET_LENGTH.end());
            return Err(format!("must have {least} to {most} characters, not {}", text.chars().count()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("must be of visible ASCII characters alone, without spaces".to_owned());
        }
        if text.bytes().filter(|byte| *byte == b'.').count() == 2 {
            return Err("must not have two dots, by which JWTs are told from tokens".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, for the one who is to have it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

/// In a time that does not tell how much is equal.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl std::hash::Hash for Digest {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Digest {
    /// The digest of a text that may be a secret.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// In hexadecimal, as it is stored.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// As it is stored; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_hidden() {
        let secret = Secret::from_random([7; 32]);
        assert!(secret.expose().starts_with("rst_") && secret.expose().len() == 4 + 43);
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        assert_eq!(Digest::from_hex(&secret.digest().hex()), Some(secret.digest()));
        assert_eq!(Digest::from_hex("7"), None);
        for (text, fine) in [("x".repeat(31), false), ("x".repeat(32), true), ("x".repeat(256), true)] {
            assert_eq!(Secret::parse(&text).is_ok(), fine, "{text}");
        }
        assert!(Secret::parse(&"x".repeat(257)).is_err());
        assert!(Secret::parse(&" ".repeat(40)).is_err());
        assert!(Secret::parse(&"ä".repeat(40)).is_err());
        assert!(Secret::parse(&["x".repeat(20), "y".repeat(20), "z".repeat(20)].join(".")).is_err());
    }

    #[test]
    fn a_digest_is_that_of_the_standard() {
        // FIPS 180-4's example of one block.
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of("abc").hex(), hex);
    }
}
