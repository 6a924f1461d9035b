//! Why a command of the client ends early.

/// What kind of end it is; the command's exit code follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such thing.
    No,
    /// The command line, a setting, a file or the address is wrong, or the server finds the values wrong.
    Usage,
    /// The server does not let this caller do it (401, 403).
    Refused,
    /// Something else stands there, or was changed meanwhile (409, 412).
    Conflict,
    /// The server cannot be reached, or cannot do it now.
    Unavailable,
    /// Nobody knows whether it was done.
    Unknown,
}

/// An error in one line that a terminal may show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ClientError {
    /// What kind of end it is.
    pub kind: ErrorKind,
    /// What to say of it.
    pub message: String,
}

impl ClientError {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Something on this side is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }
}
