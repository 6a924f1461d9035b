//! Cargo's further commands, in exactly the version that the project was tried with.

use std::path::PathBuf;

use crate::shell::{self, Failure, Workspace, say};

/// The program `name` from the PATH or from target/tools, installed there when neither has this version.
///
/// # Errors
/// It cannot be installed.
pub(crate) fn find_or_install(workspace: &Workspace, name: &str, version: &str) -> Result<PathBuf, Failure> {
    let tools = workspace.target.join("tools");
    let own = tools.join("bin").join(name);
    let wanted = format!("{name} {version}");
    for candidate in [PathBuf::from(name), own.clone()] {
        if shell::ask(&candidate.to_string_lossy(), &["--version"]).as_deref() == Some(wanted.as_str()) {
            return Ok(candidate);
        }
    }
    say(&format!("installing {wanted} into {}", tools.display()));
    let mut install = workspace.cargo(&["install", name, "--locked", "--version", version]);
    shell::run(install.arg("--root").arg(&tools))?;
    Ok(own)
}
