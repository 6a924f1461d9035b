//! `cargo xtask deny`: the dependencies, held to deny.toml.

use std::process::Command;

use crate::shell::{self, Failure, Workspace, warn};
use crate::tools;

const VERSION: &str = "0.20.2";

/// Checks bans, licences and sources, and the advisories if their database can be fetched.
///
/// # Errors
/// A check fails, cargo-deny cannot be installed, or the advisories are required and not to be had.
pub(crate) fn run(workspace: &Workspace, advisories_required: bool) -> Result<(), Failure> {
    let program = tools::find_or_install(workspace, "cargo-deny", VERSION)?;
    let deny = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["--locked"]).args(args).current_dir(&workspace.root);
        command
    };
    shell::run(&mut deny(&["check", "bans", "licenses", "sources"]))?;
    if let Err(failure) = shell::run(&mut deny(&["fetch", "db"])) {
        if advisories_required {
            return Err(Failure::new(format!(
                "the advisory database cannot be fetched: {}",
                failure.message
            )));
        }
        warn("advisories NOT checked: their database cannot be fetched from here");
        return Ok(());
    }
    shell::run(&mut deny(&["check", "--disable-fetch", "advisories"]))
}
