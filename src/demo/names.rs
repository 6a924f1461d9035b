//! The word lists behind the sample people.
//!
//! A word is `native/romanised`; the romanised form is left out where it is the word itself in lower case.
//! `_` stands for a space inside a word.

mod latin;
mod world;

/// How a given and a family name are put together.
#[derive(Clone, Copy)]
pub(super) enum Order {
    GivenFirst,
    FamilyFirst,
    /// Family name first, with no space between.
    FamilyJoined,
}

/// Names that occur together.
pub(super) struct Culture {
    /// How many of the sample people bear such names: at most the product of both lists' lengths.
    pub(super) count: usize,
    pub(super) order: Order,
    pub(super) given: &'static str,
    /// Empty where people have one name only.
    pub(super) family: &'static str,
    pub(super) cities: &'static str,
}

const fn culture(
    count: usize,
    order: Order,
    given: &'static str,
    family: &'static str,
    cities: &'static str,
) -> Culture {
    Culture { count, order, given, family, cities }
}

/// All cultures; their counts add up to [`super::people::COUNT`].
pub(super) fn cultures() -> impl Iterator<Item = &'static Culture> {
    latin::CULTURES.iter().chain(world::CULTURES)
}

/// A word of the lists: as its bearers write it, and romanised for an e-mail address.
#[derive(Clone, Copy)]
pub(super) struct Word {
    native: &'static str,
    romanised: &'static str,
}

impl Word {
    /// The word at `index`, counted round the list; none in an empty list.
    pub(super) fn nth(list: &'static str, index: usize) -> Option<Self> {
        let words = list.split_whitespace().count();
        let word = list.split_whitespace().nth(index.checked_rem(words)?)?;
        let (native, romanised) = word.split_once('/').unwrap_or((word, word));
        Some(Self { native, romanised })
    }

    pub(super) fn native(self) -> String {
        self.native.replace('_', " ")
    }

    pub(super) fn romanised(self) -> String {
        self.romanised.to_ascii_lowercase()
    }
}
