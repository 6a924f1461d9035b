//! The command lines of the commands that talk to a server. What stands above the arguments of a command is its help. What is no setting here is checked by `cli`.

use std::ffi::OsString;

use clap::{Args, Subcommand, value_parser};

use super::Choices;

/// List and change users on a server, over its API
#[derive(Args, Debug)]
pub(in crate::config) struct UsersArgs {
    #[command(subcommand)]
    pub(in crate::config) command: UsersCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::config) enum UsersCommand {
    /// List users, all of them unless told otherwise
    ///
    /// Reads page by page: whoever exists during the whole walk, and whose sort value does not change meanwhile,
    /// appears exactly once.
    List(ListArgs),

    /// Show one user
    ///
    /// Exit code 1 means that there is no such user.
    Get(GetArgs),

    /// Find the user with exactly this name or e-mail address
    ///
    /// Upper and lower case count as the same. Two users are shown when one has it as the name and another as the
    /// e-mail address. Exit code 1 means that there is none.
    Find(FindArgs),

    /// Create a user
    ///
    /// An Idempotency-Key goes with it, so that it is safe to send it again when the answer is lost.
    Create(CreateArgs),

    /// Change the attributes that are given and no others
    ///
    /// With --if-match a change that somebody else made meanwhile is not overwritten (exit code 6), and the change
    /// is sent again when the server is away; without it, it is sent once.
    Update(UpdateArgs),

    /// Delete a user; the id is never used again
    Delete(DeleteArgs),
}

#[derive(Args, Debug)]
pub(in crate::config) struct ListArgs {
    /// Only users who match, in the filter grammar of the API: active eq true and email ew "@example.com"
    #[arg(long, value_name = "EXPRESSION")]
    pub(in crate::config) filter: Option<OsString>,
    /// Only users whose name or e-mail address begins so
    #[arg(long, value_name = "PREFIX")]
    pub(in crate::config) q: Option<OsString>,
    #[arg(long, value_name = "ATTRIBUTE", allow_hyphen_values = true)]
    #[arg(help = "The order: id, name, email, created_at or updated_at, with - before it for the reverse")]
    pub(in crate::config) sort: Option<OsString>,
    /// Show more than id, name and email: active,profile.title
    #[arg(long, value_name = "ATTRIBUTES")]
    pub(in crate::config) fields: Option<OsString>,
    /// Show so many at most
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u64).range(1..))]
    pub(in crate::config) limit: Option<u64>,
    #[command(flatten)]
    pub(in crate::config) output: OutputArgs,
    #[command(flatten)]
    pub(in crate::config) server: ServerArgs,
}

#[derive(Args, Debug)]
pub(in crate::config) struct GetArgs {
    /// The user's id
    #[arg(value_name = "ID", value_parser = value_parser!(i64).range(1..))]
    pub(in crate::config) id: i64,
    #[command(flatten)]
    pub(in crate::config) output: OutputArgs,
    #[command(flatten)]
    pub(in crate::config) server: ServerArgs,
}

#[derive(Args, Debug)]
pub(in crate::config) struct FindArgs {
    /// The name or the e-mail address
    #[arg(value_name = "NAME-OR-EMAIL")]
    pub(in crate::config) wanted: OsString,
    /// Show more than id, name and email: active,profile.title
    #[arg(long, value_name = "ATTRIBUTES")]
    pub(in crate::config) fields: Option<OsString>,
    #[command(flatten)]
    pub(in crate::config) output: OutputArgs,
    #[command(flatten)]
    pub(in crate::config) server: ServerArgs,
}

#[derive(Args, Debug)]
pub(in crate::config) struct CreateArgs {
    /// The name, which no other user may have
    #[arg(long, value_name = "NAME")]
    pub(in crate::config) name: OsString,
    /// The e-mail address, which no other user may have
    #[arg(long, value_name = "ADDRESS")]
    pub(in crate::config) email: Option<OsString>,
    /// What another system calls the user
    #[arg(long, value_name = "ID")]
    pub(in crate::config) external_id: Option<OsString>,
    /// Create the user inactive
    #[arg(long)]
    pub(in crate::config) inactive: bool,
    /// The user's profile, a JSON object; @FILE reads it from a file, @- from stdin
    #[arg(long = "profile", value_name = "JSON")]
    pub(in crate::config) attributes: Option<OsString>,
    /// The Idempotency-Key to send, to repeat a command whose outcome is unknown; otherwise a new one
    #[arg(long, value_name = "KEY")]
    pub(in crate::config) idempotency_key: Option<OsString>,
    #[command(flatten)]
    pub(in crate::config) output: OutputArgs,
    #[command(flatten)]
    pub(in crate::config) server: ServerArgs,
}

