//! What the service tells about itself: log lines, metrics for the ops port, traces by OTLP when asked.
//! None of them can hold up a request: every queue is bounded, and what does not fit is dropped and counted.

mod body;
mod line;
pub mod logs;
pub mod metrics;
mod process;
pub mod request;
pub mod sampled;
mod sink;
#[cfg(test)]
mod testing;
pub mod trace_context;
pub mod traces;

use std::io::{self, IsTerminal as _};
use std::mem;
use std::time::Duration;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

pub use logs::LogFormat;
pub use metrics::{BuildInfo, Metrics};
pub use request::{ErrorReport, Observer, RequestId, observe};
pub use sink::DroppedLines;
pub use trace_context::RequestIds;
pub use traces::OtlpConfig;

use logs::{LogLayer, Style};
use traces::Traces;

/// The target of the span around each request and of the line that tells of it.
const REQUEST_TARGET: &str = "roster::request";
/// Half of what [`Telemetry::shutdown`] may take: one for spans, one for lines.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// What [`init`] needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How log lines look.
    pub format: LogFormat,
    /// Directives such as `info` or `warn,roster::store=debug`; empty means `info`.
    pub filter: String,
    /// Whether to export traces; where to is told by the standard `OTEL_*` variables.
    pub otlp: bool,
    /// The version of this program, for the traces.
    pub version: String,
    /// Whether lines go to stderr, because stdout is for people or data.
    pub to_stderr: bool,
}

/// Keeps logs and traces going. Its end, best by [`Telemetry::shutdown`], flushes them.
#[derive(Debug)]
pub struct Telemetry {
    lines: Option<WorkerGuard>,
    dropped: DroppedLines,
    traces: Option<Traces>,
}

/// Starts logging and, when asked, tracing for the whole process; to be called once.
///
/// # Errors
/// Says in one sentence what is wrong: the filter, the configuration of the exporter, or a second call.
pub fn init(settings: &Settings) -> Result<Telemetry, String> {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let terminal = if settings.to_stderr { stderr.is_terminal() } else { stdout.is_terminal() };
    let style = settings.format.style(terminal);
    let otlp = settings.otlp.then(|| OtlpConfig { endpoint: None, version: settings.version.clone() });
    let opened = if settings.to_stderr { sink::open(stderr) } else { sink::open(stdout) };
    let (writer, lines, dropped) = opened.map_err(|error| format!("the log cannot be written: {error}"))?;
    let (subscriber, traces) = assemble(style, &settings.filter, otlp.as_ref(), writer)?;
    let installed = tracing::subscriber::set_global_default(subscriber);
    installed.map_err(|_| "logging was started before".to_owned())?;
    Ok(Telemetry { lines: Some(lines), dropped, traces })
}

fn assemble<W>(
    style: Style,
    filter: &str,
    otlp: Option<&OtlpConfig>,
    writer: W,
) -> Result<(impl Subscriber + Send + Sync + use<W>, Option<Traces>), String>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // The ids of a request stand on its lines whatever the filter says of its span.
    let request = filter_fn(|metadata| metadata.is_span() && metadata.target() == REQUEST_TARGET)
        .with_max_level_hint(LevelFilter::ERROR);
    let filter = logs::parse_filter(filter)?.or(request);
    let traces = otlp.map(Traces::start).transpose()?;
    let log = LogLayer { style, writer, clock: logs::system_clock };
    let subscriber =
        tracing_subscriber::registry().with(log.with_filter(filter)).with(traces.as_ref().map(Traces::layer));
    Ok((subscriber, traces))
}

impl Telemetry {
    /// Whether traces are exported.
    pub fn traced(&self) -> bool {
        self.traces.is_some()
    }

    /// Adds the counts of what telemetry itself lost to `metrics`.
    pub fn register(&self, metrics: &Metrics) {
        let dropped = self.dropped.clone();
        let spans = self.traces.as_ref().map(|traces| traces.counts.clone());
        metrics.sample(move |samples| {
            samples.counter("roster_log_lines_dropped", "Log lines that nobody took.", dropped.count());
            if let Some(spans) = &spans {
                samples.counter("roster_spans_exported", "Spans that the collector took.", spans.exported());
                samples.counter("roster_spans_lost", "Spans that the collector did not take.", spans.lost());
            }
        });
    }

    /// Sends the spans and writes the lines that are queued; takes at most 2 s and blocks the thread for as long.
    /// To be called when the server is down: later spans are lost.
    pub fn shutdown(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        if let Some(traces) = self.traces.take() {
            sink::within(FLUSH_LIMIT, move || traces.stop(FLUSH_LIMIT));
        }
        if let Some(lines) = mem::take(&mut self.lines) {
            sink::within(FLUSH_LIMIT, move || drop(lines));
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.flush();
    }
}
