//! Caseless matching of identifiers: the one folding that decides whether two names are the same name.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// Folds `text` for identifier caseless matching: `toNFKC_Casefold(NFD(text))` of the Unicode Standard,
/// section 3.13 (D147), as UAX #31 recommends it for identifiers.
///
/// Two texts are the same identifier exactly when their folded forms are equal. Case, canonical and
/// compatibility variants and ignorable characters (soft hyphen, variation selectors, …) make no difference;
/// accents do. Folding a folded text changes nothing. The result may be empty, and may be longer than the
/// text (up to 18 times as many characters).
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = fold_once(text);
    // Removing ignorable characters can bring together what then composes, so one round is not always enough.
    loop {
        let next = fold_once(&folded);
        if next == folded {
            return folded;
        }
        folded = next;
    }
}

/// Whether a text has a character that can be seen.
pub fn is_visible(text: &str) -> bool {
    !fold(text).trim().is_empty()
}

fn fold_once(text: &str) -> String {
    // Decomposing first puts marks into canonical order before U+0345, a mark, is folded to a letter.
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    let cased = CaseMapper::new().fold_string(&decomposed);
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let visible: Cow<'_, str> = if cased.chars().any(|c| ignorable.contains(c)) {
        cased.chars().filter(|c| !ignorable.contains(*c)).collect::<String>().into()
    } else {
        cased
    };
    ComposingNormalizerBorrowed::new_nfkc().normalize(&visible).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fold;

    #[test]
    fn variants_of_one_identifier_fold_to_one_text() {
        for (text, folded) in [
            ("", ""),
            ("Alice_01@Example.ORG", "alice_01@example.org"),
            ("é", "\u{e9}"),
            ("e\u{301}", "\u{e9}"),
            ("E\u{301}", "\u{e9}"),
            ("ß", "ss"),
            ("SS", "ss"),
            ("ẞ", "ss"),
            ("\u{212b}", "\u{e5}"),
            ("A\u{30a}", "\u{e5}"),
            ("ＡＢＣ", "abc"),
            ("ﬁle", "file"),
            ("Σίσυφος", "σίσυφοσ"),
            ("\u{ad}", ""),
            ("a\u{200d}b\u{fe0f}", "ab"),
            ("e\u{34f}\u{301}", "\u{e9}"),
            ("α\u{345}\u{301}", "άι"),
            ("α\u{301}\u{345}", "άι"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }

    #[test]
    fn accents_and_scripts_stay_distinct() {
        assert_ne!(fold("e"), fold("é"));
        assert_ne!(fold("a"), fold("а")); // Latin, Cyrillic
    }

    #[test]
    fn every_character_folds_to_a_stable_text() {
        for c in '\u{80}'..=char::MAX {
            let once = fold(c.encode_utf8(&mut [0; 4]));
            assert_eq!(fold(&once), once, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(
            text in "(\\PC|[aAßﬁéΣ\u{301}\u{345}\u{34f}\u{ad}\u{1160}\u{1161}]){0,12}",
        ) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn ascii_takes_the_fast_path_to_the_same_result(text in "[\\x00-\\x7f]{0,20}") {
            prop_assert_eq!(super::fold_once(&text), fold(&text));
        }
    }
}
