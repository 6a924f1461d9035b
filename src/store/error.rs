//! What can go wrong in the store, told apart by what a caller can do about it.

use thiserror::Error;

use super::encryption::refusal;
use super::too_long;
use crate::model::user::FieldError;

/// An error of the store. It holds no connection and no row, so that one answer can serve many waiting readers.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// Another user has this value of a unique attribute.
    #[error("another user has this {0}")]
    Taken(&'static str),
    /// A condition of the request (RFC 9110 section 13) does not hold.
    #[error("precondition failed")]
    PreconditionFailed,
    /// The input has wrong values.
    #[error("invalid input")]
    Invalid(Vec<FieldError>),
    /// Writes are refused by configuration, or by the database itself.
    #[error("read-only: {0}")]
    ReadOnly(String),
    /// The idempotency key was used with another request.
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    /// The first request with this idempotency key is still running.
    #[error("a request with this idempotency key is still running")]
    KeyRunning,
    /// The database does not answer, is starting, is busy, or its schema is not there yet.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The connection broke before anything was sent, or while reading; trying again is safe.
    #[error("database connection lost: {0}")]
    ConnectionLost(String),
    /// The transaction lost against another one; trying again is safe.
    #[error("transaction conflict: {0}")]
    Serialization(String),
    /// The connection broke during commit: the write is done or not.
    #[error("outcome of the write unknown: {0}")]
    OutcomeUnknown(String),
    /// No space is left.
    #[error("storage is full: {0}")]
    Full(String),
    /// The database refuses the credentials, the database name or the privilege.
    #[error("database refuses: {0}")]
    Refused(String),
    /// Anything else: a defect here or there.
    #[error("database error: {0}")]
    Internal(String),
}

impl StoreError {
    /// Whether the database or this program is at fault, rather than the request.
    pub fn is_fault(&self) -> bool {
        !matches!(
            self,
            Self::NotFound
                | Self::Taken(_)
                | Self::PreconditionFailed
                | Self::Invalid(_)
                | Self::ReadOnly(_)
                | Self::KeyReused
                | Self::KeyRunning
        )
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(detail) = refusal(&error) {
            return Self::Refused(detail);
        }
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolTimedOut => Self::Unavailable(
                "no connection in time: all are busy, or the server does not answer".to_owned(),
            ),
            sqlx::Error::PoolClosed => Self::Unavailable("the service is shutting down".to_owned()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => Self::ConnectionLost(error.to_string()),
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                let message = database.message().to_owned();
                if database.is_unique_violation() {
                    taken(database.constraint().unwrap_or(&message), &message)
                } else if code.len() == 5 {
                    of_sqlstate(&code, message)
                } else {
                    of_sqlite(&code, message)
                }
            }
            _ => Self::Internal(error.to_string()),
        }
    }
}

/// PostgreSQL names the index, SQLite the column.
fn taken(place: &str, message: &str) -> StoreError {
    if place.contains("email_key") {
        StoreError::Taken("email")
    } else if place.contains("name_key") {
        StoreError::Taken("name")
    } else {
        StoreError::Internal(message.to_owned())
    }
}

/// SQLSTATE, PostgreSQL documentation appendix A.
fn of_sqlstate(code: &str, message: String) -> StoreError {
    match code {
        // admin shutdown, crash shutdown, idle in a transaction for too long; class 08: connection exceptions
        "57P01" | "57P02" | "25P03" => StoreError::ConnectionLost(message),
        _ if code.starts_with("08") => StoreError::ConnectionLost(message),
        "40001" | "40P01" => StoreError::Serialization(message),
        // The limit that every connection has.
        "57014" => StoreError::Unavailable("the query takes too long".to_owned()),
        // starting up, too many clients, out of memory, lock took too long, no such table (not migrated yet)
        "57P03" | "53300" | "53200" | "55P03" | "42P01" | "42703" => StoreError::Unavailable(message),
        "25006" => StoreError::ReadOnly(message),
        "53100" => StoreError::Full(message),
        "28P01" | "28000" | "3D000" | "42501" => StoreError::Refused(message),
        _ => StoreError::Internal(format!("{message} (SQLSTATE {code})")),
    }
}

/// Result codes of <https://www.sqlite.org/rescode.html>; the low byte is the primary code.
fn of_sqlite(code: &str, message: String) -> StoreError {
    let primary = code.parse::<u32>().unwrap_or_default() & 0xff;
    match primary {
        5 | 6 => StoreError::Unavailable(message),
        8 => StoreError::ReadOnly(message),
        // interrupted when the time of the statement was up
        9 => too_long(),
        13 => StoreError::Full(message),
        14 | 26 => StoreError::Refused(message),
        1 if message.contains("no such table") || message.contains("no such column") => {
            StoreError::Unavailable(message)
        }
        _ => StoreError::Internal(format!("{message} (SQLite code {code})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_are_easily_mistaken() {
        let of = |code| of_sqlstate(code, "detail".to_owned());
        assert!(matches!(of("53100"), StoreError::Full(_)));
        assert!(matches!(of("53200"), StoreError::Unavailable(_)));
        assert!(matches!(of("25P03"), StoreError::ConnectionLost(_)));
        assert_eq!(of("57014").to_string(), "database unavailable: the query takes too long");
        let interrupted = of_sqlite("9", "interrupted".to_owned());
        assert_eq!(interrupted.to_string(), "database unavailable: the database takes too long");
    }
}
