//! Logs, traces and metrics of a process.

use std::fmt::Write;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogFormat, TelemetryConfig};
use crate::log_line::{Style, WithRequestId, worth_keeping};

/// Seconds; from a cached read to a slow report.
const BUCKETS: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Keeps the exporters alive; [`Telemetry::shutdown`] sends what is still on its way.
#[derive(Debug, Default)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Starts logging, and tracing if there is somewhere to send to. A second call in a process changes nothing: tests may share one.
#[must_use]
pub fn init(config: &TelemetryConfig, process: &'static str) -> Telemetry {
    // Also without an exporter: an incoming trace is passed on to events.
    global::set_text_map_propagator(TraceContextPropagator::new());
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let format = match config.format {
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
            lines.map_event_format(|inner| WithRequestId { inner, style: Style::Json }).boxed()
        }
        LogFormat::Pretty => tracing_subscriber::fmt::layer().map_event_format(|inner| WithRequestId { inner, style: Style::Text }).boxed(),
    };
    let provider = config.otlp_endpoint.as_deref().and_then(|endpoint| exporter(endpoint, process));
    let traces = provider.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("schools24")));
    // With an exporter the spans of requests are made, for it alone: the log would write their fields down for nothing. Without one they are not made at all.
    let (format, kept) = match &provider {
        Some(_) => (format.with_filter(filter_fn(worth_keeping)).boxed(), None),
        None => (format, Some(filter_fn(worth_keeping))),
    };
    let _ = tracing_subscriber::registry().with(format).with(traces).with(kept).with(filter).try_init();
    Telemetry { provider }
}

fn exporter(endpoint: &str, process: &'static str) -> Option<SdkTracerProvider> {
    let url = format!("{}/v1/traces", endpoint.trim_end_matches('/').trim_end_matches("/v1/traces"));
    // The exporter's HTTP client blocks, and may not be made on a thread that drives a runtime.
    let built = std::thread::spawn(move || opentelemetry_otlp::SpanExporter::builder().with_http().with_endpoint(url).build());
    let exporter = built.join().ok()?.ok()?;
    let resource = Resource::builder()
        .with_service_name(process)
        .with_attributes([KeyValue::new("service.namespace", "schools24"), KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))])
        .build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    global::set_tracer_provider(provider.clone());
    Some(provider)
}

impl Telemetry {
    /// Sends what is still on its way. Blocks for as long as that takes, a few seconds at most.
    pub fn shutdown(self) {
        if let Some(provider) = self.provider {
            let _ = provider.shutdown();
        }
    }
}

/// The process's metrics; the recorder is installed by the first call.
pub fn metrics() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)
                .and_then(|builder| builder.set_buckets_for_metric(Matcher::Full("db_write_latency".to_owned()), BUCKETS))
                .and_then(|builder| builder.set_buckets_for_metric(Matcher::Full("batch_processor_duration".to_owned()), BUCKETS))
                .ok()?;
            let handle = builder.install_recorder().ok()?;
            describe();
            Some(handle)
        })
        .as_ref()
}

fn describe() {
    metrics::describe_counter!("http_requests_total", "Requests by method, route pattern and status.");
    metrics::describe_histogram!("http_request_duration_seconds", "Time to answer, by method and route pattern.");
    metrics::describe_gauge!("http_requests_in_flight", "Requests that are being worked on.");
    metrics::describe_gauge!("redis_cache_hit_rate", "Share of cache look-ups that found a value, since the start.");
    metrics::describe_histogram!("redis_compression_ratio", "Stored bytes over bytes before compression.");
    metrics::describe_gauge!("batch_processor_success_rate", "Share of the last run's rows that were saved.");
    metrics::describe_histogram!("batch_processor_duration", "Seconds that a run took.");
    metrics::describe_histogram!("db_write_latency", "Seconds that a write transaction took.");
}

/// Sums up what histograms have collected: until then each value takes its room.
pub(crate) fn sum_up() {
    if let Some(handle) = metrics() {
        handle.run_upkeep();
    }
}

/// The metrics as Prometheus reads them.
#[must_use]
pub fn render() -> String {
    let Some(handle) = metrics() else { return String::new() };
    handle.run_upkeep();
    let mut text = handle.render();
    if let Some(rate) = hit_rate(&text) {
        let _ = writeln!(text, "# TYPE redis_cache_hit_rate gauge\nredis_cache_hit_rate {rate}");
    }
    text
}

/// The brief's `redis_cache_hit_rate`, from the counters of look-ups.
fn hit_rate(text: &str) -> Option<f64> {
    let (mut hits, mut all) = (0.0, 0.0);
    for line in text.lines().filter(|line| line.starts_with("redis_cache_lookups_total{")) {
        let count: f64 = line.rsplit(' ').next()?.parse().ok()?;
        all += count;
        if line.contains("result=\"hit\"") {
            hits += count;
        }
    }
    (all > 0.0).then(|| hits / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hit_rate_is_hits_over_look_ups() {
        let text = "redis_cache_lookups_total{result=\"hit\"} 3\nredis_cache_lookups_total{result=\"miss\"} 1\nother 9\n";
        assert_eq!(hit_rate(text), Some(0.75));
        assert_eq!(hit_rate("other 9\n"), None);
    }
}
