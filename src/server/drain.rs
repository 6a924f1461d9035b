//! The beginning of the end: who asks for it, and who is told.

use std::{io, sync::Arc};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Tells servers and handlers that the shutdown has begun. Clones share one state.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Begins the shutdown of every [`Shutdown`] that was made with it. Dropping it begins nothing.
#[derive(Debug, Clone)]
pub struct ShutdownTrigger(Arc<watch::Sender<bool>>);

impl Shutdown {
    /// A shutdown that has not begun, and what begins it.
    pub fn new() -> (Self, ShutdownTrigger) {
        let (sender, receiver) = watch::channel(false);
        (Self(receiver), ShutdownTrigger(Arc::new(sender)))
    }

    /// Whether the shutdown has begun: the server still answers, but wants no new clients.
    pub fn is_draining(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the shutdown begins; for ever when nobody is left to begin it.
    pub async fn begun(&self) {
        if self.0.clone().wait_for(|begun| *begun).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl ShutdownTrigger {
    /// Begins the shutdown; again has no effect.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }
}

/// Begins the shutdown at the first SIGTERM or SIGINT; the second ends the process at once, with the exit code
/// 128 + signal. Both are caught from this call on, so it belongs before everything slow; the future has to be
/// spawned and never ends.
///
/// Fails when the handlers cannot be installed, panics outside of a tokio runtime.
pub fn on_signals(trigger: ShutdownTrigger) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let mut begun = false;
        loop {
            let kind = tokio::select! {
                _ = terminate.recv() => SignalKind::terminate(),
                _ = interrupt.recv() => SignalKind::interrupt(),
            };
            let signal = kind.as_raw_value();
            if begun {
                tracing::warn!(signal, "second signal, ending at once");
                std::process::exit(128 + signal);
            }
            tracing::info!(signal, "shutting down");
            begun = true;
            trigger.trigger();
        }
    })
}
