//! The command line as clap has it, and what the names of its settings are elsewhere.
//!
//! clap's own `env` is not used, since it reads the process's environment itself and stops at the first
//! wrong value: the help of each flag only names its variable.

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches};

use super::args::{Cli, ServeArgs};
use super::client::{TOKEN, TOKEN_FILE};
use super::environment::PREFIX;

/// Settings whose values are secret: a second variable may name a file that has the value.
const SECRETS: &[&str] = &["database_url"];

/// Settings that have no default.
const WITHOUT_DEFAULT: &[&str] = &["url", "use_profile", "ca_file"];

/// All of the command line, with the variable of each setting in its help.
pub(super) fn all() -> clap::Command {
    let profile = |arg: Arg| arg.visible_alias("profile");
    let command = Cli::command()
        // Only here: `users create --profile` is an attribute of the user.
        .mut_subcommand("login", |login| login.mut_arg("use_profile", profile))
        .mut_subcommand("logout", |logout| logout.mut_arg("use_profile", profile));
    with_variables(command)
}

fn with_variables(command: clap::Command) -> clap::Command {
    command.mut_args(with_variable).mut_subcommands(with_variables)
}

/// The commands that do something by themselves, with their whole names, such as `token create`.
pub(super) fn leaves(command: &clap::Command) -> Vec<(String, &clap::Command)> {
    let mut found = Vec::new();
    for outer in command.get_subcommands() {
        if outer.has_subcommands() {
            let inner = leaves(outer).into_iter();
            found.extend(inner.map(|(name, leaf)| (format!("{} {name}", outer.get_name()), leaf)));
        } else {
            found.push((outer.get_name().to_owned(), outer));
        }
    }
    found
}

/// Parses `args` by [`all`]; the matches tell which flags were given and which are defaults.
pub(super) fn read(mut command: clap::Command, args: &[OsString]) -> Result<(Cli, ArgMatches), clap::Error> {
    let matches = command.try_get_matches_from_mut(args)?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, matches))
}

/// `serve` without any flag, for the settings that `demo` does not have.
pub(super) fn serve_defaults() -> Result<(ServeArgs, ArgMatches), clap::Error> {
    let mut all = all();
    let serve = all.find_subcommand_mut("serve");
    let serve = serve.ok_or_else(|| clap::Error::new(ErrorKind::InvalidSubcommand))?;
    let matches = serve.try_get_matches_from_mut(["serve"])?;
    Ok((ServeArgs::from_arg_matches(&matches)?, matches))
}

/// Settings are the flags that take a value and have a default, or are known to have none; the others, such as
/// `--json`, say what to do.
pub(super) fn is_setting(arg: &Arg) -> bool {
    let takes_value = matches!(arg.get_action(), ArgAction::Set);
    let known = !arg.get_default_values().is_empty() || WITHOUT_DEFAULT.contains(&arg.get_id().as_str());
    arg.get_long().is_some() && takes_value && known
}

/// Every variable that has a meaning for some subcommand.
pub(super) fn variables(command: &clap::Command) -> Vec<String> {
    let args = leaves(command).into_iter().flat_map(|(_, leaf)| leaf.get_arguments());
    let ids = args.filter(|arg| is_setting(arg)).map(|arg| arg.get_id().as_str());
    let mut names: Vec<String> =
        ids.flat_map(|id| [Some(variable(id)), file_variable(id)]).flatten().collect();
    // A token has no flag, since others can see command lines.
    names.extend([TOKEN, TOKEN_FILE].map(str::to_owned));
    names.sort_unstable();
    names.dedup();
    names
}

/// `ROSTER_DATABASE_URL` for `database_url`.
pub(super) fn variable(id: &str) -> String {
    format!("{PREFIX}{}", id.to_ascii_uppercase())
}

/// `ROSTER_DATABASE_URL_FILE` for `database_url`, and nothing for what is not secret.
pub(super) fn file_variable(id: &str) -> Option<String> {
    SECRETS.contains(&id).then(|| format!("{}_FILE", variable(id)))
}

/// `database-url` for `database_url`.
pub(super) fn flag_name(id: &str) -> String {
    id.replace('_', "-")
}

fn with_variable(arg: Arg) -> Arg {
    if !is_setting(&arg) {
        return arg;
    }
    let id = arg.get_id().as_str();
    let default = arg.get_default_values().join(OsStr::new(" "));
    let file = file_variable(id).map_or(String::new(), |file| format!(" or {file}"));
    let default =
        if default.is_empty() { String::new() } else { format!(" [default: {}]", default.display()) };
    let note = format!("[env: {}{file}]{default}", variable(id));
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let long = arg.get_long_help().map_or_else(|| help.clone(), ToString::to_string);
    // clap would put the default into another paragraph than the variable.
    arg.help(format!("{help} {note}")).long_help(format!("{long}\n{note}")).hide_default_value(true)
}
