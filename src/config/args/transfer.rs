//! The command lines of the commands that move users in bulk. What is no setting here is checked by `cli`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::{Choices, DatabaseArgs};

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(in crate::config) struct ImportArgs {
    /// The file to read; - is stdin
    #[arg(value_name = "FILE")]
    pub(in crate::config) input: PathBuf,
    /// The form of the file, otherwise known by its name or its first bytes
    #[arg(long, value_name = "FORMAT", value_parser = Choices(&["csv", "ndjson", "json"]))]
    pub(in crate::config) format: Option<OsString>,
    /// The attribute by which a row finds its user; name when absent
    #[arg(long, value_name = "ATTRIBUTE", value_parser = Choices(&["name", "email", "external_id", "id"]))]
    pub(in crate::config) key: Option<OsString>,
    /// Read a column as an attribute: Mail=email, Title=profile.title; an empty attribute leaves it out
    #[arg(long, value_name = "COLUMN=ATTRIBUTE")]
    pub(in crate::config) map: Vec<OsString>,
    /// Change nothing; tell what would be created, changed and refused
    #[arg(long, conflicts_with = "strict")]
    pub(in crate::config) dry_run: bool,
    /// All or nothing: the first bad row ends the import, and nothing is changed
    #[arg(long)]
    pub(in crate::config) strict: bool,
    /// All or nothing too, and nothing if the directory has ever had a user: for a step that is repeated at each start
    #[arg(long, conflicts_with = "dry_run")]
    pub(in crate::config) once: bool,
    /// Write bad rows to this file, one JSON object per line with line, errors and row
    #[arg(long, value_name = "FILE")]
    pub(in crate::config) errors: Option<PathBuf>,
    /// Tell nothing but errors and the totals
    #[arg(long, short)]
    pub(in crate::config) quiet: bool,
    #[command(flatten)]
    pub(in crate::config) database: DatabaseArgs,
    #[command(flatten)]
    pub(in crate::config) writing: super::WritingArgs,
}

#[derive(Args, Debug)]
pub(in crate::config) struct ExportArgs {
    /// The form; by the name of the output, or csv
    #[arg(long, value_name = "FORMAT", value_parser = Choices(&["csv", "ndjson", "json"]))]
    pub(in crate::config) format: Option<OsString>,
    /// Only users who match, in the filter grammar of the API: active eq true and email ew "@example.com"
    #[arg(long, value_name = "EXPRESSION")]
    pub(in crate::config) filter: Option<OsString>,
    /// The file to write, readable by its owner alone; it is there whole or not at all. Stdout when absent or -
    #[arg(long, short, value_name = "FILE")]
    pub(in crate::config) output: Option<PathBuf>,
    /// Write an apostrophe before CSV cells that a spreadsheet would take for a formula; import takes it away
    #[arg(long)]
    pub(in crate::config) escape_formulas: bool,
    /// Tell nothing but errors
    #[arg(long, short)]
    pub(in crate::config) quiet: bool,
    #[command(flatten)]
    pub(in crate::config) database: DatabaseArgs,
}

#[derive(Args, Debug)]
pub(in crate::config) struct BackupArgs {
    /// The file to write, readable by its owner alone; it must not exist
    #[arg(value_name = "FILE")]
    pub(in crate::config) output: PathBuf,
    #[command(flatten)]
    pub(in crate::config) database: DatabaseArgs,
}

#[derive(Args, Debug)]
pub(in crate::config) struct CopyArgs {
    /// The database to read: sqlite:PATH, postgres://…, or @FILE for a file that has the URL
    #[arg(value_name = "FROM_URL")]
    pub(in crate::config) from: OsString,
    /// The empty database to write, in the same forms; an SQLite file is created
    #[arg(value_name = "TO_URL")]
    pub(in crate::config) to: OsString,
    /// Tell nothing but errors and the result
    #[arg(long, short)]
    pub(in crate::config) quiet: bool,
    #[command(flatten)]
    pub(in crate::config) wait: super::WaitArgs,
}
