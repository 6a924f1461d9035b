//! How values stand in the cells of a CSV file, in both directions.
//!
//! An empty cell is no value: names, e-mail addresses and external ids are never empty. A profile is JSON. A cell that
//! a spreadsheet would take for a formula can be made harmless by an apostrophe before it, which an import takes away
//! again; a cell that begins like one that was made harmless gets one more, always, so that nothing is ambiguous.

use std::borrow::Cow;

/// Whether a spreadsheet takes a text that begins so for a formula
/// (OWASP, "CSV Injection": `=`, `+`, `-`, `@`, tab and carriage return).
fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// Whether reading would take an apostrophe away.
fn is_marked(text: &str) -> bool {
    text.starts_with('\'') && is_formula(text.trim_start_matches('\''))
}

/// A text as a cell.
pub fn write(text: &str, harmless: bool) -> Cow<'_, str> {
    if is_marked(text) || (harmless && is_formula(text)) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text of a cell.
pub fn read(cell: &str) -> &str {
    if is_marked(cell) { &cell[1..] } else { cell }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn any_number_of_apostrophes_is_read() {
        let many = "'".repeat(1 << 20);
        assert_eq!(read(&many), many);
        let marked = format!("{many}=1");
        assert_eq!(read(&marked).len(), marked.len() - 1);
    }

    #[test]
    fn formulas_are_made_harmless_on_request() {
        assert_eq!(write("=1+1", true), "'=1+1");
        assert_eq!(write("=1+1", false), "=1+1");
        assert_eq!(write("'=1+1", false), "''=1+1");
        assert_eq!(write("'s Gravenhage", true), "'s Gravenhage");
        assert_eq!(read("'s Gravenhage"), "'s Gravenhage");
        assert_eq!(read("-5"), "-5");
    }

    proptest! {
        #[test]
        fn a_cell_gives_back_its_text(text in "['=+@a\t\r-]{0,6}", harmless: bool) {
            let cell = write(&text, harmless).into_owned();
            prop_assert_eq!(read(&cell), &text);
            prop_assert!(!harmless || !is_formula(&cell));
        }
    }
}
