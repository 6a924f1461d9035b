//! Signals to commands that end by themselves. The first process of a container hears none that it does not ask for.

use super::{Failure, STOPPED};
use crate::server::{self, Shutdown};

/// Has the first signal ask for an orderly end, and the second end the program.
pub(super) fn interruptible() -> Result<Shutdown, Failure> {
    let (shutdown, trigger) = Shutdown::new();
    tokio::spawn(server::on_signals(trigger)?);
    Ok(shutdown)
}

/// What can be given up at any time, such as waiting for a database, and is when the end is asked for.
pub(super) async fn until_stopped<T>(
    shutdown: &Shutdown,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        () = shutdown.begun() => {
            Err(Failure { code: STOPPED, message: "stopped by a signal: nothing was changed".to_owned() })
        }
    }
}
