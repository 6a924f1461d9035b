//! Traces by OTLP over HTTP with protobuf bodies. A thread of its own sends them in batches from a bounded queue
//! (`OTEL_BSP_MAX_QUEUE_SIZE`, 2048 spans): a collector that is slow or away costs spans and never requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter};
use tracing::{Level, Subscriber, info, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::REQUEST_TARGET;

/// What the exporter is told beyond the standard `OTEL_*` variables, which it reads by itself (OpenTelemetry
/// specification, "Environment Variables" and "OTLP Exporter"): endpoint, headers, time-outs, sampler, queue.
#[derive(Clone, Debug, Default)]
pub struct OtlpConfig {
    /// The whole address, with its path; `None` leaves it to `OTEL_EXPORTER_OTLP_ENDPOINT`. `http` alone.
    pub endpoint: Option<String>,
    /// The resource attribute `service.version`.
    pub version: String,
}

/// How many spans the collector took, and how many were lost because it did not.
#[derive(Clone, Debug, Default)]
pub struct SpanCounts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    exported: AtomicU64,
    lost: AtomicU64,
    failing: AtomicBool,
}

impl SpanCounts {
    /// Spans that the collector took.
    pub fn exported(&self) -> u64 {
        self.0.exported.load(Ordering::Relaxed)
    }

    /// Spans whose export failed. Those that found the queue full are not among them.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Logs only changes: a collector that stays away must not fill the log.
    fn note(&self, spans: u64, result: &OTelSdkResult) {
        let failed = result.is_err();
        let counter = if failed { &self.0.lost } else { &self.0.exported };
        counter.fetch_add(spans, Ordering::Relaxed);
        let was_failing = self.0.failing.swap(failed, Ordering::Relaxed);
        match result {
            Err(error) if !was_failing => {
                warn!(target: "roster::telemetry", error = %error, "traces do not reach the collector");
            }
            Ok(()) if was_failing => info!(target: "roster::telemetry", "traces reach the collector again"),
            _ => {}
        }
    }
}

/// The running exporter.
#[derive(Debug)]
pub(super) struct Traces {
    provider: SdkTracerProvider,
    pub(super) counts: SpanCounts,
}

impl Traces {
    /// # Errors
    /// Says what is wrong with the configuration; an absent collector is no error.
    pub(super) fn start(config: &OtlpConfig) -> Result<Self, String> {
        let mut builder = opentelemetry_otlp::SpanExporter::builder().with_http();
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let otlp = builder.build().map_err(|error| format!("traces cannot be exported: {error}"))?;
        let counts = SpanCounts::default();
        let exporter = Counting { otlp, counts: counts.clone() };
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(&config.version))
            .with_span_processor(BatchSpanProcessor::builder(exporter).build())
            .build();
        Ok(Self { provider, counts })
    }

    /// The layer that turns the spans and events of this program into those of OpenTelemetry.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("roster"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| {
                // The line about a request says nothing that its span does not say.
                let wanted = metadata.is_span() || metadata.target() != REQUEST_TARGET;
                wanted && metadata.target().starts_with("roster") && *metadata.level() <= Level::INFO
            }))
    }

    /// Sends what is queued and stops; what takes longer than `limit` is lost.
    pub(super) fn stop(&self, limit: Duration) {
        // A failure was counted and logged when it happened.
        let _ = self.provider.shutdown_with_timeout(limit);
    }
}

/// `service.name` is `roster` unless the environment says otherwise.
fn resource(version: &str) -> Resource {
    let name = Resource::builder().build().get(&Key::from_static_str("service.name"));
    let named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let builder = Resource::builder().with_attribute(KeyValue::new("service.version", version.to_owned()));
    if named { builder } else { builder.with_service_name("roster") }.build()
}

/// The exporter, with its results counted: the SDK itself would lose spans in silence.
#[derive(Debug)]
struct Counting {
    otlp: opentelemetry_otlp::SpanExporter,
    counts: SpanCounts,
}

impl SpanExporter for Counting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let result = self.otlp.export(batch).await;
        self.counts.note(spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.otlp.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}

#[cfg(test)]
mod tests;
