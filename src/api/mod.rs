//! The JSON API: from requests to the store and back.

pub mod body;
pub mod changes;
pub mod docs;
pub mod format;
pub mod health;
pub mod import;
pub mod list;
pub mod me;
#[cfg(feature = "next-schema")]
pub mod next_schema;
pub mod query;
pub mod site;
mod stream;
pub mod tokens;
pub mod users;

/// The id in a path: `None` is no number at all, `Some(None)` one beyond 64 bits, which nothing has.
#[expect(clippy::option_option, reason = "the three answers of a path")]
fn read_id(text: &str) -> Option<Option<i64>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    number.then(|| text.parse().ok())
}
