//! Rate, errors and duration of each route.
//!
//! A metric's handle is looked up by its name and labels, which have to be put together and hashed first. Each worker therefore keeps the handles of the
//! routes that it has served; there are as many as routes, methods and statuses, since labels are patterns and never paths.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram};

/// What is counted for requests of one method and status to one route.
struct Handles {
    method: &'static str,
    status: StatusCode,
    duration: Histogram,
    total: Counter,
}

thread_local! {
    static ROUTES: RefCell<HashMap<String, Vec<Handles>>> = RefCell::default();
    static IN_FLIGHT: Gauge = metrics::gauge!("http_requests_in_flight");
}

/// A request that is being worked on, for as long as this lives.
pub(super) struct InFlight(());

impl InFlight {
    pub(super) fn begin() -> Self {
        IN_FLIGHT.with(|gauge| gauge.increment(1.0));
        Self(())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // Not there any more when the thread ends.
        let _ = IN_FLIGHT.try_with(|gauge| gauge.decrement(1.0));
    }
}

/// Counts an answer. `route` is the pattern, never the path: ids and probes must not become labels.
pub(super) fn count(route: &str, method: &'static str, status: StatusCode, elapsed: Duration) {
    ROUTES.with_borrow_mut(|routes| {
        let seconds = elapsed.as_secs_f64();
        let known = routes.get(route).and_then(|all| all.iter().find(|one| one.status == status && one.method == method));
        if let Some(known) = known {
            known.duration.record(seconds);
            known.total.increment(1);
            return;
        }
        let handles = Handles {
            method,
            status,
            duration: metrics::histogram!("http_request_duration_seconds", "method" => method, "route" => route.to_owned()),
            total: metrics::counter!("http_requests_total", "method" => method, "route" => route.to_owned(), "status" => status.as_str().to_owned()),
        };
        handles.duration.record(seconds);
        handles.total.increment(1);
        routes.entry(route.to_owned()).or_default().push(handles);
    });
}

/// A client can make up methods; labels can't.
pub(super) fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
