//! Texts of others, fit for a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal may obey the character, or show the text around it in another order.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// The text on one line, with `\n` or `\u001b` in place of what a terminal would obey.
pub fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, is_harmful)
}

/// A JSON text that means the same and holds nothing that a terminal would obey. JSON itself allows no control
/// characters below U+0020 in strings (RFC 8259 section 7), and beyond ASCII there are only strings.
pub fn harmless_json(json: &str) -> Cow<'_, str> {
    replaced(json, |c| c >= '\u{7f}' && is_harmful(c))
}

fn replaced(text: &str, harmful: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !harmful(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
        }
    }
    Cow::Owned(out)
}

/// At most `most` characters of a text, the last of them `…` when there are more.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(most.saturating_sub(1)).chain(['…']).collect()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_spelt_out() {
        assert_eq!(visible("a\u{1b}[2Jb\n\t\u{9b}c\u{202e}"), "a\\u001b[2Jb\\n\\t\\u009bc\\u202e");
        assert_eq!(visible("Zoë 👩‍💻 \\n"), "Zoë 👩‍💻 \\n");
        assert_eq!(harmless_json("[\n\"\u{9b}é\u{7f}\"]"), "[\n\"\\u009bé\\u007f\"]");
        assert_eq!(shortened("abcd", 3), "ab…");
        assert_eq!(shortened("abc", 3), "abc");
    }

    proptest! {
        #[test]
        fn json_keeps_its_meaning(text in "\\PC*|[\\x7f-\u{9f}\u{2028}-\u{202e}a\"\\\\]*") {
            let json = serde_json::to_string(&text).unwrap();
            let harmless = harmless_json(&json);
            prop_assert!(!harmless.contains(is_harmful));
            prop_assert_eq!(serde_json::from_str::<String>(&harmless).unwrap(), text);
        }
    }
}
