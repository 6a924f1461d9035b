//! A value that is shown to nobody.

use std::fmt;

/// The most characters of a token: what proxies and servers take as the head of a request is little more.
const TOKEN_MAX: usize = 16 * 1024;

/// A token. `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(String);

impl Credential {
    /// Reads a token as it stands in `Authorization: Bearer …` (RFC 6750 section 2.1), with or without white space
    /// around it.
    ///
    /// # Errors
    ///
    /// What is wrong, as the end of a sentence and without any part of the text.
    pub fn token(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        if text.len() > TOKEN_MAX {
            return Err(format!("is longer than {TOKEN_MAX} characters"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("is no token: it holds white space or characters beyond ASCII".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The token itself, to be sent or saved.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_visible_word() {
        assert_eq!(Credential::token(" rst_abc\r\n").unwrap().expose(), "rst_abc");
        for text in ["", " \n", "rst_a b", "rst_é", "a\u{1b}b", &"x".repeat(TOKEN_MAX + 1)] {
            assert!(Credential::token(text).is_err(), "{text:?}");
        }
        assert_eq!(format!("{:?}", Credential::token("hunter2").unwrap()), "***");
    }
}
