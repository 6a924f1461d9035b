//! The ranges of values that start with a prefix: what an ordered index can answer.

/// The least text greater than every text that starts with `prefix`; none if there is no such text.
pub(super) fn after_prefix(prefix: &str) -> Option<String> {
    let mut bound = prefix.to_owned();
    while let Some(last) = bound.pop() {
        // A range of char steps over the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            bound.push(next);
            return Some(bound);
        }
    }
    None
}

/// The integers of 64 bits whose decimal form starts with `prefix`, as inclusive ranges.
pub(super) fn integer_ranges(prefix: &str) -> Vec<(i64, i64)> {
    if prefix == "-" {
        return vec![(i64::MIN, -1)];
    }
    let (sign, digits) = prefix.strip_prefix('-').map_or((1, prefix), |digits| (-1, digits));
    if digits == "0" && sign == 1 {
        return vec![(0, 0)];
    }
    let plain = digits.len() <= 19 && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    let Some(start) = digits.parse::<i128>().ok().filter(|_| plain) else { return Vec::new() };
    let scales = (0..=19 - digits.len()).scan(1_i128, |scale, _| {
        let current = *scale;
        *scale *= 10;
        Some(current)
    });
    scales
        .filter_map(|scale| {
            let (near, far) = (sign * start * scale, sign * ((start + 1) * scale - 1));
            let (low, high) = (near.min(far), near.max(far));
            let (low, high) = (low.max(i64::MIN.into()), high.min(i64::MAX.into()));
            (low <= high).then(|| Some((i64::try_from(low).ok()?, i64::try_from(high).ok()?))).flatten()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{after_prefix, integer_ranges};

    #[test]
    fn the_bound_steps_over_surrogates_and_the_last_character() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(after_prefix("a\u{10ffff}\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{10ffff}"), None);
        assert_eq!(after_prefix(""), None);
    }

    #[test]
    fn no_integer_starts_with_what_is_not_the_start_of_one() {
        for prefix in ["00", "01", "-0", "--", "+1", " 1", "1 ", "1a", "a", "92233720368547758080", "1-"] {
            assert_eq!(integer_ranges(prefix), [], "{prefix:?}");
        }
        assert_eq!(integer_ranges("0"), [(0, 0)]);
        assert_eq!(integer_ranges("9223372036854775807"), [(i64::MAX, i64::MAX)]);
        assert_eq!(integer_ranges("-9223372036854775808"), [(i64::MIN, i64::MIN)]);
        assert_eq!(integer_ranges("9").len(), 19);
    }

    proptest! {
        #[test]
        fn the_ranges_hold_just_what_starts_with_the_prefix(
            shift in 0..63_u32, bits: i64, other: i64, length in 1..21_usize,
        ) {
            let (integer, other) = (bits >> shift, other >> shift);
            let text = integer.to_string();
            let prefix = &text[..length.min(text.len())];
            let ranges = integer_ranges(prefix);
            let holds = |n: i64| ranges.iter().filter(|(low, high)| (*low..=*high).contains(&n)).count();
            prop_assert_eq!(holds(integer), 1);
            prop_assert_eq!(holds(other), usize::from(other.to_string().starts_with(prefix)));
        }

        #[test]
        fn the_bound_is_the_least_text_after_the_prefix(
            prefix in "[a\u{d7ff}\u{10ffff}]{1,3}", other in "[ab\u{d7ff}\u{e000}\u{10ffff}]{0,4}",
        ) {
            let below = after_prefix(&prefix).is_none_or(|bound| other < bound);
            prop_assert_eq!(other >= prefix && below, other.starts_with(&prefix));
        }
    }
}
