//! The settings as the commands that talk to a server use them.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::credential::Credential;
use crate::config::server_url::ServerUrl;

/// Which server to talk to, and how.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// The address, unless it is that of a profile.
    pub url: Option<ServerUrl>,
    /// The token for exactly that address.
    pub token: Option<Credential>,
    /// Where a saved address and its token are.
    pub profile: ProfileConfig,
    /// The authorities to trust instead of the system's, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// Whether a token may go over plain HTTP to another machine.
    pub insecure_http: bool,
    /// How long to wait for a connection and for the next bytes, more than zero.
    pub timeout: Duration,
    /// How long to go on trying; zero tries once.
    pub retry_time: Duration,
}

/// A saved profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileConfig {
    /// Its name, if one was given.
    pub name: Option<String>,
    /// The file of all profiles; `None` when the environment names no place for it.
    pub file: Option<PathBuf>,
}

/// The form of what goes to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputForm {
    /// A table on a terminal, else NDJSON.
    Auto,
    /// A table for people.
    Table,
    /// One JSON value.
    Json,
    /// A JSON object on each line.
    Ndjson,
    /// Comma-separated values with a header line (RFC 4180).
    Csv,
}

/// The settings of `users`. Texts are as they were written.
#[derive(Clone, Debug)]
pub struct UsersConfig {
    /// The server.
    pub connection: ConnectionConfig,
    /// The form of the output.
    pub output: OutputForm,
    /// What to do.
    pub action: UsersAction,
}

/// What `users` is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsersAction {
    /// List users.
    List {
        /// The filter expression.
        filter: Option<String>,
        /// How names or e-mail addresses begin.
        q: Option<String>,
        /// The order.
        sort: Option<String>,
        /// More attributes, with commas between.
        fields: Option<String>,
        /// Most users, at least 1.
        limit: Option<u64>,
    },
    /// Show the user with this id.
    Get(i64),
    /// Find users by name or e-mail address.
    Find {
        /// The name or the address.
        wanted: String,
        /// More attributes, with commas between.
        fields: Option<String>,
    },
    /// Create a user.
    Create {
        /// `name`
        name: String,
        /// `email`
        email: Option<String>,
        /// `external_id`
        external_id: Option<String>,
        /// Whether `active` is false.
        inactive: bool,
        /// `profile`: JSON, or `@` and a file.
        profile: Option<String>,
        /// The key to send instead of a new one.
        idempotency_key: Option<String>,
    },
    /// Change a user.
    Update {
        /// The user.
        id: i64,
        /// `name`
        name: Option<String>,
        /// `email`; the inner `None` takes it away.
        email: Option<Option<String>>,
        /// `external_id`; the inner `None` takes it away.
        external_id: Option<Option<String>>,
        /// `active`
        active: Option<bool>,
        /// A merge patch of `profile`: JSON, or `@` and a file.
        profile: Option<String>,
        /// The entity tag to insist on.
        if_match: Option<String>,
    },
    /// Delete a user.
    Delete {
        /// The user.
        id: i64,
        /// The entity tag to insist on.
        if_match: Option<String>,
    },
}

/// The settings of `log`. Texts are as they were written.
#[derive(Clone, Debug)]
pub struct RecordConfig {
    /// The server.
    pub connection: ConnectionConfig,
    /// The form of the output.
    pub output: OutputForm,
    /// `KIND:ID` of who did it.
    pub actor: Option<String>,
    /// `KIND:ID` of what it was done to.
    pub subject: Option<String>,
    /// The position to begin after, or `now`.
    pub after: Option<String>,
    /// Most entries, at least 1.
    pub limit: Option<u64>,
    /// Whether to go on with what comes.
    pub follow: bool,
}
