//! The Python tools of the tests and the benchmarks (schemathesis, Flask, gunicorn), in environments of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt;
use crate::shell::{self, Failure, Workspace, say, succeeds};

/// An environment: the file that names its packages, where it lives below `target`, and a module that it has.
pub(crate) struct Tools {
    requirements: &'static str,
    directory: &'static str,
    module: &'static str,
}

/// What the tests need.
pub(crate) const TESTS: Tools =
    Tools { requirements: "tests/requirements.txt", directory: "python", module: "schemathesis" };
/// The peer of the benchmarks.
pub(crate) const BENCH: Tools =
    Tools { requirements: "bench/requirements.txt", directory: "bench-python", module: "gunicorn" };

/// Makes an environment, or keeps it when it is as its requirements say. Returns its interpreter.
///
/// # Errors
/// Python 3 or its `venv` module is missing and cannot be installed, or pip cannot get a package.
pub(crate) fn environment(workspace: &Workspace, tools: &Tools) -> Result<PathBuf, Failure> {
    // Found, not imported: importing takes a second.
    let probe =
        format!("import importlib.util, sys; sys.exit(not importlib.util.find_spec('{}'))", tools.module);
    let requirements = workspace.root.join(tools.requirements);
    let wanted = read(&requirements)?;
    let directory = workspace.target.join(tools.directory);
    let python = directory.join("bin/python");
    let stamp = directory.join("requirements.txt");
    // The interpreter is tried too: it points at a system Python that may have been replaced.
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted)
        && succeeds(Command::new(&python).args(["-c", &probe]))
    {
        return Ok(python);
    }
    say(&format!("making target/{} from {}", tools.directory, tools.requirements));
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
        "Python 3.11 or newer with its venv module is missing: install it (Debian: apt-get install python3-venv)",
    ))
}

fn make(python: &str, directory: &Path) -> bool {
    succeeds(Command::new(python).args(["-m", "venv", "--clear"]).arg(directory))
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}
