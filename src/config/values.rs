//! Parsers of single values. Each error is the end of a sentence that starts with the value.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::client::OutputForm;
use crate::telemetry::LogFormat;

/// The longest duration that a setting takes: beyond a day it is a mistake in the unit.
const MAX_DURATION: Duration = Duration::from_hours(24);

/// A whole number with the unit `ms`, `s`, `m` or `h`; without a unit it is seconds. At most 24 hours.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let malformed = || "is not a duration such as 250ms, 5s, 2m or 1h (without a unit: seconds)".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(malformed()),
    };
    if number.is_empty() {
        return Err(malformed());
    }
    // Digits alone fail to parse only when there are too many of them.
    let number: u64 = number.parse().unwrap_or(u64::MAX);
    let duration = Duration::from_millis(number.saturating_mul(milliseconds));
    if duration > MAX_DURATION {
        return Err("is longer than the most allowed, 24h".to_owned());
    }
    Ok(duration)
}

/// A [`duration`] that is not zero.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("is zero; it must be longer".to_owned()),
        duration => Ok(duration),
    }
}

/// A [`duration`] where zero stands for no limit.
pub(super) fn optional_duration(text: &str) -> Result<Option<Duration>, String> {
    Ok(Some(duration(text)?).filter(|duration| !duration.is_zero()))
}

/// A whole number within `range`.
pub(super) fn number<T>(range: RangeInclusive<T>) -> impl FnOnce(&str) -> Result<T, String>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number) && !text.starts_with('+'));
        number.ok_or_else(|| format!("is not a whole number from {} to {}", range.start(), range.end()))
    }
}

/// `true` or `false`, also as `yes` or `no` and `1` or `0`, in any case.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("is neither true nor false (nor yes, no, 1, 0)".to_owned()),
    }
}

/// An IP address and a port. Names are refused: one may stand for several addresses.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let problem = "is not an IP address and a port such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080";
    text.parse().map_err(|_| problem.to_owned())
}

/// `auto` is true: the schema is migrated at start.
pub(super) fn migrate_at_start(text: &str) -> Result<bool, String> {
    match text {
        "auto" => Ok(true),
        "off" => Ok(false),
        _ => Err("is neither auto nor off".to_owned()),
    }
}

/// `auto`, `json` or `pretty`.
pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err("is none of auto, json and pretty".to_owned()),
    }
}

/// `auto`, `table`, `json`, `ndjson` or `csv`.
pub(super) fn output_form(text: &str) -> Result<OutputForm, String> {
    match text {
        "auto" => Ok(OutputForm::Auto),
        "table" => Ok(OutputForm::Table),
        "json" => Ok(OutputForm::Json),
        "ndjson" => Ok(OutputForm::Ndjson),
        "csv" => Ok(OutputForm::Csv),
        _ => Err("is none of auto, table, json, ndjson and csv".to_owned()),
    }
}

/// A name that can stand in a file of profiles and in a message as it is.
pub(super) fn profile_name(text: &str) -> Result<String, String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=64).contains(&text.len()) && text.chars().all(fine) {
        Ok(text.to_owned())
    } else {
        Err("is not a name of 1 to 64 letters, digits, dots, hyphens and underscores".to_owned())
    }
}

/// Directives in the syntax of [`EnvFilter`], which is what reads them later. On its own it takes any
/// word that is not a level for a module, so that `debgu` would silence the log: one has to be written
/// with a level, as in `roster=debug`.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let is_sound = |directive: &str| {
        directive.contains(['=', '[', ']']) || directive.trim().parse::<LevelFilter>().is_ok()
    };
    let sound = !text.contains('/') && text.split(',').all(is_sound);
    match EnvFilter::builder().parse(text) {
        Ok(_) if sound => Ok(text.to_owned()),
        _ => Err("is not a list of log directives such as info or warn,roster=debug".to_owned()),
    }
}

/// The name of an fd-store; empty is none. It fits into the address of a Unix socket (unix(7)).
pub(super) fn store_name(text: &str) -> Result<Option<String>, String> {
    if text.len() > 64 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("is not a name of 1 to 64 visible ASCII characters".to_owned());
    }
    Ok(Some(text.to_owned()).filter(|_| !text.is_empty()))
}

#[cfg(test)]
mod tests;
