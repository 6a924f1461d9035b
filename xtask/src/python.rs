//! The Python tools of the tests (schemathesis, and Flask for the v1 app), in an environment of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt;
use crate::shell::{self, Failure, Workspace, say, succeeds};

/// Whether an environment has its packages, without the second that importing them takes.
const PROBE: &str = "import importlib.util, sys; sys.exit(not importlib.util.find_spec('schemathesis'))";

/// Makes `target/python` from `tests/requirements.txt`, or keeps it when both are as they were.
/// Returns its interpreter.
///
/// # Errors
/// Python 3 or its `venv` module is missing and cannot be installed, or pip cannot get a package.
pub(crate) fn environment(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let requirements = workspace.root.join("tests/requirements.txt");
    let wanted = read(&requirements)?;
    let directory = workspace.target.join("python");
    let python = directory.join("bin/python");
    let stamp = directory.join("requirements.txt");
    // The interpreter is tried too: it points at a system Python that may have been replaced.
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted)
        && succeeds(Command::new(&python).args(["-c", PROBE]))
    {
        return Ok(python);
    }
    say("making target/python from tests/requirements.txt");
    create(&directory)?;
    let options = ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--prefer-binary"];
    shell::run(
        Command::new(&python).args(["-m", "pip"]).args(options).arg("--requirement").arg(&requirements),
    )
    .map_err(|failure| {
        Failure::missing(format!("pip could not get the Python tools: {}", failure.message))
    })?;
    // Written last, so that an environment cut short is made again.
    std::fs::write(&stamp, wanted).map_err(|error| Failure::new(format!("{}: {error}", stamp.display())))?;
    Ok(python)
}

fn create(directory: &Path) -> Result<(), Failure> {
    if make("python3", directory) {
        return Ok(());
    }
    if apt::may_install() {
        apt::install(&["python3", "python3-venv"])?;
        // Debian's own, in case another python3 without venv comes first in PATH.
        for python in ["python3", "/usr/bin/python3"] {
            if make(python, directory) {
                return Ok(());
            }
        }
    }
    Err(Failure::missing(
        "Python 3.10 or newer with its venv module is missing: install it (Debian: apt-get install python3-venv)",
    ))
}

fn make(python: &str, directory: &Path) -> bool {
    succeeds(Command::new(python).args(["-m", "venv", "--clear"]).arg(directory))
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}
