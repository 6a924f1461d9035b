//! Signals to commands that end by themselves. The first process of a container hears none that it does not ask for.

use super::{Failure, STOPPED};
use crate::server::{self, Shutdown};

/// Has the first signal ask for an orderly end, and the second end the program.
pub(super) fn interruptible() -> Result<Shutdown, Failure> {
    let (shutdown, trigger) = Shutdown::new();
    tokio::spawn(server::on_signals(trigger)?);
    Ok(shutdown)
}

/// What can be given up at any time and changes nothing, such as waiting for a database.
pub(super) async fn until_stopped<T>(
    shutdown: &Shutdown,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    until_stopped_with("nothing was changed", shutdown, work).await
}

/// What can be given up at any time; `words` tell what that leaves behind.
pub(super) async fn until_stopped_with<T>(
    words: &str,
    shutdown: &Shutdown,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        () = shutdown.begun() => Err(stopped(words)),
    }
}

/// A signal ended it; `words` tell what it leaves behind.
pub(super) fn stopped(words: &str) -> Failure {
    Failure { code: STOPPED, message: format!("stopped by a signal: {words}") }
}
