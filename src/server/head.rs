//! The stream as hyper sees it, above TLS where that is spoken: it ends a connection whose client sends a request's
//! head too slowly.

use super::{Limits, ServerStats, exchange::Connection, guard::Alarm};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream with a limit on how long a head may take. Part of a TLS record is nothing yet: what is silent above TLS
/// is idle, and has the time that idle connections have.
#[derive(Debug)]
pub(super) struct HeadGuard<S> {
    stream: S,
    connection: Arc<Connection>,
    limits: Arc<Limits>,
    stats: Arc<ServerStats>,
    alarm: Alarm,
}

impl<S> HeadGuard<S> {
    pub(super) fn new(
        stream: S,
        connection: Arc<Connection>,
        limits: Arc<Limits>,
        stats: Arc<ServerStats>,
    ) -> Self {
        Self { stream, connection, limits, stats, alarm: Alarm::default() }
    }

    /// Notes whether a write came to an end.
    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.connection.on_write();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadGuard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let before = buf.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut guard.stream).poll_read(cx, buf) {
            if buf.filled().len() > before {
                guard.connection.on_read(true);
            }
            return Poll::Ready(result);
        }
        guard.connection.on_read(false);
        let Some(begun) = guard.connection.head_begun() else { return Poll::Pending };
        ready!(guard.alarm.poll(cx, begun + guard.limits.header_timeout));
        guard.stats.head_timeouts.fetch_add(1, Relaxed);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "request head sent too slowly")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadGuard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
