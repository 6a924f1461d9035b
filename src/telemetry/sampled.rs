//! Metrics whose values are read at the time of a scrape: pools, the process, the runtime, counters kept elsewhere.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Receives the values of one scrape. A name ends with its unit and without `_total`, which counters get by
/// themselves (`OpenMetrics`, "Metric Naming"); each name must be used only once.
pub struct Samples<'a> {
    encoder: DescriptorEncoder<'a>,
    result: fmt::Result,
}

impl Samples<'_> {
    /// A value that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.keep(|encoder| {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
        });
    }

    /// Gauges that differ in one label: pairs of the label's value and the gauge's.
    pub fn gauges(&mut self, name: &str, help: &str, label: &str, values: &[(&str, f64)]) {
        self.keep(|encoder| {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            values
                .iter()
                .try_for_each(|(state, value)| metric.encode_family(&[(label, *state)])?.encode_gauge(value))
        });
    }

    /// A count that only grows.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.keep(|encoder| {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
        });
    }

    /// Counts that differ in one label: pairs of the label's value and the count.
    pub fn counters(&mut self, name: &str, help: &str, label: &str, values: &[(&str, u64)]) {
        self.keep(|encoder| {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            values.iter().try_for_each(|(state, value)| {
                metric.encode_family(&[(label, *state)])?.encode_counter::<NoLabelSet, _, u64>(value, None)
            })
        });
    }

    /// A sum that only grows, such as seconds of CPU.
    pub fn counter_f64(&mut self, name: &str, help: &str, value: f64) {
        self.keep(|encoder| {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
        });
    }

    /// Keeps the first error, so that those who sample need not handle it.
    fn keep(&mut self, encode: impl FnOnce(&mut DescriptorEncoder<'_>) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = encode(&mut self.encoder);
        }
    }
}

/// A function that is called at each scrape; it should take microseconds and must not wait.
pub(super) struct Sampled<F>(pub(super) F);

impl<F: Fn(&mut Samples<'_>) + Send + Sync + 'static> Collector for Sampled<F> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut samples = Samples { encoder, result: Ok(()) };
        (self.0)(&mut samples);
        samples.result
    }
}

impl<F> fmt::Debug for Sampled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sampled")
    }
}
