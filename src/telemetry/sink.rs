//! The way of log lines out of the process: a bounded queue and one writing thread, so that a reader who is slow,
//! stuck or gone costs lines and never requests.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// Lines that may wait for their reader; further ones are dropped and counted.
const QUEUE_LINES: usize = 8 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;
/// How long the writing thread rests after each write: under load the lines of that time become one write, and
/// whoever queues one of them has nobody to wake. A line after a quiet time is still written at once.
const REST: Duration = Duration::from_millis(2);
/// How long to wait before asking a pipe in non-blocking mode again.
const PIPE_FULL_PAUSE: Duration = Duration::from_millis(5);

/// How many log lines never reached their reader since the start.
#[derive(Clone, Debug)]
pub struct DroppedLines {
    queue_full: ErrorCounter,
    unwritable: Arc<AtomicU64>,
}

impl DroppedLines {
    /// Lines dropped because the queue was full, or because nobody took them.
    pub fn count(&self) -> u64 {
        self.queue_full.dropped_lines() as u64 + self.unwritable.load(Ordering::Relaxed)
    }
}

/// A queue to the process's stdout or stderr, the guard whose drop flushes it, and its count of losses.
pub(super) fn open(to: impl AsFd) -> io::Result<(NonBlocking, WorkerGuard, DroppedLines)> {
    // A descriptor of its own: the lock of `std::io::stdout` would be held for as long as the pipe is full.
    let descriptor = to.as_fd().try_clone_to_owned()?;
    Ok(queue(File::from(descriptor), QUEUE_LINES))
}

fn queue<W: Write + Send + 'static>(out: W, lines: usize) -> (NonBlocking, WorkerGuard, DroppedLines) {
    let unwritable = Arc::new(AtomicU64::new(0));
    let out = BufWriter::with_capacity(BUFFER_BYTES, Unfailing { out, lost: Arc::clone(&unwritable) });
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(lines).lossy(true).thread_name("log").finish(out);
    let dropped = DroppedLines { queue_full: writer.error_counter(), unwritable };
    (writer, guard, dropped)
}

/// Runs `work` in a thread of its own and waits for its end, but no longer than `limit`.
pub(super) fn within(limit: Duration, work: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel::<()>();
    let spawned = thread::Builder::new().name("flush".to_owned()).spawn(move || {
        work();
        drop(done);
    });
    if spawned.is_ok() {
        // Nothing is ever sent: the end of the thread is the signal.
        let _ = wait.recv_timeout(limit);
    }
}

/// A writer that swallows errors and counts the lines they cost.
struct Unfailing<W> {
    out: W,
    lost: Arc<AtomicU64>,
}

impl<W: Write> Write for Unfailing<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if let Err(unwritten) = write_fully(&mut self.out, lines) {
            let ends = unwritten.split(|&byte| byte == b'\n').count() - 1;
            self.lost.fetch_add(ends as u64, Ordering::Relaxed);
        }
        Ok(lines.len())
    }

    /// Called when the queue is empty and everything was written.
    fn flush(&mut self) -> io::Result<()> {
        thread::sleep(REST);
        Ok(())
    }
}

/// Writes all of `bytes`; on failure returns what was not written.
fn write_fully<'a>(out: &mut impl Write, mut bytes: &'a [u8]) -> Result<(), &'a [u8]> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(bytes),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever shares the pipe may have made it non-blocking; giving up here would tear a line.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PIPE_FULL_PAUSE),
            Err(_) => return Err(bytes),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::time::Instant;

    #[test]
    fn a_full_pipe_neither_blocks_nor_loses_count() {
        let (mut reader, pipe) = io::pipe().unwrap();
        let (mut writer, guard, dropped) = queue(pipe, 100);
        let started = Instant::now();
        for _ in 0..5_000 {
            writer.write_all(&[b'x'; 200]).unwrap();
        }
        assert!(started.elapsed() < Duration::from_secs(1));
        let count = dropped.count();
        assert!(count > 4_000, "{count}");
        within(Duration::from_millis(300), move || drop(guard));
        assert!(started.elapsed() < Duration::from_secs(2));
        // Lets the writing thread go on, and with it the end of the test process.
        thread::spawn(move || reader.read_to_end(&mut Vec::new()));
    }

    #[test]
    fn a_closed_pipe_is_counted() {
        let (reader, pipe) = io::pipe().unwrap();
        drop(reader);
        let (mut writer, guard, dropped) = queue(pipe, 100);
        for _ in 0..10 {
            writer.write_all(b"line\n").unwrap();
        }
        drop(guard);
        assert_eq!(dropped.count(), 10);
    }

    #[test]
    fn the_guard_flushes_every_line() {
        let (mut reader, pipe) = io::pipe().unwrap();
        let (mut writer, guard, dropped) = queue(pipe, 1_000);
        for number in 0..500 {
            writer.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        drop(writer);
        within(Duration::from_secs(1), move || drop(guard));
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(text.ends_with("499\n"));
        assert_eq!((text.lines().count(), dropped.count()), (500, 0));
    }
}
