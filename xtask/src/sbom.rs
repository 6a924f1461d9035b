//! `cargo xtask sbom`: what the program is made from, as CycloneDX.

use std::process::Command;

use crate::release;
use crate::shell::{self, Failure, Workspace, say};
use crate::tools;

const VERSION: &str = "0.5.9";

/// Writes `target/sbom/roster-TRIPLE.cdx.json`: each crate that is linked into the program for this machine.
///
/// # Errors
/// cargo-cyclonedx cannot be installed, or fails.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let program = tools::find_or_install(workspace, "cargo-cyclonedx", VERSION)?;
    let triple = release::triple()?;
    let directory = workspace.target.join("sbom");
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", directory.display()));
    std::fs::create_dir_all(&directory).map_err(failed)?;
    let name = format!("roster-{triple}.cdx");
    let mut command = Command::new(program);
    command.args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--no-build-deps"]);
    command.args(["--target", triple, "--override-filename", &name]).current_dir(&workspace.root);
    // As reproducible as the program: the time of the commit, no serial number drawn by chance, no path of this machine.
    command.env("SOURCE_DATE_EPOCH", release::commit_time(workspace)?);
    shell::run(&mut command)?;
    // It writes beside each manifest of the workspace; xtask is no part of the program.
    let file = format!("{name}.json");
    let own = workspace.root.join(&file);
    let text = std::fs::read_to_string(&own).map_err(failed)?;
    let path = format!("file://{}", workspace.root.display());
    std::fs::write(directory.join(&file), text.replace(&path, "file:///roster")).map_err(failed)?;
    std::fs::remove_file(own).map_err(failed)?;
    std::fs::remove_file(workspace.root.join("xtask").join(&file)).map_err(failed)?;
    say(&format!("wrote {}", directory.join(&file).display()));
    Ok(())
}
