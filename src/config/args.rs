//! The command line. The doc comments here are the help and the manual page.
//!
//! clap takes every setting as plain text and `settings.rs` checks it later, so that all that is wrong
//! can be said at once.

pub(super) mod callers;
mod choices;
pub(super) mod client;
pub(super) mod network;
mod texts;
pub(super) mod transfer;

use std::ffi::OsString;

use clap::{Args, Parser};
use clap_complete::Shell;

use super::oidc::OidcArgs;
use callers::{CallerArgs, TokenArgs};
use choices::Choices;
use client::{LoginArgs, LogoutArgs, RecordArgs, UsersArgs};
use network::{FdStoreArgs, ProxyArgs, RunFdStoreArgs, TlsArgs};
use texts::{AFTER_HELP, INTRODUCTION};
use transfer::{BackupArgs, CopyArgs, ExportArgs, ImportArgs};

#[derive(Debug, Parser)]
#[command(name = "roster", version, max_term_width = 100)]
#[command(about = "A user directory service behind one HTTP API", long_about = INTRODUCTION)]
#[command(after_long_help = AFTER_HELP)]
#[command(subcommand_required = true, arg_required_else_help = true, propagate_version = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Subcommand,
}

const DATABASE_URL_HELP: &str = "The database: sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE";

const DATABASE_URL_LONG_HELP: &str = "\
The database: sqlite:PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE, where the scheme postgresql means \
the same. A password on the command line can be seen by other users of the machine: prefer the variable or \
the file.";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommand {
    /// Serve sample users from a temporary database, to try the API
    ///
    /// Creates a fresh database with sample users in a temporary directory, serves it on a
    /// loopback address and prints curl commands that work as printed. The data is gone afterwards.
    Demo(DemoArgs),

    /// Serve the users API
    ///
    /// Every caller needs a credential; on a new database, the first start tells how to get one. SIGTERM
    /// and SIGINT end the server gracefully, a second signal at once. Logs go to stdout.
    Serve(ServeArgs),

    /// Bring the database's schema up to date
    ///
    /// Safe to run while servers are running and from several places at once.
    Migrate(MigrateArgs),

    /// Create and change many users from a file
    ///
    /// Reads CSV with a header line, NDJSON or a JSON array, and brings each row's user to what the row says: only
    /// the attributes that are there are changed, and users who are as they should be are left alone, so that the
    /// same file may be imported again at any time. Batches are committed one after the other; bad rows are told
    /// and left out. Servers may run meanwhile.
    Import(ImportArgs),

    /// Write all users, or those that match, to a file or stdout
    ///
    /// The users are those of one moment, whatever is written meanwhile, in the order of their ids.
    Export(ExportArgs),

    /// Move everything into another, empty database
    ///
    /// Ids, versions, times and the journal stay as they are, so that places in the feed of changes remain valid.
    /// Counts and checksums are compared in the end.
    Copy(CopyArgs),

    /// Copy an SQLite database into a file while it is served
    ///
    /// The copy is that of one moment and a database like the original. For PostgreSQL, use its `pg_dump`.
    Backup(BackupArgs),

    Users(UsersArgs),
    Log(RecordArgs),
    Login(LoginArgs),
    Logout(LogoutArgs),

    /// Give, list and revoke the tokens that callers show
    ///
    /// Works on the database itself, whether a server runs or not, so that nobody is ever locked out.
    Token(TokenArgs),

    FdStore(RunFdStoreArgs),

    /// Ask a running server whether it is ready, for the health check of a container
    ///
    /// Asks /readyz on the operations address. Exit code 0 means ready, 1 means not ready.
    Health(HealthArgs),

    /// Show the settings of serve and where each came from, with secrets redacted
    Config(ConfigArgs),

    /// Print the API's contract, openapi.json
    Openapi,

    /// Print the version and what it was built from
    Version {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },

    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },

    /// Print the manual page in roff: roster man | man -l -
    Man,
}

#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    #[command(flatten)]
    pub(super) listen: ListenArgs,
    #[command(flatten)]
    pub(super) log: LogArgs,
}

#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    #[command(flatten)]
    pub(super) pool: PoolArgs,
    #[command(flatten)]
    pub(super) listen: ListenArgs,
    #[command(flatten)]
    pub(super) fd_store: FdStoreArgs,
    #[command(flatten)]
    pub(super) proxies: ProxyArgs,
    #[command(flatten)]
    pub(super) tls: TlsArgs,
    #[command(flatten)]
    pub(super) callers: CallerArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    #[command(flatten)]
    pub(super) oidc: OidcArgs,
    #[command(flatten)]
    pub(super) shutdown: ShutdownArgs,
    #[command(flatten)]
    pub(super) log: LogArgs,
}

