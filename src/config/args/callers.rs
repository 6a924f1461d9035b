//! The part of the command line that is about callers.

use std::ffi::OsString;

use clap::Args;

use super::DatabaseArgs;

#[derive(Args, Debug)]
#[command(next_help_heading = "Callers")]
pub(in crate::config) struct CallerArgs {
    /// A file with the first token, an admin's, for a database that never had one: 32 to 256 characters
    #[arg(long, value_name = "PATH", default_value = "")]
    pub(in crate::config) bootstrap_token_file: OsString,
    /// How many credentials from one address may fail in a minute; 0 is no limit
    #[arg(long, value_name = "NUMBER", default_value = "30")]
    pub(in crate::config) failed_credentials_per_minute: OsString,
    /// The most requests of one caller in a second; 0 is no limit
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    pub(in crate::config) requests_per_second: OsString,
}

#[derive(Args, Debug)]
pub(in crate::config) struct TokenArgs {
    #[command(subcommand)]
    pub(in crate::config) command: TokenCommand,
}

#[derive(Debug, clap::Subcommand)]
pub(in crate::config) enum TokenCommand {
    /// Give a token; its secret is printed to stdout, once
    Create(TokenCreateArgs),
    /// List the tokens, revoked ones too
    List(TokenListArgs),
    /// End a token; servers refuse it within 5 seconds
    Revoke(TokenRevokeArgs),
}

#[derive(Args, Debug)]
pub(in crate::config) struct TokenCreateArgs {
    /// What people call it
    #[arg(long, value_name = "NAME")]
    pub(in crate::config) name: String,
    /// What it may do: provisioner, reader, writer or admin
    #[arg(long, value_name = "ROLE")]
    pub(in crate::config) role: String,
    /// How long it is good, such as 90d or 12h; without it, until it is revoked
    #[arg(long, value_name = "TIME")]
    pub(in crate::config) expires: Option<String>,
    #[command(flatten)]
    pub(in crate::config) database: DatabaseArgs,
}

#[derive(Args, Debug)]
pub(in crate::config) struct TokenListArgs {
    /// Print JSON, one token a line
    #[arg(long)]
    pub(in crate::config) json: bool,
    #[command(flatten)]
    pub(in crate::config) database: DatabaseArgs,
}

#[derive(Args, Debug)]
pub(in crate::config) struct TokenRevokeArgs {
    /// The id that `roster token list` shows
    #[arg(value_name = "ID")]
    pub(in crate::config) id: i64,
    #[command(flatten)]
    pub(in crate::config) database: DatabaseArgs,
}
