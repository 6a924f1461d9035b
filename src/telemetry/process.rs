//! What Linux tells about this process under `/proc`, by the names that every Prometheus client uses. Elsewhere, and
//! where a file cannot be read, the metric is missing.

use std::fs;

use super::sampled::Samples;

/// The unit of times in `/proc`, per second: `USER_HZ`, which is part of Linux's ABI on all current architectures.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug, Default, PartialEq)]
struct Process {
    cpu_seconds: Option<f64>,
    start_time_seconds: Option<f64>,
    resident_bytes: Option<f64>,
    virtual_bytes: Option<f64>,
    threads: Option<f64>,
    open_fds: Option<f64>,
    max_fds: Option<f64>,
}

/// Adds the `process_*` metrics.
pub(super) fn sample(samples: &mut Samples<'_>) {
    let process = read();
    if let Some(seconds) = process.cpu_seconds {
        samples.counter_f64("process_cpu_seconds", "CPU time spent in user and system mode.", seconds);
    }
    let gauges = [
        ("process_start_time_seconds", "Start of the process, as Unix time.", process.start_time_seconds),
        ("process_resident_memory_bytes", "Memory held in RAM.", process.resident_bytes),
        ("process_virtual_memory_bytes", "Address space.", process.virtual_bytes),
        ("process_threads", "Threads of the operating system.", process.threads),
        ("process_open_fds", "Open file descriptors.", process.open_fds),
        ("process_max_fds", "Limit of open file descriptors.", process.max_fds),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            samples.gauge(name, help, value);
        }
    }
}

fn read() -> Process {
    let [stat, status, limits, system] =
        ["/proc/self/stat", "/proc/self/status", "/proc/self/limits", "/proc/stat"]
            .map(|path| fs::read_to_string(path).unwrap_or_default());
    // The reading of the directory is itself one descriptor.
    let open = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1));
    let open_fds = open.and_then(|count| u32::try_from(count).ok()).map(f64::from);
    Process { open_fds, ..parse(&stat, &status, &limits, &system) }
}

fn parse(stat: &str, status: &str, limits: &str, system: &str) -> Process {
    // The second field is the program's name in parentheses and may hold anything; the third follows the last `)`.
    let fields: Vec<&str> =
        stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let ticks = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
    let seconds = |number| ticks(number).map(|ticks| ticks / TICKS_PER_SECOND);
    let kibibytes = |name| value(status, name).map(|size| size * 1024.0);
    Process {
        cpu_seconds: seconds(14).zip(seconds(15)).map(|(user, system)| user + system),
        start_time_seconds: value(system, "btime").zip(seconds(22)).map(|(boot, since)| boot + since),
        resident_bytes: kibibytes("VmRSS:"),
        virtual_bytes: kibibytes("VmSize:"),
        threads: value(status, "Threads:"),
        open_fds: None,
        max_fds: value(limits, "Max open files"),
    }
}

/// The number behind `name` at the start of a line.
fn value(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let stat = "7 (a) b) (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 12345 1 1";
        let status = "Name:\ta\nVmSize:\t  2048 kB\nVmRSS:\t    512 kB\nThreads:\t9\n";
        let limits =
            "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024    4096    files\n";
        let expected = Process {
            cpu_seconds: Some(3.0),
            start_time_seconds: Some(1_000_123.45),
            resident_bytes: Some(524_288.0),
            virtual_bytes: Some(2_097_152.0),
            threads: Some(9.0),
            open_fds: None,
            max_fds: Some(1024.0),
        };
        assert_eq!(parse(stat, status, limits, "cpu 1\nbtime 1000000\n"), expected);
        assert_eq!(parse("", "", "", ""), Process::default());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_seen() {
        let process = read();
        assert!(process.resident_bytes.is_some_and(|bytes| bytes > 1e6), "{process:?}");
        assert!(process.open_fds.is_some_and(|count| count >= 3.0), "{process:?}");
        assert!(process.max_fds >= process.open_fds && process.cpu_seconds.is_some(), "{process:?}");
        assert!(process.start_time_seconds.is_some_and(|at| at > 1.6e9), "{process:?}");
    }
}
