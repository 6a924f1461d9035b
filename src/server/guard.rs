//! The socket itself, below TLS where that is spoken: it ends a connection whose client takes its response too slowly.

use super::{Limits, ServerStats, exchange::Connection};
use std::{
    io::{self, IoSlice, Write as _},
    os::fd::AsFd as _,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};

/// A socket with a limit on how long it may refuse to take what is sent.
#[derive(Debug)]
pub(super) struct Guard {
    socket: TcpStream,
    connection: Arc<Connection>,
    limits: Arc<Limits>,
    stats: Arc<ServerStats>,
    drain_alarm: Alarm,
    window: Window,
}

/// How much the client takes of a response that has to wait for it. Time in which the response itself has
/// nothing to send is not counted.
#[derive(Debug, Default)]
struct Window {
    /// When the socket last refused bytes, if it has taken none since.
    blocked: Option<Instant>,
    /// Time blocked before that.
    waited: Duration,
    /// Bytes taken since the window began, with the first refusal.
    taken: u128,
}

impl Guard {
    pub(super) fn new(
        socket: TcpStream,
        connection: Arc<Connection>,
        limits: Arc<Limits>,
        stats: Arc<ServerStats>,
    ) -> Self {
        let (drain_alarm, window) = Default::default();
        Self { socket, connection, limits, stats, drain_alarm, window }
    }

    /// Passes on the result of a write, unless the client has been too slow. `retry` writes the same `offered`
    /// bytes without asking tokio whether the socket is writable.
    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
        offered: usize,
        retry: impl Fn(&mut std::net::TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = &written {
            self.window.took(*result.as_ref().unwrap_or(&0));
            return written;
        }
        let Limits { min_drain_rate, drain_window, .. } = *self.limits;
        let least = u128::from(min_drain_rate) * drain_window.as_millis() / 1000;
        loop {
            let over = self.window.end(drain_window);
            if least == 0 {
                return Poll::Pending;
            }
            ready!(self.drain_alarm.poll(cx, over));
            // The system calls a socket writable only when a third of its buffer is free, which can be more
            // than a slow but honest client takes in a window. So what is free is tried before the verdict.
            let taken = self.past_readiness(&retry)?;
            self.window.took(taken);
            if self.window.taken < least && taken < offered {
                self.connection.break_off();
                self.stats.slow_readers.fetch_add(1, Relaxed);
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "response taken too slowly",
                )));
            }
            self.window = Window::default();
            if taken > 0 {
                return Poll::Ready(Ok(taken));
            }
        }
    }

    fn past_readiness(
        &self,
        write: impl Fn(&mut std::net::TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut socket = std::net::TcpStream::from(self.socket.as_fd().try_clone_to_owned()?);
        match write(&mut socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            result => result,
        }
    }
}

impl Window {
    /// Notes bytes that the socket took.
    fn took(&mut self, bytes: usize) {
        if let Some(since) = self.blocked.take() {
            self.waited += since.elapsed();
        }
        if !self.waited.is_zero() {
            self.taken += bytes as u128;
        }
    }

    /// Notes that the socket takes nothing; when the window will be over if that stays so.
    fn end(&mut self, length: Duration) -> Instant {
        *self.blocked.get_or_insert_with(Instant::now) + length.saturating_sub(self.waited)
    }
}

impl AsyncRead for Guard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut guard.socket).poll_read(cx, buf))?;
        // The client goes on, and nothing waits for it: short waits of earlier responses do not add up.
        if buf.filled().len() > before && guard.window.blocked.is_none() {
            guard.window = Window::default();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let written = Pin::new(&mut guard.socket).poll_write(cx, buf);
        guard.judge(cx, written, buf.len(), |socket| socket.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        let written = Pin::new(&mut guard.socket).poll_write_vectored(cx, bufs);
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        guard.judge(cx, written, offered, |socket| socket.write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl Drop for Guard {
    /// An unfinished response ends with a reset: to an HTTP/1.0 client a plain close would be its regular end
    /// (RFC 9112, 6.3), and the system would go on sending what a slow reader left in its buffers.
    fn drop(&mut self) {
        if self.window.blocked.is_some() || self.connection.response_unfinished() {
            let _ = self.socket.set_zero_linger();
        }
    }
}

/// A timer that is made when it is first needed, and set anew only when its time changes.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }
}
