//! Tools from the registries of Rust and Go, in exactly the version that the project was tried with.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{self, Failure, Workspace, say};

/// The program `name` from the PATH or from target/tools, installed there when neither has this version.
///
/// # Errors
/// It cannot be installed.
pub(crate) fn find_or_install(workspace: &Workspace, name: &str, version: &str) -> Result<PathBuf, Failure> {
    let tools = workspace.target.join("tools");
    let own = tools.join("bin").join(name);
    let wanted = format!("{name} {version}");
    // Some know their version only as what cargo calls: `cargo-NAME NAME --version`.
    let command = name.trim_start_matches("cargo-");
    let has_version = |candidate: &PathBuf| {
        [&["--version"][..], &[command, "--version"]].iter().any(|args| {
            let answer = shell::ask(&candidate.to_string_lossy(), args).unwrap_or_default();
            says_version(&answer, version)
        })
    };
    if let Some(found) = [PathBuf::from(name), own.clone()].into_iter().find(has_version) {
        return Ok(found);
    }
    say(&format!("installing {wanted} into {}", tools.display()));
    let mut install = workspace.cargo(&["install", name, "--locked", "--version", version]);
    shell::run(install.arg("--root").arg(&tools))?;
    Ok(own)
}

/// A tool that is a Go module. Go checks what it fetches against the public log of checksums.
pub(crate) struct GoTool {
    /// The program's name.
    pub(crate) name: &'static str,
    /// What `go install` is given.
    pub(crate) package: &'static str,
    /// The version, with its `v`.
    pub(crate) version: &'static str,
    /// Arguments that make it print its version.
    pub(crate) ask: &'static [&'static str],
}

impl GoTool {
    /// The program from the PATH or from target/tools, if it is there in this version.
    pub(crate) fn find(&self, workspace: &Workspace) -> Option<PathBuf> {
        let own = workspace.target.join("tools/bin").join(self.name);
        [PathBuf::from(self.name), own].into_iter().find(|candidate| {
            let answer = shell::ask(&candidate.to_string_lossy(), self.ask).unwrap_or_default();
            says_version(&answer, self.version)
        })
    }

    /// The program as `find` has it, or installed into target/tools.
    ///
    /// # Errors
    /// There is no Go to install it with, or the installation fails.
    pub(crate) fn find_or_install(&self, workspace: &Workspace) -> Result<PathBuf, Failure> {
        if let Some(found) = self.find(workspace) {
            return Ok(found);
        }
        let wanted = format!("{} {}", self.name, self.version);
        if shell::find_in_path(&["go"]).is_none() {
            return Err(Failure::missing(format!("{wanted} is not here, and no Go to install it with")));
        }
        let bin = workspace.target.join("tools/bin");
        say(&format!("installing {wanted} into {}", bin.display()));
        let mut install = Command::new("go");
        install.args(["install", &format!("{}@{}", self.package, self.version)]);
        // A Go that is older than a tool asks for fetches the one that fits.
        shell::run(install.env("GOBIN", &bin).env("CGO_ENABLED", "0").stdin(std::process::Stdio::null()))?;
        Ok(bin.join(self.name))
    }
}

/// Whether a word of what a tool prints about itself is this version, with or without its `v`.
fn says_version(answer: &str, version: &str) -> bool {
    let bare = version.trim_start_matches('v');
    answer.split_whitespace().any(|word| word.trim_start_matches('v') == bare)
}

#[cfg(test)]
mod tests {
    use super::says_version;

    #[test]
    fn a_version_is_a_whole_word() {
        assert!(says_version("v1.7.12\ninstalled by building from source", "v1.7.12"));
        assert!(says_version("kind v0.33.0 go1.26.8 linux/amd64", "v0.33.0"));
        assert!(says_version("1.7.12", "v1.7.12"));
        assert!(!says_version("v1.7.120", "v1.7.12"));
        assert!(!says_version("", "v1.7.12"));
    }
}