#[derive(Args, Debug)]
pub(in crate::config) struct UpdateArgs {
    /// The user's id
    #[arg(value_name = "ID", value_parser = value_parser!(i64).range(1..))]
    pub(in crate::config) id: i64,
    /// The new name
    #[arg(long, value_name = "NAME")]
    pub(in crate::config) name: Option<OsString>,
    /// The new e-mail address
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_email")]
    pub(in crate::config) email: Option<OsString>,
    /// Take the e-mail address away
    #[arg(long)]
    pub(in crate::config) no_email: bool,
    /// What another system calls the user
    #[arg(long, value_name = "ID", conflicts_with = "no_external_id")]
    pub(in crate::config) external_id: Option<OsString>,
    /// Take the external id away
    #[arg(long)]
    pub(in crate::config) no_external_id: bool,
    /// Whether the user is active
    #[arg(long, value_name = "BOOL")]
    pub(in crate::config) active: Option<bool>,
    /// A JSON merge patch (RFC 7396) of the profile, in which null removes a key; @FILE reads it from a file, @- from
    /// stdin
    #[arg(long = "profile", value_name = "JSON")]
    pub(in crate::config) attributes: Option<OsString>,
    #[command(flatten)]
    pub(in crate::config) condition: ConditionArgs,
    #[command(flatten)]
    pub(in crate::config) output: OutputArgs,
    #[command(flatten)]
    pub(in crate::config) server: ServerArgs,
}

#[derive(Args, Debug)]
pub(in crate::config) struct DeleteArgs {
    /// The user's id
    #[arg(value_name = "ID", value_parser = value_parser!(i64).range(1..))]
    pub(in crate::config) id: i64,
    #[command(flatten)]
    pub(in crate::config) condition: ConditionArgs,
    #[command(flatten)]
    pub(in crate::config) server: ServerArgs,
}

#[derive(Args, Debug)]
pub(in crate::config) struct ConditionArgs {
    /// Only if the user still has this entity tag, which is the version; quotes may be left out
    #[arg(long, value_name = "ETAG")]
    pub(in crate::config) if_match: Option<OsString>,
}

/// Show who changed what on a server, the oldest first
///
/// Reads the record page by page and in its order. Who did it, and from where, is shown only to those who may see
/// it.
#[derive(Args, Debug)]
pub(in crate::config) struct RecordArgs {
    /// Only what this actor did: token:3, command:import
    #[arg(long, value_name = "KIND:ID")]
    pub(in crate::config) actor: Option<OsString>,
    /// Only what was done to this: user:7, token:3
    #[arg(long, value_name = "KIND:ID")]
    pub(in crate::config) subject: Option<OsString>,
    /// Begin after this position, which each entry has; now begins after the newest entry
    #[arg(long, value_name = "POSITION")]
    pub(in crate::config) after: Option<OsString>,
    /// Show so many entries at most
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u64).range(1..))]
    pub(in crate::config) limit: Option<u64>,
    /// Go on with what is done from now on, asking every second; a signal ends it with exit code 0
    #[arg(long, short)]
    pub(in crate::config) follow: bool,
    #[command(flatten)]
    pub(in crate::config) output: OutputArgs,
    #[command(flatten)]
    pub(in crate::config) server: ServerArgs,
}

/// Save the address of a server and a token for it
///
/// The token is read from the terminal, without being shown, or from stdin when that is none; never from the
/// command line, which others can see. The server is asked whether it takes it. Both go to the file
/// roster/profiles.toml in the directory of your settings, ~/.config as a rule, readable by you alone.
#[derive(Args, Debug)]
pub(in crate::config) struct LoginArgs {
    #[command(flatten)]
    pub(in crate::config) server: ServerArgs,
}

/// Remove a saved address with its token
///
/// The token itself remains valid until it ends or is revoked on the server.
#[derive(Args, Debug)]
pub(in crate::config) struct LogoutArgs {
    #[command(flatten)]
    pub(in crate::config) profile: ProfileArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(in crate::config) struct OutputArgs {
    /// The form of what goes to stdout; auto is a table on a terminal and ndjson elsewhere
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    #[arg(value_parser = Choices(&["auto", "table", "json", "ndjson", "csv"]))]
    pub(in crate::config) output: OsString,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
pub(in crate::config) struct ServerArgs {
    #[arg(long, value_name = "URL")]
    #[arg(
        help = "The server's address, such as https://roster.example.com; otherwise that of the saved profile"
    )]
    pub(in crate::config) url: Option<OsString>,
    #[command(flatten)]
    pub(in crate::config) profile: ProfileArgs,
    /// Trust the certificate authorities in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(in crate::config) ca_file: Option<OsString>,
    /// Send the token over plain http:// to another machine, although everybody on the way can read it
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", value_parser = Choices(&["true", "false"]))]
    pub(in crate::config) insecure_http: OsString,
    /// How long to wait for a connection, and for the next bytes of an answer
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub(in crate::config) timeout: OsString,
    /// How long to go on asking while the server is away, where asking again is safe; 0 asks once
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    pub(in crate::config) retry_time: OsString,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
pub(in crate::config) struct ProfileArgs {
    /// The saved profile: an address with its token, as roster login saves it; default when absent
    #[arg(long, value_name = "NAME")]
    pub(in crate::config) use_profile: Option<OsString>,
}
