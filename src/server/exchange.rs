//! What a connection is doing, as its socket, its service and its bodies see it together.
//!
//! hyper tells nobody whether the bytes it reads belong to a head, to a body or to a pipelined request, so it is
//! worked out here from three things: when the service is called (a head is complete), when both bodies are
//! finished (the next head may begin), and whether hyper's last read found the socket empty.

use super::Shutdown;
use super::tracked::{Leftover, Tracked};
use crate::address::PeerAddress;
use axum::{
    Router,
    body::Body,
    http::{
        HeaderValue, Request, Response,
        header::{CONNECTION, EXPECT},
    },
};
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::time::Instant;
use tower::ServiceExt as _;

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Connection {
    state: Mutex<State>,
    peer: PeerAddress,
}

#[derive(Debug, Default)]
struct State {
    /// Number of the newest exchange: what is left of an earlier one has no say any more.
    newest: u64,
    phase: Phase,
    /// A response could not be finished.
    broken: bool,
}

#[derive(Debug)]
enum Phase {
    /// No request under way; `begun` is when the first byte of the next head came.
    Head { begun: Option<Instant> },
    /// A request is being read or answered.
    Exchange(Exchange),
    /// The response is finished but the request's body was not wanted: hyper reads what has come of it, then
    /// it goes on to the next head or closes.
    Discard,
}

#[derive(Debug)]
struct Exchange {
    request: RequestBody,
    response_open: bool,
    /// hyper may hold bytes of the next head. It reads again as soon as its buffer is empty, so it holds none
    /// when its last read found nothing.
    ahead: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestBody {
    Open,
    Read,
    /// Dropped before its end.
    Unread,
}

impl Default for Phase {
    fn default() -> Self {
        Self::Head { begun: None }
    }
}

impl Connection {
    pub(super) fn new(peer: PeerAddress) -> Self {
        Self { state: Mutex::default(), peer }
    }

    /// Answers one request with `app`; the head is complete when this is called, not when it is awaited.
    pub(super) fn serve(
        self: &Arc<Self>,
        app: Router,
        shutdown: Shutdown,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Tracked<Body>>, Infallible>> + Send + use<> {
        let (request_half, response_half) = self.begin();
        let left = Leftover::default();
        // Who asks first whether it may send the body is answered without it.
        let may_wait = !request.headers().contains_key(EXPECT);
        let mut request = request.map(|body| Tracked::request(body, request_half, &left));
        request.extensions_mut().insert(self.peer);
        async move {
            let Ok(mut response) = app.oneshot(request).await;
            let all_read = left.read_on(may_wait).await;
            if shutdown.is_draining() || !all_read {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| Tracked::new(body, response_half)))
        }
    }

    /// Notes a read of the socket: some bytes, or none as yet.
    pub(super) fn on_read(&self, some: bool) {
        match (&mut self.state().phase, some) {
            (Phase::Head { begun }, true) => *begun = begun.or_else(|| Some(Instant::now())),
            (Phase::Exchange(exchange), some) => exchange.ahead = some,
            (phase @ Phase::Discard, false) => *phase = Phase::Head { begun: None },
            (Phase::Head { .. }, false) | (Phase::Discard, true) => {}
        }
    }

    /// Notes a write to the socket. As long as the last response is on its way hyper does not look at the next
    /// head, so its time starts anew.
    pub(super) fn on_write(&self) {
        if let Phase::Head { begun: Some(begun) } = &mut self.state().phase {
            *begun = Instant::now();
        }
    }

    /// When the first byte of a head came that is not complete yet.
    pub(super) fn head_begun(&self) -> Option<Instant> {
        match self.state().phase {
            Phase::Head { begun } => begun,
            Phase::Exchange(_) | Phase::Discard => None,
        }
    }

    /// Whether no request has come on it yet.
    pub(super) fn is_unused(&self) -> bool {
        self.state().newest == 0
    }

    /// Notes that the rest of the response will not be sent.
    pub(super) fn break_off(&self) {
        self.state().broken = true;
    }

    /// Whether a request has not got the whole of its response. True also while there is still hope.
    pub(super) fn response_unfinished(&self) -> bool {
        let state = self.state();
        state.broken || matches!(&state.phase, Phase::Exchange(exchange) if exchange.response_open)
    }

    fn begin(self: &Arc<Self>) -> (Half, Half) {
        let mut state = self.state();
        state.newest += 1;
        state.phase =
            Phase::Exchange(Exchange { request: RequestBody::Open, response_open: true, ahead: true });
        let half =
            |side| Half { connection: Arc::clone(self), number: state.newest, side, end: End::Dropped };
        (half(Side::Request), half(Side::Response))
    }

    fn end_half(&self, half: &Half) {
        let mut state = self.state();
        if half.number != state.newest {
            return;
        }
        state.broken |= half.end == End::Failed && half.side == Side::Response;
        let Phase::Exchange(exchange) = &mut state.phase else { return };
        match (half.side, half.end) {
            (Side::Request, End::Complete) => exchange.request = RequestBody::Read,
            (Side::Request, _) => exchange.request = RequestBody::Unread,
            (Side::Response, _) => exchange.response_open = false,
        }
        match exchange.request {
            RequestBody::Read if !exchange.response_open => {
                state.phase = Phase::Head { begun: exchange.ahead.then(Instant::now) };
            }
            RequestBody::Unread if !exchange.response_open => state.phase = Phase::Discard,
            _ => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    Failed,
    /// Not an error for a response: hyper does not read the body of an answer to HEAD.
    Dropped,
}

/// One side of an exchange, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Half {
    connection: Arc<Connection>,
    number: u64,
    side: Side,
    pub(super) end: End,
}

impl Drop for Half {
    fn drop(&mut self) {
        self.connection.end_half(self);
    }
}
