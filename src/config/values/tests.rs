//! The parsers of single values, good and bad.

use std::time::Duration;

use super::{
    address, boolean, duration, log_filter, log_format, migrate_at_start, number, optional_duration,
    positive_duration,
};

#[test]
fn durations_are_seconds_or_carry_a_unit() {
    for (text, milliseconds) in [
        ("0", 0),
        ("5", 5_000),
        ("007", 7_000),
        ("250ms", 250),
        ("5s", 5_000),
        ("2m", 120_000),
        ("1h", 3_600_000),
        ("24h", 86_400_000),
        ("86400", 86_400_000),
    ] {
        assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }
    for text in ["", "s", "-1", "+1", "1.5s", "5 s", " 5", "5S", "5sec", "1h30m", "1d", "٣s", "5µs", "ms5"]
    {
        assert!(duration(text).is_err_and(|problem| problem.contains("such as 250ms")), "{text}");
    }
    for text in ["25h", "86401", "86400001ms", "99999999999999999999999999", "18446744073709551615h"] {
        assert!(duration(text).is_err_and(|problem| problem.contains("24h")), "{text}");
    }
}

#[test]
fn zero_is_refused_or_means_for_ever() {
    assert!(positive_duration("0ms").is_err());
    assert_eq!(positive_duration("1ms"), Ok(Duration::from_millis(1)));
    assert_eq!(optional_duration("0"), Ok(None));
    assert_eq!(optional_duration("1"), Ok(Some(Duration::from_secs(1))));
}

#[test]
fn numbers_are_within_their_range() {
    for (text, expected) in [
        ("1", Some(1)),
        ("1000", Some(1000)),
        ("0", None),
        ("1001", None),
        ("+1", None),
        ("-1", None),
        ("x", None),
    ] {
        assert_eq!(number::<u32>(1..=1000)(text).ok(), expected, "{text}");
    }
}

#[test]
fn words_are_the_documented_ones() {
    for text in ["true", "1", "yes", "TRUE", "Yes"] {
        assert_eq!(boolean(text), Ok(true), "{text}");
    }
    for text in ["false", "0", "no", "False"] {
        assert_eq!(boolean(text), Ok(false), "{text}");
    }
    for text in ["", "on", "2", "truee"] {
        assert!(boolean(text).is_err(), "{text}");
    }
    assert!(migrate_at_start("on").is_err() && log_format("text").is_err());
}

#[test]
fn addresses_are_numeric() {
    for text in ["127.0.0.1:0", "[::1]:8080", "0.0.0.0:65535"] {
        assert!(address(text).is_ok(), "{text}");
    }
    for text in ["localhost:8080", "127.0.0.1", ":8080", "8080", "127.0.0.1:65536", "::1:8080"] {
        assert!(address(text).is_err(), "{text}");
    }
}

#[test]
fn log_directives_are_those_of_tracing() {
    for text in ["info", "off", "warn,roster=debug", "INFO", "roster[span{field=1}]=trace"] {
        assert!(log_filter(text).is_ok(), "{text}");
    }
    for text in ["roster=loud", "debgu", "warn,roster", "postgres://u:p@h", "postgres://u:p@[::1]/d", "=["] {
        assert!(log_filter(text).is_err(), "{text}");
    }
}
