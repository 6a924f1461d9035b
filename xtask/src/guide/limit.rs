//! A chapter's shell, and no more time than it may take: a command that waits for ever would hold up a whole run.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::shell::{self, Failure};

const PAUSE: Duration = Duration::from_millis(200);

/// How a shell ended.
pub(super) enum Ended {
    /// By itself.
    Itself(ExitStatus),
    /// Its time was up.
    Stopped,
}

/// Runs a shell. When its time is up, it and all that it has started get SIGTERM, so that it can undo what it did;
/// and when `grace` is over too, SIGKILL.
///
/// # Errors
/// It cannot be run.
pub(super) fn run(shell: &mut Command, limit: Duration, grace: Duration) -> Result<Ended, Failure> {
    let failed = |error: std::io::Error| Failure::missing(format!("cannot run the chapter: {error}"));
    let mut child = shell.spawn().map_err(failed)?;
    if let Some(status) = within(&mut child, limit).map_err(failed)? {
        return Ok(Ended::Itself(status));
    }
    // The shell first: it acts on the signal when the command that it waits for has ended.
    signal("TERM", &family(child.id()));
    if within(&mut child, grace).map_err(failed)?.is_none() {
        signal("KILL", &family(child.id()));
        child.wait().map_err(failed)?;
    }
    Ok(Ended::Stopped)
}

fn within(child: &mut Child, time: Duration) -> std::io::Result<Option<ExitStatus>> {
    let end = Instant::now() + time;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= end {
            return Ok(status);
        }
        std::thread::sleep(PAUSE);
    }
}

/// A process and its descendants, by Linux' table of processes. They have no group of their own: Ctrl-C in a terminal
/// has to reach them.
fn family(process: u32) -> Vec<String> {
    let parents = parents();
    let mut all = vec![process];
    let mut seen = 0;
    while let Some(&parent) = all.get(seen) {
        all.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(child, _)| *child));
        seen += 1;
    }
    all.iter().map(u32::to_string).collect()
}

/// Each process with its parent: the second field after the name, which stands in brackets (proc(5)).
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let parent = |entry: std::fs::DirEntry| {
        let process = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((process, parent))
    };
    entries.flatten().filter_map(parent).collect()
}

fn signal(name: &str, processes: &[String]) {
    // One that has ended meanwhile is no reason to tell.
    let _ = shell::succeeds(Command::new("kill").arg("-s").arg(name).args(processes));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_ends_in_time_has_its_own_exit_code() {
        let ended = run(&mut bash("exit 3"), Duration::from_secs(20), PAUSE);
        assert!(matches!(ended, Ok(Ended::Itself(status)) if status.code() == Some(3)));
    }

    #[test]
    fn what_hangs_is_stopped_and_may_undo() {
        let file = std::env::temp_dir().join(format!("guide-limit-{}", std::process::id()));
        let script = format!(
            "trap 'exit 130' TERM; trap 'touch {}' EXIT; x=$(sleep 300 | cat); sleep 300",
            file.display()
        );
        let start = Instant::now();
        let ended = run(&mut bash(&script), Duration::from_secs(1), Duration::from_secs(20));
        let undone = std::fs::remove_file(&file).is_ok();
        assert!(matches!(ended, Ok(Ended::Stopped)) && undone && start.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn what_ignores_the_end_is_killed() {
        let start = Instant::now();
        let ended = run(&mut bash("trap '' TERM; while :; do sleep 1; done"), PAUSE, PAUSE);
        assert!(matches!(ended, Ok(Ended::Stopped)) && start.elapsed() < Duration::from_secs(10));
    }
}
