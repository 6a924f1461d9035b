//! The settings about who may call.

use std::num::NonZeroU32;
use std::path::Path;

use super::args::callers::{CallerArgs, TokenArgs, TokenCommand};
use super::database_url::DatabaseUrl;
use super::settings::{field, target};
use super::sources::{Sources, read_secret};
use super::values::number;
use crate::model::role::Role;
use crate::model::secret::Secret;
use crate::model::token::{name_of, role_of};

/// Who may call, and how often.
#[derive(Clone, Debug, Default)]
pub struct CallersConfig {
    /// Take everybody for an administrator: for `demo` alone.
    pub open: bool,
    /// The first token of a database that never had one.
    pub first_token: Option<Secret>,
    /// How many credentials from one address may fail in a minute; `None` is no limit.
    pub failures_per_minute: Option<NonZeroU32>,
    /// How many requests one caller may send in a second; `None` is no limit.
    pub requests_per_second: Option<NonZeroU32>,
}

/// What `token` is asked for.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// The database's address.
    pub url: DatabaseUrl,
    /// How long to wait for an unreachable server; `None` is for ever.
    pub wait: Option<std::time::Duration>,
    /// What to do.
    pub request: TokenRequest,
}

/// The subcommands of `token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRequest {
    /// Give a token and print its secret.
    Create {
        /// What people call it.
        name: String,
        /// What it may do.
        role: Role,
        /// Microseconds from now on until it is worth nothing.
        lifetime: Option<i64>,
    },
    /// Print all tokens.
    List {
        /// JSON instead of a table.
        json: bool,
    },
    /// End a token.
    Revoke {
        /// Its id.
        id: i64,
    },
}

pub(super) fn callers(sources: &mut Sources<'_>, args: &CallerArgs) -> Option<CallersConfig> {
    let first_token = sources.written(field!(args.bootstrap_token_file), |path| match path {
        "" => Ok(None),
        path => first_token(path).map(Some),
    });
    let limit = number(0..=1_000_000);
    let failures = sources.displayed(field!(args.failed_credentials_per_minute), limit);
    let requests = sources.displayed(field!(args.requests_per_second), number(0..=1_000_000));
    Some(CallersConfig {
        open: false,
        first_token: first_token?,
        failures_per_minute: NonZeroU32::new(failures?),
        requests_per_second: NonZeroU32::new(requests?),
    })
}

/// The file's text is never repeated.
fn first_token(path: &str) -> Result<Secret, String> {
    let text = read_secret(Path::new(path)).map_err(|problem| format!("can't be used: {problem}"))?;
    Secret::parse(&text).map_err(|problem| format!("can't be used: the token in it {problem}"))
}

pub(super) fn token(sources: &mut Sources<'_>, args: &TokenArgs) -> Option<TokenConfig> {
    let (database, request) = match &args.command {
        TokenCommand::Create(args) => {
            let name = told(sources, "--name", name_of(&args.name));
            let role = told(sources, "--role", role_of(&args.role));
            let lifetime = args.expires.as_deref().map(|text| told(sources, "--expires", lifetime(text)));
            let lifetime = lifetime.map_or(Some(None), |lifetime| lifetime.map(Some));
            let request = name.zip(role).zip(lifetime);
            let request =
                request.map(|((name, role), lifetime)| TokenRequest::Create { name, role, lifetime });
            (&args.database, request)
        }
        TokenCommand::List(args) => (&args.database, Some(TokenRequest::List { json: args.json })),
        TokenCommand::Revoke(args) => (&args.database, Some(TokenRequest::Revoke { id: args.id })),
    };
    let (url, wait) = target(sources, database)?;
    Some(TokenConfig { url, wait, request: request? })
}

fn told<T>(sources: &mut Sources<'_>, flag: &str, outcome: Result<T, String>) -> Option<T> {
    outcome.map_err(|problem| sources.problem(format!("{flag}: {problem}"))).ok()
}

/// `90d`, `12h`, `30m` as microseconds; at most ten years.
fn lifetime(text: &str) -> Result<i64, String> {
    const MAX: i64 = 3_653 * 86_400;
    let malformed = || "must be a time such as 90d, 12h or 30m, at most 3653d".to_owned();
    let (digits, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        _ => return Err(malformed()),
    };
    let number: i64 = digits.parse().ok().filter(|number| *number > 0).ok_or_else(malformed)?;
    let seconds = number.checked_mul(seconds).filter(|seconds| *seconds <= MAX).ok_or_else(malformed)?;
    Ok(seconds * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_have_a_unit() {
        assert_eq!(lifetime("90d"), Ok(90 * 86_400_000_000));
        assert_eq!(lifetime("1h"), Ok(3_600_000_000));
        for wrong in ["", "d", "90", "-1d", "0d", "1.5h", "9999999999999999d", "3654d", "1y", "1\u{fc}"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
