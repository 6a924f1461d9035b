//! What is told of each request: its ids, one log line, its metrics and its span.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use axum::http::{Extensions, Method};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span, error, error_span, info};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::REQUEST_TARGET;
use super::body::ObservedBody;
use super::metrics::{Endpoint, InFlight, Metrics, UNMATCHED};
use super::trace_context::{Drawn, RequestIds, TraceParent};
use crate::address::ClientAddress;

/// The header that names a request, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C Trace Context, section 3.2.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// W3C Trace Context, section 3.3.
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

const MAX_REQUEST_ID: usize = 128;
/// Bytes of a path that are logged.
const MAX_PATH: usize = 512;
/// The status under which a request is counted whose client left before the answer; nobody sees it.
const CLIENT_LEFT: u16 = 499;
/// The same for one that the end of the server cut off.
const SERVER_LEFT: u16 = 503;

/// What went wrong, for the log and not for the caller: an extension of the response. It must hold no secrets.
#[derive(Clone, Debug)]
pub struct ErrorReport(pub String);

/// Who called, for the log: an extension of the response.
#[derive(Clone, Debug)]
pub struct CallerReport(pub Arc<str>);

/// The id of the request, as an extension of it: 1–128 characters of `[A-Za-z0-9._-]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

/// The state of [`observe`].
#[derive(Clone)]
pub struct Observer {
    metrics: Arc<Metrics>,
    ids: Arc<RequestIds>,
    traced: bool,
    cutting: Cutting,
}

/// Whether the server has come to its end and cuts off what is still under way.
type Cutting = Arc<dyn Fn() -> bool + Send + Sync>;

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Observer").finish_non_exhaustive()
    }
}

impl Observer {
    /// `traced` is [`super::Telemetry::traced`]: whether trace ids come from spans that are exported. `cutting`
    /// tells whether the server has come to its end and cuts off what is still under way.
    pub fn new(
        metrics: Arc<Metrics>,
        ids: Arc<RequestIds>,
        traced: bool,
        cutting: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { metrics, ids, traced, cutting: Arc::new(cutting) }
    }

    /// The request's place in its trace, after its span was tied to the caller's.
    fn place(&self, span: &Span, headers: &HeaderMap, drawn: &Drawn) -> TraceParent {
        let parent = single(headers, &TRACEPARENT).and_then(TraceParent::parse);
        if self.traced {
            if let Some(parent) = parent {
                let context = opentelemetry::Context::new().with_remote_span_context(remote(parent, headers));
                // Fails only when the span is disabled; then there is no span to place.
                let _ = span.set_parent(context);
            }
            let context = span.context();
            let own = context.span().span_context().clone();
            if own.is_valid() {
                return TraceParent {
                    trace_id: u128::from_be_bytes(own.trace_id().to_bytes()),
                    span_id: u64::from_be_bytes(own.span_id().to_bytes()),
                    sampled: own.is_sampled(),
                };
            }
        }
        match parent {
            Some(parent) => TraceParent { span_id: drawn.span, ..parent },
            None => TraceParent { trace_id: drawn.trace, span_id: drawn.span, sampled: false },
        }
    }
}

