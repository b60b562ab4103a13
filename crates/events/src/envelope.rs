//! Building envelopes, with the trace that they belong to.

use std::collections::HashMap;

use domain::{Actor, EventEnvelope, EventId, EventKind, SchoolId, Timestamp};
use opentelemetry::global;
use serde::Serialize;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

/// An envelope for what `actor` just did, carrying the current trace. `data` holds the kind-specific fields.
pub fn envelope(
    kind: EventKind,
    school_id: SchoolId,
    actor: Option<Actor>,
    subject: Uuid,
    occurred_at: Timestamp,
    data: &impl Serialize,
) -> Result<EventEnvelope, serde_json::Error> {
    Ok(EventEnvelope {
        id: EventId::generate(),
        kind,
        school_id,
        actor,
        occurred_at,
        subject,
        traceparent: traceparent(),
        data: serde_json::to_string(data)?,
    })
}

/// The current span as a W3C `traceparent`, if the process traces at all.
#[must_use]
pub fn traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&Span::current().context(), &mut carrier));
    carrier.remove("traceparent")
}

/// Makes `span` a child of the trace that `traceparent` names.
pub fn continue_trace(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent else { return };
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let context = global::get_text_map_propagator(|propagator| propagator.extract(&carrier));
    // Fails only when the span is disabled, and then there is nothing to link.
    let _ = span.set_parent(context);
}
