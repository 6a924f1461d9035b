//! Where the value of a setting comes from, and what is wrong with it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::definitions;
use super::environment::Environment;

/// The most bytes that a secret's file may have; anything longer is not a secret but a wrong path.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Where the effective value of a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The flag with this name, dashes included.
    Flag(String),
    /// The environment variable with this name.
    Environment(String),
    /// A file that an environment variable names.
    File {
        /// The file.
        path: PathBuf,
        /// The variable, which ends in `_FILE`.
        variable: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::File { path, variable } => write!(f, "file {} ({variable})", shown(path)),
        }
    }
}

/// A setting as it is in force, fit to be shown: secrets are redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// The flag without its dashes, such as `database-url`.
    pub name: String,
    /// The variable, such as `ROSTER_DATABASE_URL`.
    pub env: String,
    /// The value in force, on one line.
    pub value: String,
    /// Where the value came from.
    pub source: Source,
}

/// The flags of one subcommand and the environment; collects what is wrong and what is in force.
pub(super) struct Sources<'a> {
    matches: &'a ArgMatches,
    environment: &'a Environment,
    problems: Vec<String>,
    settings: Vec<EffectiveSetting>,
}

/// Something is wrong, and [`Sources`] knows what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told;

/// A field of the clap structures: its name, which is clap's id too, and the flag's value or default.
pub(super) type Field<'a> = (&'static str, &'a OsStr);

impl<'a> Sources<'a> {
    pub(super) fn new(matches: &'a ArgMatches, environment: &'a Environment, problems: Vec<String>) -> Self {
        Self { matches, environment, problems, settings: Vec::new() }
    }

    pub(super) fn environment(&self) -> &'a Environment {
        self.environment
    }

    pub(super) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Like [`Sources::problem`], as an error.
    pub(super) fn tell(&mut self, problem: String) -> Told {
        self.problem(problem);
        Told
    }

    pub(super) fn into_problems(self) -> Vec<String> {
        self.problems
    }

    pub(super) fn take_settings(&mut self) -> Vec<EffectiveSetting> {
        std::mem::take(&mut self.settings)
    }

    /// The flag or the variable that gives the setting a value; nothing if it has its default.
    pub(super) fn given(&self, id: &str) -> Option<String> {
        if self.matches.value_source(id) == Some(ValueSource::CommandLine) {
            return Some(format!("--{}", definitions::flag_name(id)));
        }
        let variable = definitions::variable(id);
        self.environment.get(&variable).is_some().then_some(variable)
    }

    /// The setting's value, shown by `roster config` as it was written.
    pub(super) fn written<T>(
        &mut self,
        field: Field<'_>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.take(field, parse, |_, text| text.to_owned())
    }

    /// The setting's value, shown by `roster config` as its type displays it.
    pub(super) fn displayed<T: fmt::Display>(
        &mut self,
        field: Field<'_>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.take(field, parse, |value, _| value.to_string())
    }

    /// The value of a setting that has no default; `None` when nobody set it. It is not shown by `roster config`.
    pub(super) fn optional<T>(
        &mut self,
        (id, flag): (&'static str, Option<&OsStr>),
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Told> {
        let read = self.locate(id, flag.unwrap_or_default()).and_then(|(text, source)| match source {
            Source::Default => Ok(None),
            source => checked(&text, parse)
                .map(Some)
                .map_err(|problem| (label(id, &source), format!("{} {problem}", quoted(&text)))),
        });
        read.map_err(|(label, problem)| self.tell(format!("{label}: {problem}")))
    }

    fn take<T>(
        &mut self,
        (id, flag): Field<'_>,
        parse: impl FnOnce(&str) -> Result<T, String>,
        show: impl FnOnce(&T, &str) -> String,
    ) -> Option<T> {
        let checked = self.locate(id, flag).and_then(|(text, source)| match checked(&text, parse) {
            Ok(value) => Ok((show(&value, &text.to_string_lossy()), value, source)),
            Err(problem) if definitions::file_variable(id).is_some() => Err((label(id, &source), problem)),
            Err(problem) => Err((label(id, &source), format!("{} {problem}", quoted(&text)))),
        });
        match checked {
            Ok((value, parsed, source)) => {
                let value = value.replace(char::is_control, "\u{fffd}");
                let env = definitions::variable(id);
                self.settings.push(EffectiveSetting { name: definitions::flag_name(id), env, value, source });
                Some(parsed)
            }
            Err((label, problem)) => {
                self.problems.push(format!("{label}: {problem}"));
                None
            }
        }
    }

    /// The text in force: a flag wins over a variable or its file, those win over the default. The error
    /// is the name to blame and the reason.
    fn locate(&self, id: &str, flag: &OsStr) -> Result<(OsString, Source), (String, String)> {
        let variable = definitions::variable(id);
        let file_variable = definitions::file_variable(id);
        let value = self.environment.get(&variable);
        let path = file_variable.as_deref().and_then(|name| self.environment.get(name));
        if let (Some(_), Some(_), Some(file_variable)) = (value, path, &file_variable) {
            return Err((variable, format!("{file_variable} is set too; set only one of the two")));
        }
        if self.matches.value_source(id) == Some(ValueSource::CommandLine) {
            return Ok((flag.to_owned(), Source::Flag(format!("--{}", definitions::flag_name(id)))));
        }
        if let Some(value) = value {
            return Ok((value.to_owned(), Source::Environment(variable)));
        }
        let (Some(path), Some(variable)) = (path.map(PathBuf::from), file_variable) else {
            return Ok((flag.to_owned(), Source::Default));
        };
        match read_secret(&path) {
            Ok(value) => Ok((value.into(), Source::File { path, variable })),
            Err(problem) => Err((variable, format!("the file {}: {problem}", shown(&path)))),
        }
    }
}

/// What a message about a wrong value starts with.
fn label(id: &str, source: &Source) -> String {
    match source {
        Source::Default => format!("--{}", definitions::flag_name(id)),
        Source::Flag(name) | Source::Environment(name) => name.clone(),
        Source::File { path, variable } => format!("{variable}: the file {}", shown(path)),
    }
}

fn checked<T>(text: &OsStr, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, String> {
    text.to_str().ok_or_else(|| "is not valid UTF-8".to_owned()).and_then(parse)
}

/// A wrong value as a message repeats it; a URL in the wrong place may hold a password.
fn quoted(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    if text.contains("://") { "a URL".to_owned() } else { format!("{text:?}") }
}

/// A path as it is shown, on one line; see [`quoted`].
pub(super) fn shown(path: &Path) -> String {
    let path = path.to_string_lossy();
    if path.contains("://") { "***".to_owned() } else { path.replace(char::is_control, "\u{fffd}") }
}

/// The file's text without the newline that editors put at the end.
pub(super) fn read_secret(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Err(format!("is longer than {MAX_SECRET_BYTES} bytes"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "is not valid UTF-8".to_owned())?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
}
