//! A log line names the request that it belongs to.
//!
//! The id comes from the task at hand and not from a span: spans of requests and of their steps into the stores exist only in a process that
//! exports traces, because what they cost (some microseconds a request, mostly for writing their fields down) buys nothing elsewhere.

use std::fmt;

use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::edge::context;

/// Spans that every request opens: the request and its steps into the stores.
const PER_REQUEST: &[&str] = &["request", "redis", "postgres", "mongodb"];

/// Whether `metadata` is of interest without traces: events are, and spans other than those of each request.
pub(crate) fn worth_keeping(metadata: &Metadata<'_>) -> bool {
    !metadata.is_span() || !PER_REQUEST.contains(&metadata.name())
}

/// How the id is put into a finished line.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    /// As the first field of the JSON object.
    Json,
    /// In front of the line's end.
    Text,
}

/// Formats events as `F` does, and adds `request_id` where there is a request.
#[derive(Debug)]
pub(crate) struct WithRequestId<F> {
    pub(crate) inner: F,
    pub(crate) style: Style,
}

impl<S, N, F> FormatEvent<S, N> for WithRequestId<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(id) = context::request_id() else { return self.inner.format_event(context, writer, event) };
        let mut line = String::with_capacity(256);
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(&with_id(self.style, &line, &id))
    }
}

/// The id holds nothing that JSON would have to escape: [`context::accept_id`] sees to it.
fn with_id(style: Style, line: &str, id: &str) -> String {
    match (style, line.strip_prefix('{')) {
        (Style::Json, Some(rest)) => format!("{{\"request_id\":\"{id}\",{rest}"),
        _ => format!("{} request_id={id}\n", line.trim_end_matches('\n')),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::rc::Rc;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Layer;
    use tracing_subscriber::filter::filter_fn;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::edge::context::{CURRENT, RequestContext};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_names_its_request_and_spans_of_requests_are_not_made() {
        let lines = Lines::default();
        let writer = lines.clone();
        let format = tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false);
        let format = format.map_event_format(|inner| WithRequestId { inner, style: Style::Json }).with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(filter_fn(worth_keeping)).with(format.boxed());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("outside");
            let context = Rc::new(RequestContext { id: "req-12345678".to_owned(), path: "/".to_owned() });
            CURRENT.sync_scope(context, || {
                let span = tracing::info_span!("request", secret = "in the span");
                assert!(span.is_disabled());
                span.in_scope(|| tracing::warn!(answer = 42, "inside"));
            });
            assert!(!tracing::info_span!("drain").is_disabled());
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let [outside, inside]: [serde_json::Value; 2] =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((outside.get("request_id"), outside["message"].as_str()), (None, Some("outside")));
        assert_eq!(
            (inside["request_id"].as_str(), inside["message"].as_str(), inside["answer"].as_i64()),
            (Some("req-12345678"), Some("inside"), Some(42))
        );
    }

    #[test]
    fn a_line_for_people_ends_with_the_id() {
        assert_eq!(with_id(Style::Text, "12:00 WARN trouble\n", "req-12345678"), "12:00 WARN trouble request_id=req-12345678\n");
    }
}
