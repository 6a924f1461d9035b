//! `cargo xtask workflows`: the workflows of .github, held to the project's rules and to actionlint.

mod rules;

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{self, Failure, Workspace, say, warn};
use crate::tools::GoTool;

const ACTIONLINT: GoTool = GoTool {
    name: "actionlint",
    package: "github.com/rhysd/actionlint/cmd/actionlint",
    version: "v1.7.12",
    ask: &["-version"],
};

/// Checks every workflow, with an actionlint that is here or is installed by Go.
///
/// # Errors
/// A rule is broken, actionlint finds something, or it is neither here nor to be had.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let files = own_rules(workspace)?;
    lint(workspace, &ACTIONLINT.find_or_install(workspace)?, &files)
}

/// The same as a stage of `cargo xtask test`: a machine that has no actionlint and cannot get it goes on without.
///
/// # Errors
/// A rule is broken, actionlint finds something, or it cannot be installed although Go is here and `CI` is `true`.
pub(crate) fn stage(workspace: &Workspace) -> Result<(), Failure> {
    let files = own_rules(workspace)?;
    match ACTIONLINT.find_or_install(workspace) {
        Ok(program) => lint(workspace, &program, &files),
        Err(failure) if shell::find_in_path(&["go"]).is_some() && shell::is_ci() => Err(failure),
        Err(failure) => {
            warn(&format!("actionlint NOT run: {}", failure.message));
            Ok(())
        }
    }
}

/// The files, when none breaks a rule.
fn own_rules(workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let files = files(workspace)?;
    let mut broken = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        broken.extend(rules::broken(&text).into_iter().map(|what| format!("{name}:{what}")));
    }
    if broken.is_empty() { Ok(files) } else { Err(Failure::new(broken.join("\n"))) }
}

fn files(workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let directory = workspace.root.join(".github/workflows");
    let entries = std::fs::read_dir(&directory)
        .map_err(|error| Failure::new(format!("{}: {error}", directory.display())))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    Ok(files)
}

/// With shellcheck on the PATH, actionlint holds the shell in the workflows to it too.
fn lint(workspace: &Workspace, program: &PathBuf, files: &[PathBuf]) -> Result<(), Failure> {
    shell::run(Command::new(program).args(files).current_dir(&workspace.root))?;
    let shellcheck = shell::find_in_path(&["shellcheck"]).is_some();
    let shell = if shellcheck { "and shellcheck find" } else { "finds (no shellcheck here)" };
    say(&format!("actionlint {} {shell} nothing in {} workflows", ACTIONLINT.version, files.len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_s_workflows_keep_the_rules() {
        let workspace = Workspace::locate().ok().unwrap();
        let files = own_rules(&workspace).map_err(|failure| failure.message).unwrap();
        let names: Vec<_> = files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
        assert_eq!(names, ["ci.yml", "nightly.yml", "release.yml"]);
    }
}