/// The middleware. It is to be the last `Router::layer`, thus the outermost, but for the one that finds out the
/// [`ClientAddress`]: there the route is known already, and the fallback is seen too (`route_layer` would miss that, a
/// service around the router would not know the route).
/// Query strings and headers are never logged: they may hold what is personal or secret.
pub async fn observe(State(observer): State<Observer>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let endpoint = observer.metrics.endpoint(method_label(request.method()), route(request.extensions()));
    let drawn = observer.ids.draw();
    let request_id = request_id(request.headers(), &drawn);
    let path = truncated(request.uri().path());
    let client = request.extensions().get().map(|ClientAddress(address)| *address);
    let span = error_span!(
        target: REQUEST_TARGET,
        "request",
        otel.kind = "server",
        otel.name = %format_args!("{} {}", endpoint.method, endpoint.route),
        otel.status_code = Empty,
        request_id = &*request_id,
        trace_id = Empty,
        http.request.method = endpoint.method,
        http.route = &*endpoint.route,
        http.response.status_code = Empty,
        url.path = path,
        client.address = client.map(display),
    );
    let place = observer.place(&span, request.headers(), &drawn);
    span.record("trace_id", place.trace_id_hex());
    let mut pending = Pending {
        in_flight: Some(endpoint.begin()),
        endpoint,
        path: path.to_owned(),
        client,
        span,
        started,
        cutting: Arc::clone(&observer.cutting),
    };
    request.extensions_mut().insert(RequestId(Arc::clone(&request_id)));
    let span = pending.span.clone();
    let mut response = next.run(request).instrument(span).await;
    for (name, value) in [(REQUEST_ID, request_id.to_string()), (TRACEPARENT, place.to_string())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    pending.finish(response)
}

/// A request without its response's head. Dropped so, it was given up: by the client, by the end of the server,
/// or by a panic.
struct Pending {
    endpoint: Arc<Endpoint>,
    path: String,
    client: Option<IpAddr>,
    span: Span,
    started: Instant,
    in_flight: Option<InFlight>,
    cutting: Cutting,
}

impl Pending {
    fn finish(&mut self, mut response: Response) -> Response {
        let report = response.extensions_mut().remove::<ErrorReport>();
        let caller = response.extensions_mut().remove::<CallerReport>();
        let caller = caller.as_ref().map(|caller| &*caller.0);
        self.tell(response.status().as_u16(), caller, report.as_ref().map(|report| report.0.as_str()));
        let Some(in_flight) = self.in_flight.take() else { return response };
        if self.endpoint.method == "HEAD" {
            return response;
        }
        let (span, bytes) = (self.span.clone(), self.endpoint.response_bytes.clone());
        response.map(|body| {
            if let Some(size) = body.size_hint().exact() {
                bytes.inc_by(size);
                return body;
            }
            Body::new(ObservedBody { body, bytes, span, _in_flight: in_flight })
        })
    }

    fn tell(&self, status: u16, actor: Option<&str>, error: Option<&str>) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.endpoint.answered(status, seconds);
        self.span.record("http.response.status_code", status);
        let (method, route, path) = (self.endpoint.method, &*self.endpoint.route, self.path.as_str());
        let duration_ms = (seconds * 1e6).round() / 1e3;
        let client_address = self.client.map(display);
        let _entered = self.span.enter();
        if status < 500 {
            info!(target: REQUEST_TARGET, method, route, path, status, duration_ms, client_address, actor, error, "request");
        } else {
            self.span.record("otel.status_code", display("ERROR"));
            error!(target: REQUEST_TARGET, method, route, path, status, duration_ms, client_address, actor, error, "request");
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.in_flight.is_none() {
            return;
        }
        if std::thread::panicking() {
            self.tell(500, None, Some("panic"));
        } else if (self.cutting)() {
            self.tell(SERVER_LEFT, None, Some("cut at the deadline of the shutdown"));
        } else {
            self.tell(CLIENT_LEFT, None, Some("the client left before the answer"));
        }
    }
}

fn remote(parent: TraceParent, headers: &HeaderMap) -> SpanContext {
    let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let state = single(headers, &TRACESTATE).and_then(|state| state.parse::<TraceState>().ok());
    let trace_id = TraceId::from_bytes(parent.trace_id.to_be_bytes());
    let span_id = SpanId::from_bytes(parent.span_id.to_be_bytes());
    SpanContext::new(trace_id, span_id, flags, true, state.unwrap_or_default())
}

/// A header that occurs once. Of several, none is to be believed (W3C Trace Context, section 3.2.1).
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

fn request_id(headers: &HeaderMap, drawn: &Drawn) -> Arc<str> {
    let harmless = |id: &&str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(allowed)
    };
    match single(headers, &REQUEST_ID).filter(harmless) {
        Some(id) => id.into(),
        None => format!("{:032x}", drawn.request).into(),
    }
}

fn route(extensions: &Extensions) -> &str {
    extensions.get::<MatchedPath>().map_or(UNMATCHED, MatchedPath::as_str)
}

fn truncated(path: &str) -> &str {
    &path[..path.floor_char_boundary(MAX_PATH)]
}

/// The method as a label: one of RFC 9110 section 9 and RFC 5789, or `OTHER`.
fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("OTHER")
}

#[cfg(test)]
mod tests;
