//! What a server counts.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Counters of one server; each only grows, but for [`open`](Self::open).
#[derive(Debug, Default)]
pub struct ServerStats {
    pub(super) open: AtomicU64,
    pub(super) accepted: AtomicU64,
    pub(super) head_timeouts: AtomicU64,
    pub(super) slow_readers: AtomicU64,
    pub(super) cut_at_deadline: AtomicU64,
    pub(super) accept_errors: AtomicU64,
    pub(super) handshake_errors: AtomicU64,
}

impl ServerStats {
    /// Connections that are open now.
    pub fn open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    /// Connections accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Connections closed because a request's head took longer than [`Limits::header_timeout`](super::Limits::header_timeout).
    pub fn head_timeouts(&self) -> u64 {
        self.head_timeouts.load(Relaxed)
    }

    /// Connections cut because the client took less than [`Limits::min_drain_rate`](super::Limits::min_drain_rate).
    pub fn slow_readers(&self) -> u64 {
        self.slow_readers.load(Relaxed)
    }

    /// Connections cut at [`Limits::deadline`](super::Limits::deadline).
    pub fn cut_at_deadline(&self) -> u64 {
        self.cut_at_deadline.load(Relaxed)
    }

    /// Accepts that failed.
    pub fn accept_errors(&self) -> u64 {
        self.accept_errors.load(Relaxed)
    }

    /// TLS handshakes that failed, or took longer than [`Limits::header_timeout`](super::Limits::header_timeout).
    pub fn handshake_errors(&self) -> u64 {
        self.handshake_errors.load(Relaxed)
    }
}

/// Counts a connection as open for as long as it lives.
pub(super) struct OpenConnection(Arc<ServerStats>);

impl OpenConnection {
    pub(super) fn count(stats: &Arc<ServerStats>) -> Self {
        stats.accepted.fetch_add(1, Relaxed);
        stats.open.fetch_add(1, Relaxed);
        Self(Arc::clone(stats))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}
