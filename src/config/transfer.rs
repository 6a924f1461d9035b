//! The settings of the commands that move users in bulk.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::args::transfer::{BackupArgs, CopyArgs, ExportArgs, ImportArgs};
use super::database_url::DatabaseUrl;
use super::settings::{self, field};
use super::sources::{Sources, read_secret};
use super::values::{boolean, optional_duration};

/// The settings of `import`. Texts are as they were written.
#[derive(Clone, Debug)]
pub struct ImportConfig {
    /// The database's address; its `Debug` and `Display` are redacted.
    pub url: DatabaseUrl,
    /// How long to wait for an unreachable server; `None` is for ever.
    pub wait: Option<Duration>,
    /// Whether to refuse writes.
    pub read_only: bool,
    /// The file to read; `-` is stdin.
    pub input: PathBuf,
    /// The form of the file.
    pub format: Option<String>,
    /// The attribute by which a row finds its user.
    pub key: Option<String>,
    /// `COLUMN=ATTRIBUTE`
    pub map: Vec<String>,
    /// How much of it counts.
    pub mode: ImportMode,
    /// Whether to leave a directory alone that has ever had a user.
    pub once: bool,
    /// Where bad rows go.
    pub errors: Option<PathBuf>,
    /// Tell nothing but errors and the totals.
    pub quiet: bool,
}

/// How much of an import counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// Every batch.
    Batches,
    /// All or nothing.
    Strict,
    /// Nothing.
    DryRun,
}

/// The settings of `export`. Texts are as they were written.
#[derive(Clone, Debug)]
pub struct ExportConfig {
    /// The database's address; its `Debug` and `Display` are redacted.
    pub url: DatabaseUrl,
    /// How long to wait for an unreachable server; `None` is for ever.
    pub wait: Option<Duration>,
    /// The form.
    pub format: Option<String>,
    /// The filter expression.
    pub filter: Option<String>,
    /// The file to write; `None` is stdout.
    pub output: Option<PathBuf>,
    /// Make cells harmless that a spreadsheet would take for a formula.
    pub escape_formulas: bool,
    /// Tell nothing but errors.
    pub quiet: bool,
}

/// The settings of `backup`.
#[derive(Clone, Debug)]
pub struct BackupConfig {
    /// The database's address; its `Debug` and `Display` are redacted.
    pub url: DatabaseUrl,
    /// How long to wait for an unreachable server; `None` is for ever.
    pub wait: Option<Duration>,
    /// The file to write.
    pub output: PathBuf,
}

/// The settings of `copy`.
#[derive(Clone, Debug)]
pub struct CopyConfig {
    /// The database to read.
    pub from: DatabaseUrl,
    /// The database to write.
    pub to: DatabaseUrl,
    /// How long to wait for an unreachable server; `None` is for ever.
    pub wait: Option<Duration>,
    /// Tell nothing but errors and the result.
    pub quiet: bool,
}

pub(super) fn import(sources: &mut Sources<'_>, args: &ImportArgs) -> Option<ImportConfig> {
    let target = settings::target(sources, &args.database);
    let writing = &args.writing;
    let read_only = sources.displayed(field!(writing.read_only), boolean);
    let format = text(sources, "--format", args.format.as_ref());
    let key = text(sources, "--key", args.key.as_ref());
    let map = args.map.iter().filter_map(|pair| text(sources, "--map", Some(pair))).collect();
    let (url, wait) = target?;
    Some(ImportConfig {
        url,
        wait,
        read_only: read_only?,
        input: args.input.clone(),
        format,
        key,
        map,
        mode: match (args.dry_run, args.strict || args.once) {
            (true, _) => ImportMode::DryRun,
            (_, true) => ImportMode::Strict,
            _ => ImportMode::Batches,
        },
        once: args.once,
        errors: args.errors.clone(),
        quiet: args.quiet,
    })
}

pub(super) fn export(sources: &mut Sources<'_>, args: &ExportArgs) -> Option<ExportConfig> {
    let target = settings::target(sources, &args.database);
    let format = text(sources, "--format", args.format.as_ref());
    let filter = text(sources, "--filter", args.filter.as_ref());
    let (url, wait) = target?;
    Some(ExportConfig {
        url,
        wait,
        format,
        filter,
        output: args.output.clone().filter(|path| path.as_os_str() != "-"),
        escape_formulas: args.escape_formulas,
        quiet: args.quiet,
    })
}

pub(super) fn backup(sources: &mut Sources<'_>, args: &BackupArgs) -> Option<BackupConfig> {
    let (url, wait) = settings::target(sources, &args.database)?;
    Some(BackupConfig { url, wait, output: args.output.clone() })
}

pub(super) fn copy(sources: &mut Sources<'_>, args: &CopyArgs) -> Option<CopyConfig> {
    let from = url(sources, "FROM_URL", &args.from);
    let to = url(sources, "TO_URL", &args.to);
    let waiting = &args.wait;
    let wait = sources.written(field!(waiting.database_wait), optional_duration);
    Some(CopyConfig { from: from?, to: to?, wait: wait?, quiet: args.quiet })
}

/// The text of an argument. One that is wrong is a problem and counts as absent.
pub(super) fn text(sources: &mut Sources<'_>, name: &str, value: Option<&OsString>) -> Option<String> {
    let text = value?.to_str().map(str::to_owned);
    if text.is_none() {
        sources.problem(format!("{name}: is not valid UTF-8"));
    }
    text
}

/// A URL as it stands, or in a file: what stands on a command line can be seen by others.
fn url(sources: &mut Sources<'_>, name: &str, value: &OsString) -> Option<DatabaseUrl> {
    let text = text(sources, name, Some(value))?;
    let read = match text.strip_prefix('@') {
        Some(path) => read_secret(path.as_ref()).map_err(|problem| format!("the file {path}: {problem}")),
        None => Ok(text),
    };
    let parsed = read.and_then(|text| DatabaseUrl::parse(&text));
    parsed.map_err(|problem| sources.problem(format!("{name}: {problem}"))).ok()
}
