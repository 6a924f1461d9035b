//! TLS on the public port (RFC 8446, RFC 5246), with certificates that are replaced while it serves.

mod pair;
mod validity;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rustls::ServerConfig;

use crate::clock::Clock;
use crate::config::TlsFiles;
use pair::Pair;
use validity::Validity;

/// How often the files are looked at. They are read each time: a symbolic link may lead elsewhere, and a time of
/// change may be older than it was.
const INTERVAL: Duration = Duration::from_secs(2);

/// The certificate in use, its key, and where both come from; cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls(Arc<State>);

#[derive(Debug)]
struct State {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
    not_after: AtomicI64,
    reloads: AtomicU64,
    reload_errors: AtomicU64,
}

/// What the files held when they were last looked at.
type Seen = Result<[u8; 32], String>;

impl Tls {
    /// Reads both files. What was read is what [`watch`](Self::watch) compares with.
    ///
    /// # Errors
    ///
    /// Says in one line which file cannot be used and why, and never what is in it.
    pub fn load(files: TlsFiles, clock: &Clock) -> Result<(Self, Watch), String> {
        let pair = Pair::read(&files)?;
        let digest = pair.digest();
        let (config, validity) = pair.into_config()?;
        warn_if_invalid(validity, clock);
        let not_after = validity.not_after.as_second().into();
        let (reloads, reload_errors) = Default::default();
        let tls =
            Self(Arc::new(State { files, current: RwLock::new(config), not_after, reloads, reload_errors }));
        Ok((tls.clone(), Watch { tls, clock: clock.clone(), seen: Ok(digest) }))
    }

    /// What new connections are to use.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The end of the certificate in use, in seconds since 1970-01-01 UTC.
    pub fn not_after(&self) -> i64 {
        self.0.not_after.load(Relaxed)
    }

    /// How often other files were taken.
    pub fn reloads(&self) -> u64 {
        self.0.reloads.load(Relaxed)
    }

    /// How often other files were refused.
    pub fn reload_errors(&self) -> u64 {
        self.0.reload_errors.load(Relaxed)
    }
}

/// Looks after the files of one [`Tls`].
#[derive(Debug)]
pub struct Watch {
    tls: Tls,
    clock: Clock,
    seen: Seen,
}

impl Watch {
    /// Takes what the files hold whenever that is something else, for ever. Files that cannot be used change nothing,
    /// and are told of once.
    pub async fn run(mut self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            // Reading may wait for a disk, or for another machine's.
            let looked = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            // Fails when the program ends, or by a panic, which has been told of.
            let Ok(watch) = looked.await else { return };
            self = watch;
        }
    }

    fn look(&mut self) {
        let state = &self.tls.0;
        let pair = Pair::read(&state.files);
        let seen = pair.as_ref().map(Pair::digest).map_err(Clone::clone);
        if seen == self.seen {
            return;
        }
        self.seen = seen;
        match pair.and_then(Pair::into_config) {
            Ok((config, validity)) => {
                *state.current.write().unwrap_or_else(PoisonError::into_inner) = config;
                state.not_after.store(validity.not_after.as_second(), Relaxed);
                state.reloads.fetch_add(1, Relaxed);
                tracing::info!(not_after = %validity.not_after, "TLS certificate reloaded");
                warn_if_invalid(validity, &self.clock);
            }
            Err(problem) => {
                state.reload_errors.fetch_add(1, Relaxed);
                tracing::error!(problem, "TLS certificate not reloaded, the one before stays in use");
            }
        }
    }
}

fn warn_if_invalid(Validity { not_before, not_after }: Validity, clock: &Clock) {
    let now = Timestamp::from_microsecond(clock.now()).unwrap_or_default();
    if now > not_after {
        tracing::warn!(%not_after, "the TLS certificate has expired");
    } else if now < not_before {
        tracing::warn!(%not_before, "the TLS certificate is not valid yet");
    }
}
