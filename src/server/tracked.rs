//! Bodies that tell their connection how they end, and what becomes of a request's body that nobody wanted.

use super::exchange::{End, Half};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

/// The most that is read of a body that nobody wanted.
const UNWANTED_BYTES: u64 = 4 << 20;
/// How long an answer waits for it.
const UNWANTED_TIME: Duration = Duration::from_millis(500);

/// A body that tells its connection when it is finished.
#[derive(Debug)]
pub(super) struct Tracked<B> {
    /// Gone only while this is dropped.
    body: Option<B>,
    half: Option<Half>,
    left: Leftover<B>,
}

/// Where the rest of a body goes that was dropped before its end.
#[derive(Debug)]
pub(super) struct Leftover<B>(Arc<Mutex<Option<(B, Half)>>>);

impl<B> Default for Leftover<B> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl Leftover<Incoming> {
    /// Reads a dropped body to its end, if that is near; tells whether nothing of a dropped body is left.
    ///
    /// hyper closes the connection after a body that has not been read, and tells nobody. A proxy may by then have
    /// sent the next request on it, of another client; and what still comes of the body meets a closed socket, whose
    /// reset can overtake the answer. So the answer comes after the body, or announces the close (RFC 9112, section
    /// 9.6).
    pub(super) async fn read_on(&self, may_wait: bool) -> bool {
        let Some((body, half)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return true;
        };
        if !may_wait || body.size_hint().lower() > UNWANTED_BYTES {
            return false;
        }
        let mut rest = Tracked::new(body, half);
        let reading = async {
            let mut bytes = 0;
            while let Some(frame) = rest.frame().await {
                let Ok(frame) = frame else { return false };
                bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if bytes > UNWANTED_BYTES {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(UNWANTED_TIME, reading).await.unwrap_or(false)
    }
}

impl<B: Body> Tracked<B> {
    pub(super) fn new(body: B, half: Half) -> Self {
        let ended = body.is_end_stream();
        let mut tracked = Self { body: Some(body), half: Some(half), left: Leftover::default() };
        if ended {
            tracked.end(End::Complete);
        }
        tracked
    }

    /// The body of a request, of which `left` gets what is not read.
    pub(super) fn request(body: B, half: Half, left: &Leftover<B>) -> Self {
        let mut tracked = Self::new(body, half);
        tracked.left = Leftover(Arc::clone(&left.0));
        tracked
    }
}

impl<B> Tracked<B> {
    fn end(&mut self, end: End) {
        if let Some(mut half) = self.half.take() {
            half.end = end;
        }
    }
}

impl<B> Drop for Tracked<B> {
    fn drop(&mut self) {
        if let (Some(body), Some(half)) = (self.body.take(), self.half.take()) {
            *self.left.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((body, half));
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Tracked<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
        let ended = body.is_end_stream();
        match &frame {
            Some(Err(_)) => self.end(End::Failed),
            None => self.end(End::Complete),
            Some(Ok(_)) if ended => self.end(End::Complete),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
