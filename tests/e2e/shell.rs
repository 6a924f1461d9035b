//! Running programs, as a person at a terminal would.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A command in the repository's root.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// The trimmed stdout of a command that has to succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = outcome(program, arguments);
    assert!(output.status.success(), "{program} {}: {}", arguments.join(" "), told(&output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What became of a command that may fail.
pub(crate) fn outcome(program: &str, arguments: &[&str]) -> Output {
    command(program, arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Both outputs, for messages.
pub(crate) fn told(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n{out}{err}", output.status)
}

/// Asks again until it is so; returns how long that took.
pub(crate) fn eventually(limit: Duration, what: &str, mut so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
    start.elapsed()
}

/// A variable that is set to something.
#[expect(clippy::disallowed_methods, reason = "tests are told what to use by their environment")]
pub(crate) fn of_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
