//! Debian's packages, for machines where this may install what is missing.

use std::process::{Command, Stdio};

use crate::shell::{self, Failure, say};

/// Whether packages can be installed without asking anybody: root, with `apt-get`.
pub(crate) fn may_install() -> bool {
    is_root() && shell::find_in_path(&["apt-get"]).is_some()
}

/// Whether this runs as root.
pub(crate) fn is_root() -> bool {
    shell::ask("id", &["-u"]).as_deref() == Some("0")
}

/// Installs packages, and says so.
///
/// # Errors
/// The package lists or a package cannot be had.
pub(crate) fn install(packages: &[&str]) -> Result<(), Failure> {
    say(&format!("installing with apt-get: {}", packages.join(" ")));
    update();
    let install = ["install", "-y", "-qq", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0"];
    shell::run(apt_get().args(install).args(packages)).map_err(|failure| {
        Failure::missing(format!("apt-get could not install {}: {}", packages.join(" "), failure.message))
    })
}

/// Renews the package lists, where this may: a stale list names packages that are gone from the mirror. An update that
/// fails in one source may still bring what is wanted, so what comes after it decides.
pub(crate) fn update() {
    let _ = shell::run(apt_get().args(["update", "-qq"]));
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // Its progress goes to stderr: stdout is for the stages.
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(std::io::stderr());
    command
}
