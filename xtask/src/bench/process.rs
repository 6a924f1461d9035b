//! A program that is run to its end: how long it took, and what it held in memory.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::shell::{self, Failure};

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) seconds: f64,
    /// The largest resident memory that was seen, in bytes.
    pub(super) peak: u64,
}

/// Runs a command that must succeed. Its stdout goes where the command says.
pub(super) fn timed(command: &mut Command) -> Result<Run, Failure> {
    const LOOK: Duration = Duration::from_millis(5);
    shell::without_settings(command);
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn().map_err(|error| {
        Failure::missing(format!("cannot run {}: {error}", command.get_program().display()))
    })?;
    let place = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let ended = child.try_wait().map_err(|error| Failure::new(error.to_string()))?;
        if let Some(status) = ended {
            let seconds = started.elapsed().as_secs_f64();
            let name = command.get_program().display();
            return if status.success() {
                Ok(Run { seconds, peak })
            } else {
                Err(Failure::new(format!("{name}: {status}")))
            };
        }
        // The kernel keeps the high-water mark itself: the last look before the end has nearly all of it.
        peak = std::fs::read_to_string(&place).ok().and_then(|text| high_water(&text)).unwrap_or(0).max(peak);
        sleep(LOOK);
    }
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_timed_and_a_failure_is_told() {
        let run = timed(Command::new("sleep").arg("0.1")).ok();
        assert!(run.is_some_and(|run| run.seconds >= 0.1 && run.seconds < 10.0 && run.peak > 0), "{run:?}");
        assert!(timed(&mut Command::new("false")).is_err());
    }
}
