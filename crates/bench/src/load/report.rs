//! What a load brought.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::Errors;

/// Figures of the seconds that count. Latencies in microseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Answers as expected.
    pub(crate) ok: u64,
    /// The same with those of the warm-up.
    pub(crate) all: u64,
    /// Times that a patient client was told to come back.
    pub(crate) refused: u64,
    /// Everything else.
    pub(crate) errors: Errors,
    /// The first answer that was not expected.
    pub(crate) sample: Option<String>,
    /// How long was counted.
    pub(crate) seconds: f64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
    /// Processor seconds that the generator itself used, warm-up included.
    pub(crate) cpu: f64,
}

impl Report {
    pub(crate) fn per_second(&self) -> f64 {
        self.ok as f64 / self.seconds
    }

    pub(crate) fn failed(&self) -> u64 {
        self.errors.values().sum()
    }
}

/// Collects while the load runs.
pub(super) struct Tally {
    pub(super) histogram: Histogram<u64>,
    pub(super) ok: u64,
    pub(super) all: u64,
    pub(super) refused: u64,
    pub(super) errors: Errors,
    pub(super) sample: Option<String>,
}

impl Tally {
    pub(super) fn new() -> anyhow::Result<Self> {
        // One microsecond to two minutes, three digits.
        let histogram = Histogram::new_with_bounds(1, 120_000_000, 3)?;
        Ok(Self { histogram, ok: 0, all: 0, refused: 0, errors: Errors::new(), sample: None })
    }

    pub(super) fn took(&mut self, latency: Duration) {
        self.histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    pub(super) fn error(&mut self, what: String, sample: impl FnOnce() -> String) {
        *self.errors.entry(what).or_default() += 1;
        self.sample.get_or_insert_with(sample);
    }

    pub(super) fn report(self, seconds: f64, cpu: f64) -> Report {
        Report {
            ok: self.ok,
            all: self.all,
            refused: self.refused,
            errors: self.errors,
            sample: self.sample,
            seconds,
            p50: self.histogram.value_at_quantile(0.5),
            p99: self.histogram.value_at_quantile(0.99),
            p999: self.histogram.value_at_quantile(0.999),
            max: self.histogram.max(),
            cpu,
        }
    }
}
