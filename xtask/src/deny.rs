//! `cargo xtask deny`: the dependencies, held to deny.toml.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{self, Failure, Workspace, say, warn};

const VERSION: &str = "0.20.2";

/// Checks bans, licences and sources, and the advisories if their database can be fetched.
///
/// # Errors
/// A check fails, cargo-deny cannot be installed, or the advisories are required and not to be had.
pub(crate) fn run(workspace: &Workspace, advisories_required: bool) -> Result<(), Failure> {
    let program = find_or_install(workspace)?;
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

fn find_or_install(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let tools = workspace.target.join("tools");
    let own = tools.join("bin/cargo-deny");
    let wanted = format!("cargo-deny {VERSION}");
    for candidate in [PathBuf::from("cargo-deny"), own.clone()] {
        if shell::ask(&candidate.to_string_lossy(), &["--version"]).as_deref() == Some(wanted.as_str()) {
            return Ok(candidate);
        }
    }
    say(&format!("installing {wanted} into {}", tools.display()));
    let mut install = workspace.cargo(&["install", "cargo-deny", "--locked", "--version", VERSION]);
    shell::run(install.arg("--root").arg(&tools))?;
    Ok(own)
}
