//! Running programs, speaking to people, and where things are.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Why a command ended early.
pub(crate) struct Failure {
    /// One line for people.
    pub(crate) message: String,
    /// The exit code of `cargo xtask`.
    pub(crate) code: u8,
}

impl Failure {
    /// Something that was run, or compared, came out wrong.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }

    /// A tool is not there and cannot be installed from here; the message says how to get it.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }
}

/// Prints a line on stdout. A closed pipe is no reason to stop.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints a line on stderr.
pub(crate) fn warn(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Where this checkout and its build products are.
pub(crate) struct Workspace {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn locate() -> Result<Self, Failure> {
        let manifest =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent().map(Path::to_path_buf);
        let root = root.ok_or_else(|| Failure::new("xtask lies outside a workspace"))?;
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => std::path::absolute(directory)
                .map_err(|error| Failure::new(format!("CARGO_TARGET_DIR: {error}")))?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// `cargo`, in the root, without the program's own settings in its environment.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(args).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        without_settings(&mut command);
        command
    }
}

/// Takes the program's settings out of a command's environment, so that a developer's change no result.
pub(crate) fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("ROSTER_") && !text.starts_with("ROSTER_TEST_") {
            command.env_remove(name);
        }
    }
}

/// The command as a line for a shell, with what it changes in the environment.
pub(crate) fn line(command: &Command) -> String {
    let quote = |text: &OsStr| format!("'{}'", text.to_string_lossy().replace('\'', r"'\''"));
    let (mut line, mut set) = ("env".to_owned(), String::new());
    for (name, value) in command.get_envs() {
        let _ = match value {
            Some(value) => write!(set, " {}={}", name.to_string_lossy(), quote(value)),
            None => write!(line, " -u {}", name.to_string_lossy()),
        };
    }
    line.push_str(&set);
    for word in std::iter::once(command.get_program()).chain(command.get_args()) {
        let _ = write!(line, " {}", quote(word));
    }
    line
}

/// Runs a command with this terminal's output; an error carries its exit code.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| cannot_run(command, &error))?;
    if status.success() { Ok(()) } else { Err(failed(command, status)) }
}

/// Runs a command and returns its stdout; stderr stays visible.
pub(crate) fn stdout_of(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| cannot_run(command, &error))?;
    if output.status.success() { Ok(output.stdout) } else { Err(failed(command, output.status)) }
}

/// Whether a command can be run and succeeds; it prints nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The trimmed stdout of a command, if it succeeds; it prints nothing.
pub(crate) fn ask(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Whether this runs where nothing may be left out that could be had.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// The first directory in `PATH` that has all of these programs.
pub(crate) fn find_in_path(programs: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|directory| has_programs(directory, programs))
}

/// Whether a directory has all of these programs.
pub(crate) fn has_programs(directory: &Path, programs: &[&str]) -> bool {
    programs.iter().all(|program| directory.join(program).is_file())
}

fn cannot_run(command: &Command, error: &std::io::Error) -> Failure {
    Failure::missing(format!("cannot run {}: {error}", command.get_program().to_string_lossy()))
}

fn failed(command: &Command, status: ExitStatus) -> Failure {
    let (how, code) = match (status.code(), status.signal()) {
        (Some(code), _) => (format!("exit code {code}"), u8::try_from(code).unwrap_or(1)),
        (None, Some(signal)) => (format!("signal {signal}"), u8::try_from(128 + signal).unwrap_or(1)),
        (None, None) => ("no exit code".to_owned(), 1),
    };
    Failure { message: format!("failed with {how}: {}", describe(command)), code }
}

/// The command line, short enough to read: the program without its directory, then its arguments.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        let _ = write!(line, " {}", argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_the_exit_code_or_the_signal() {
        let failure = run(Command::new("sh").args(["-c", "exit 7"])).err().map(|f| (f.code, f.message));
        assert_eq!(failure, Some((7, "failed with exit code 7: sh -c exit 7".to_owned())));
        let killed = run(Command::new("sh").args(["-c", "kill -9 $$"])).err().map(|f| f.code);
        assert_eq!(killed, Some(137));
        let missing = run(&mut Command::new("/nonexistent/program")).err().map(|f| f.code);
        assert_eq!(missing, Some(2));
    }

    #[test]
    fn a_shell_that_reads_the_line_does_what_the_command_does() {
        let mut command = Command::new("printf");
        command.args(["%s|", "it's", "a $b \u{1f}"]).env("NAME", "two words").env_remove("OTHER");
        let text = line(&command);
        assert!(text.contains("-u OTHER") && text.contains("NAME='two words'"), "{text}");
        assert_eq!(ask("sh", &["-c", &text]).as_deref(), Some("it's|a $b \u{1f}|"));
    }

    #[test]
    fn programs_are_found_only_where_all_of_them_are() {
        assert!(find_in_path(&["sh"]).is_some());
        assert!(find_in_path(&["sh", "no-such-program"]).is_none());
    }
}
