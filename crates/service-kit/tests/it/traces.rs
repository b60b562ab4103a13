//! Traces: a request continues its caller's.

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use reqwest::Method;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::demo::Demo;

#[tokio::test]
async fn a_request_span_is_the_child_of_the_incoming_traceparent() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    // Workers have threads of their own, so only a global subscriber sees them. Each test runs in a process of its own.
    if tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test"))).try_init().is_err() {
        return;
    }
    let demo = Demo::start().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    demo.bare(Method::GET, "/api/v1/open").header("traceparent", parent).send().await.unwrap();
    demo.bare(Method::GET, "/health").header("traceparent", "garbage").send().await.unwrap();
    provider.force_flush().unwrap();
    let spans = exporter.get_finished_spans().unwrap();
    let request = spans.iter().find(|span| span.name == "GET /api/v1/open").unwrap_or_else(|| panic!("{spans:?}"));
    assert_eq!(request.span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(request.parent_span_id.to_string(), "b7ad6b7169203331");
    let other = spans.iter().find(|span| span.name == "GET /health").expect("a span of its own");
    assert_ne!(other.span_context.trace_id(), request.span_context.trace_id());
}
