//! The command line and the settings: the only place that reads the environment.
//!
//! Every setting is a flag (`--listen`) and a variable (`ROSTER_LISTEN`); a secret may also be in a
//! file that a second variable names (`ROSTER_DATABASE_URL_FILE`). A flag wins over a variable, a
//! variable over the default. Whatever is wrong is reported at once, one line each.

mod args;
mod callers;
mod client;
mod credential;
mod database_url;
mod definitions;
mod environment;
mod fd_store;
mod grant;
mod oidc;
mod output;
mod server_url;
mod settings;
mod sources;
mod tls;
mod transfer;
#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;

use clap_complete::Shell;

use args::Subcommand;
use sources::Sources;

pub use callers::{CallersConfig, TokenConfig, TokenRequest};
pub use client::{ConnectionConfig, OutputForm, ProfileConfig, RecordConfig, UsersAction, UsersConfig};
pub use credential::Credential;
pub use database_url::DatabaseUrl;
pub use environment::Environment;
pub use fd_store::FdStoreConfig;
pub use oidc::{IssuerConfig, endpoint};
pub use output::{completions, manual, settings_json, settings_table};
pub use server_url::ServerUrl;
pub use settings::{
    DatabaseConfig, DemoConfig, HealthConfig, LogConfig, MigrateConfig, ServeConfig, ServerConfig,
};
pub use sources::{EffectiveSetting, Source};
pub use tls::TlsFiles;
pub use transfer::{BackupConfig, CopyConfig, ExportConfig, ImportConfig, ImportMode};

/// What the command line asks for, with the settings it needs already checked.
#[derive(Clone, Debug)]
pub enum Command {
    /// Serve sample users from a temporary database.
    Demo(DemoConfig),
    /// Serve the users API.
    Serve(ServeConfig),
    /// Bring the database's schema up to date, or only tell whether it is.
    Migrate(MigrateConfig),
    /// Create and change many users from a file.
    Import(ImportConfig),
    /// Write all users, or those that match.
    Export(ExportConfig),
    /// Move everything into another database.
    Copy(CopyConfig),
    /// Copy an SQLite database while it is served.
    Backup(BackupConfig),
    /// Give, list and revoke tokens.
    Token(TokenConfig),
    /// List and change users on a server.
    Users(UsersConfig),
    /// Show the record of a server.
    Log(RecordConfig),
    /// Save an address with its token.
    Login(ConnectionConfig),
    /// Remove a saved address with its token.
    Logout(ProfileConfig),
    /// Hold the port of a server over a crash.
    FdStore(FdStoreConfig),
    /// Ask a running server whether it is ready.
    Health(HealthConfig),
    /// Print the settings of `serve` and where each came from.
    Config {
        /// What `serve` would do.
        serve: Box<ServeConfig>,
        /// Every setting of `serve`, in the order of its help; secrets are redacted.
        settings: Vec<EffectiveSetting>,
        /// JSON instead of a table.
        json: bool,
    },
    /// Print the API's contract.
    OpenApi,
    /// Print the version.
    Version {
        /// JSON instead of one line.
        json: bool,
    },
    /// Print a completion script for this shell.
    Completions(Shell),
    /// Print the manual page.
    Man,
}

/// Why there is no [`Command`] to run: an error, or help that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What to print, possibly several lines, without a newline at its end. It never contains a secret.
    pub message: String,
    /// The process's exit code: 2 for errors, 0 for help and version.
    pub code: u8,
    /// Help and version go to stdout, errors to stderr.
    pub to_stdout: bool,
}

impl Failure {
    fn configuration(problems: &[String]) -> Self {
        let lines: Vec<String> = problems.iter().map(|problem| format!("error: {problem}")).collect();
        Self { message: lines.join("\n"), code: 2, to_stdout: false }
    }

    /// clap repeats stray arguments in its message, and a URL that was put in the wrong place may hold
    /// a password: such arguments are blanked out, as are tokens.
    fn usage(error: &clap::Error, args: &[OsString], problems: &[String]) -> Self {
        let mut message = error.render().to_string();
        for arg in args.iter().filter_map(|arg| arg.to_str()).filter(|arg| is_secret(arg)) {
            message = message.replace(arg, "***");
        }
        let mut message = message.trim_end().to_owned();
        if error.use_stderr() && !problems.is_empty() {
            message = format!("{}\n{message}", Self::configuration(problems).message);
        }
        let code = u8::try_from(error.exit_code()).unwrap_or(2);
        Self { message, code, to_stdout: !error.use_stderr() }
    }
}

/// Whether a stray argument may hold what nobody should see.
fn is_secret(argument: &str) -> bool {
    argument.contains("://") || argument.contains("rst_") || argument.starts_with("eyJ")
}

impl Environment {
    /// The variables of this process. Nothing else in the program may look at them.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn from_process() -> Self {
        std::env::vars_os().collect()
    }
}

/// Reads the command line, whose first item is the program's name, and the settings it needs.
///
/// # Errors
///
/// A [`Failure`] with everything that is wrong in the arguments, the variables and the files they name;
/// or the text of `--help` and `--version`.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<Command, Failure> {
    let args: Vec<OsString> = args.into_iter().collect();
    let all = definitions::all();
    let problems = environment.unknown_variables(&definitions::variables(&all));
    let (cli, matches) =
        definitions::read(all, &args).map_err(|error| Failure::usage(&error, &args, &problems))?;
    let mut innermost = &matches;
    while let Some((_, inner)) = innermost.subcommand() {
        innermost = inner;
    }
    let mut sources = Sources::new(innermost, environment, problems);
    let command = command(&cli.command, &mut sources);
    let problems = sources.into_problems();
    command.filter(|_| problems.is_empty()).ok_or_else(|| Failure::configuration(&problems))
}

/// `None` when a setting is wrong; `sources` then knows what.
fn command(subcommand: &Subcommand, sources: &mut Sources<'_>) -> Option<Command> {
    Some(match subcommand {
        Subcommand::Demo(args) => Command::Demo(settings::demo(sources, args)?),
        Subcommand::Serve(args) => Command::Serve(settings::serve(sources, args)?),
        Subcommand::Migrate(args) => Command::Migrate(settings::migrate(sources, args)?),
        Subcommand::Import(args) => Command::Import(transfer::import(sources, args)?),
        Subcommand::Export(args) => Command::Export(transfer::export(sources, args)?),
        Subcommand::Copy(args) => Command::Copy(transfer::copy(sources, args)?),
        Subcommand::Backup(args) => Command::Backup(transfer::backup(sources, args)?),
        Subcommand::Token(args) => Command::Token(callers::token(sources, args)?),
        Subcommand::Users(args) => Command::Users(client::users(sources, args)?),
        Subcommand::Log(args) => Command::Log(client::record(sources, args)?),
        Subcommand::Login(args) => Command::Login(client::login(sources, args)?),
        Subcommand::Logout(args) => Command::Logout(client::logout(sources, args)?),
        Subcommand::FdStore(args) => Command::FdStore(fd_store::fd_store(sources, args)?),
        Subcommand::Health(args) => Command::Health(settings::health(sources, args)?),
        Subcommand::Config(args) => {
            let serve = Box::new(settings::serve(sources, &args.serve)?);
            Command::Config { serve, settings: sources.take_settings(), json: args.json }
        }
        Subcommand::Openapi => Command::OpenApi,
        Subcommand::Version { json } => Command::Version { json: *json },
        Subcommand::Completions { shell } => Command::Completions(*shell),
        Subcommand::Man => Command::Man,
    })
}