#[derive(Args, Debug)]
pub(super) struct MigrateArgs {
    /// Change nothing; exit with 0 if the schema is up to date, with 1 if it is not
    #[arg(long)]
    pub(super) check: bool,
    /// Also give this role of PostgreSQL the rights that a server takes which does not migrate
    #[arg(long, value_name = "ROLE", conflicts_with = "check")]
    pub(super) grant_to: Option<String>,
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
}

#[derive(Args, Debug)]
pub(super) struct HealthArgs {
    /// The operations address of the server; 0.0.0.0 and [::] are asked through loopback
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    pub(super) ops_listen: OsString,
    /// How long to wait for the answer
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    pub(super) timeout: OsString,
}

#[derive(Args, Debug)]
pub(super) struct ConfigArgs {
    /// Print JSON: an array of objects with name, env, value and source
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) serve: ServeArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Database")]
pub(super) struct DatabaseArgs {
    #[arg(long, value_name = "URL", default_value = "sqlite:roster.db")]
    #[arg(help = DATABASE_URL_HELP, long_help = DATABASE_URL_LONG_HELP)]
    pub(super) database_url: OsString,
    #[command(flatten)]
    pub(super) wait: WaitArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Database")]
pub(super) struct WaitArgs {
    /// How long to wait for an unreachable database server at start; 0 waits for ever
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub(super) database_wait: OsString,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Database")]
pub(super) struct WritingArgs {
    /// Refuse writes with 503 and serve reads
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true", value_parser = Choices(&["true", "false"]))]
    pub(super) read_only: OsString,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Database")]
pub(super) struct PoolArgs {
    /// The most connections to the database, 1 to 1000
    #[arg(long, value_name = "NUMBER", default_value = "10")]
    pub(super) database_connections: OsString,
    /// How long a request may wait for a connection; statements are limited by the request timeout
    #[arg(long, value_name = "DURATION", default_value = "3s")]
    pub(super) database_timeout: OsString,
    /// Whether to bring the schema up to date at start; with off, be unready until it is
    #[arg(long, value_name = "WHEN", default_value = "auto", value_parser = Choices(&["auto", "off"]))]
    pub(super) migrate: OsString,
    #[command(flatten)]
    pub(super) writing: WritingArgs,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Addresses")]
pub(super) struct ListenArgs {
    /// The address of the API; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(super) listen: OsString,
    /// The address of /livez, /readyz and /metrics; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    pub(super) ops_listen: OsString,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// How long a client may take to send the head of a request
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub(super) header_timeout: OsString,
    /// How long a connection may stay open between two requests
    #[arg(long, value_name = "DURATION", default_value = "75s")]
    pub(super) idle_timeout: OsString,
    /// How long a request may take up to the first byte of its response
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub(super) request_timeout: OsString,
    /// The most client connections at a time, 1 to 1000000
    #[arg(long, value_name = "NUMBER", default_value = "10000")]
    pub(super) max_connections: OsString,
    /// The largest request body, 1 to 1073741824 bytes
    #[arg(long, value_name = "BYTES", default_value = "1048576")]
    pub(super) max_body_bytes: OsString,
    /// The least rate, in bytes per second, at which a client must read a streamed response
    #[arg(long, value_name = "BYTES", default_value = "1024")]
    pub(super) min_drain_rate: OsString,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Shutdown")]
pub(super) struct ShutdownArgs {
    /// How long to keep serving after SIGTERM while /readyz says that this server is going away
    #[arg(long, value_name = "DURATION", default_value = "5")]
    pub(super) drain_seconds: OsString,
    /// How long unfinished requests may then take before they are cut
    #[arg(long, value_name = "DURATION", default_value = "10")]
    pub(super) shutdown_seconds: OsString,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Logs")]
pub(super) struct LogArgs {
    /// One JSON object per line, or lines for people; auto is pretty on a terminal
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    #[arg(value_parser = Choices(&["auto", "json", "pretty"]))]
    pub(super) log_format: OsString,
    /// What to log: a level or tracing directives, such as warn or info,roster=debug
    #[arg(long, value_name = "DIRECTIVES", default_value = "info")]
    pub(super) log: OsString,
}
