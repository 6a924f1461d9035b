//! Prometheus' own tool, which judges alerts and queries.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::apt;
use crate::shell::{self, Failure, Workspace, say};

const NAME: &str = "promtool";
/// Debian's package that has it.
const PACKAGE: &str = "prometheus";

/// The program from the PATH or from target/tools, put there when neither has it. The package is not installed: that
/// would start a server.
///
/// # Errors
/// It is not there and cannot be had; the message says how to get it.
pub(crate) fn find_or_unpack(workspace: &Workspace) -> Result<PathBuf, Failure> {
    if let Some(directory) = shell::find_in_path(&[NAME]) {
        return Ok(directory.join(NAME));
    }
    let own = workspace.target.join("tools").join(NAME);
    if !own.is_file() {
        unpack(&workspace.target.join("tools"), &own).map_err(|failure| {
            Failure::missing(format!(
                "promtool is missing: install Prometheus, or put its promtool in the PATH ({})",
                failure.message
            ))
        })?;
    }
    Ok(own)
}

fn unpack(tools: &Path, own: &Path) -> Result<(), Failure> {
    if shell::find_in_path(&["apt-get", "dpkg-deb"]).is_none() {
        return Err(Failure::new("there is no apt-get to take it from"));
    }
    say(&format!("unpacking {NAME} of Debian's package {PACKAGE} into {}", tools.display()));
    let place = tools.join(PACKAGE);
    let made = std::fs::remove_dir_all(&place).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    });
    made.and_then(|()| std::fs::create_dir_all(&place)).map_err(|error| failed(&place, &error))?;
    if download(&place).is_err() {
        apt::update();
        download(&place)?;
    }
    let package = std::fs::read_dir(&place).map_err(|error| failed(&place, &error))?.flatten().next();
    let package = package.ok_or_else(|| Failure::new("apt-get brought no package"))?.path();
    shell::run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&place))?;
    // Under its name only when it is whole.
    std::fs::rename(place.join("usr/bin").join(NAME), own).map_err(|error| failed(own, &error))?;
    std::fs::remove_dir_all(&place).map_err(|error| failed(&place, &error))
}

/// Needs no rights, only package lists.
fn download(place: &Path) -> Result<(), Failure> {
    let mut command = Command::new("apt-get");
    // As root, apt would rather fetch as an account that may not write here, and complains.
    command.args(["download", "-qq", "-o", "APT::Sandbox::User=root", PACKAGE]).current_dir(place);
    shell::run(command.stdin(Stdio::null()).stdout(std::io::stderr()))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
