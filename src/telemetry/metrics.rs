//! The metrics of the service, in the text format of `OpenMetrics` 1.0. Label sets are bounded: routes are templates
//! of the router, methods are the standard ones, everything else is a word of the source code.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::runtime::Handle;
use tracing::error;

use super::process;
use super::sampled::{Sampled, Samples};

/// The `Content-Type` of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The `route` of a request that no route matched.
pub const UNMATCHED: &str = "unmatched";

/// Upper bounds in seconds.
const REQUEST_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const QUERY_BUCKETS: [f64; 15] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// What the running binary was built from.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct BuildInfo {
    /// The version of the package.
    pub version: String,
    /// The commit it was built from.
    pub commit: String,
    /// The version of the compiler.
    pub rustc: String,
    /// The number of the last migration that it knows.
    pub schema: i64,
}

/// The state of a pool of database connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct PoolSample {
    /// Open connections that nobody uses.
    pub idle: u32,
    /// Connections in use.
    pub used: u32,
    /// As many connections as there may be.
    pub max: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: Arc<str>,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EndpointLabels {
    method: &'static str,
    route: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    route: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ActionLabels {
    action: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// All metrics of one process: what counts them holds this, and the ops port prints it.
#[derive(Debug)]
pub struct Metrics {
    registry: RwLock<Registry>,
    endpoints: RwLock<HashMap<Arc<str>, Vec<Arc<Endpoint>>>>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histograms<EndpointLabels>,
    response_bytes: Family<RouteLabels, Counter>,
    in_flight: Gauge,
    query_seconds: Histograms<OperationLabels>,
    query_errors: Family<OperationLabels, Counter>,
    writes: Family<ActionLabels, Counter>,
    streams_cut: Family<ReasonLabels, Counter>,
    refused: Family<ReasonLabels, Counter>,
}

impl Metrics {
    /// A registry with every metric that is counted here, and those of the process.
    pub fn new(build: BuildInfo) -> Self {
        let metrics = Self {
            registry: RwLock::default(),
            endpoints: RwLock::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(REQUEST_BUCKETS)),
            response_bytes: Family::default(),
            in_flight: Gauge::default(),
            query_seconds: Family::new_with_constructor(|| Histogram::new(QUERY_BUCKETS)),
            query_errors: Family::default(),
            writes: Family::default(),
            streams_cut: Family::default(),
            refused: Family::default(),
        };
        metrics.register(build);
        metrics.sample(process::sample);
        metrics
    }

    fn register(&self, build: BuildInfo) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.register("http_server_requests", "Requests answered", self.requests.clone());
        registry.register(
            "http_server_request_duration_seconds",
            "Time from the request's head to the response's",
            self.request_seconds.clone(),
        );
        let in_flight = self.in_flight.clone();
        registry.register("http_server_requests_in_flight", "Requests begun and not ended", in_flight);
        registry.register(
            "http_server_response_bytes",
            "Bytes of response bodies",
            self.response_bytes.clone(),
        );
        let seconds = self.query_seconds.clone();
        registry.register("roster_database_query_duration_seconds", "Time that queries took", seconds);
        registry.register("roster_database_errors", "Queries that failed", self.query_errors.clone());
        registry.register("roster_writes", "Writes committed", self.writes.clone());
        registry.register(
            "roster_streams_cut",
            "Responses cut off before their end",
            self.streams_cut.clone(),
        );
        registry.register("roster_requests_refused", "Callers that were not let in", self.refused.clone());
        registry.register("roster_build", "What this binary was built from", Info::new(build));
    }

    /// Adds values that `read` takes at each scrape; see [`Samples`] for the rules of names.
    pub fn sample(&self, read: impl Fn(&mut Samples<'_>) + Send + Sync + 'static) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(Box::new(Sampled(read)));
    }

    /// Adds the gauges of the database pool; to be called once.
    pub fn sample_pool(&self, read: impl Fn() -> PoolSample + Send + Sync + 'static) {
        self.sample(move |samples| {
            let PoolSample { idle, used, max } = read();
            let states = [("idle", f64::from(idle)), ("used", f64::from(used))];
            samples.gauges("roster_database_connections", "Connections in the pool.", "state", &states);
            samples.gauge("roster_database_connections_max", "Size limit of the pool.", max.into());
        });
    }

    /// Adds what tokio tells of `runtime`; to be called once.
    #[expect(clippy::cast_precision_loss, reason = "counts of tasks are far below 2^53")]
    pub fn sample_runtime(&self, runtime: Handle) {
        self.sample(move |samples| {
            let runtime = runtime.metrics();
            samples.gauge("tokio_workers", "Worker threads of the runtime.", runtime.num_workers() as f64);
            samples.gauge("tokio_alive_tasks", "Tasks not yet ended.", runtime.num_alive_tasks() as f64);
            let depth = runtime.global_queue_depth();
            samples.gauge("tokio_global_queue_depth", "Tasks that no worker has taken.", depth as f64);
        });
    }

    /// One query: `operation` names the store's function, `seconds` is its duration.
    pub fn query(&self, operation: &'static str, seconds: f64, ok: bool) {
        self.query_seconds.get_or_create(&OperationLabels { operation }).observe(seconds);
        // Made with the first query, so that an alert on its rate sees the first error as a change.
        let errors = self.query_errors.get_or_create(&OperationLabels { operation });
        errors.inc_by(u64::from(!ok));
    }

    /// One write that was committed; `action` as in the journal.
    pub fn write(&self, action: &'static str) {
        self.writes.get_or_create(&ActionLabels { action }).inc();
    }

    /// One response that ended before it was complete.
    pub fn stream_cut(&self, reason: &'static str) {
        self.streams_cut.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// One caller that was not let in.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Everything, in the format of [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        if text::encode(&mut text, &registry).is_err() {
            // Without its end mark the text is refused by the scraper, which is how it should be.
            error!(target: "roster::telemetry", "a metric cannot be encoded");
        }
        text
    }

    /// The handles of one route and method. `route` must be a template of the router or [`UNMATCHED`].
    pub(super) fn endpoint(&self, method: &'static str, route: &str) -> Arc<Endpoint> {
        let known = |endpoints: &HashMap<Arc<str>, Vec<Arc<Endpoint>>>| {
            endpoints.get(route)?.iter().find(|endpoint| endpoint.method == method).cloned()
        };
        if let Some(endpoint) = known(&self.endpoints.read().unwrap_or_else(PoisonError::into_inner)) {
            return endpoint;
        }
        let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        known(&endpoints).unwrap_or_else(|| {
            let route: Arc<str> = route.into();
            let endpoint = Arc::new(self.resolve(method, Arc::clone(&route)));
            endpoints.entry(route).or_default().push(Arc::clone(&endpoint));
            endpoint
        })
    }

    fn resolve(&self, method: &'static str, route: Arc<str>) -> Endpoint {
        let labels = EndpointLabels { method, route: Arc::clone(&route) };
        Endpoint {
            method,
            seconds: self.request_seconds.get_or_create_owned(&labels),
            response_bytes: self
                .response_bytes
                .get_or_create_owned(&RouteLabels { route: Arc::clone(&route) }),
            requests: self.requests.clone(),
            in_flight: self.in_flight.clone(),
            route,
        }
    }
}

/// The handles of one route and method, found without a hash per metric.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) method: &'static str,
    pub(super) route: Arc<str>,
    pub(super) response_bytes: Counter,
    seconds: Histogram,
    requests: Family<RequestLabels, Counter>,
    in_flight: Gauge,
}

impl Endpoint {
    /// Counts one request that has its response's head, or will never have one.
    pub(super) fn answered(&self, status: u16, seconds: f64) {
        self.seconds.observe(seconds);
        let labels = RequestLabels { method: self.method, route: Arc::clone(&self.route), status };
        self.requests.get_or_create(&labels).inc();
    }

    /// Counts one request as in flight until the guard is dropped.
    pub(super) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }
}

#[derive(Debug)]
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests;
