//! What happens to every request, in one middleware: id and span, rate limit, CORS, security headers, metrics, and a problem for whatever
//! goes wrong outside a handler. One pass, because each middleware costs an allocation on the hottest path there is.

mod address;
pub(crate) mod context;
mod cors;
mod headers;
mod metrics;
mod rate_limit;

pub use address::client_address;

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError, web};
use context::{CURRENT, RequestContext};
use futures_util::FutureExt;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::TraceContextExt;
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::config::HttpConfig;
use crate::problem::{Kind, Problem};
use crate::tokens::Verifier;
use cors::Cors;
use metrics::InFlight;
use rate_limit::{Decision, RateLimit};

/// What the middleware needs; one for all workers.
#[derive(Debug)]
pub(crate) struct Edge {
    cors: Cors,
    rate_limit: Option<RateLimit>,
    https: bool,
}

impl Edge {
    pub(crate) fn new(config: &HttpConfig, verifier: Verifier) -> Arc<Self> {
        Arc::new(Self {
            cors: Cors::new(&config.cors_allowed_origins),
            rate_limit: RateLimit::new(config.rate_limit_per_minute, config.trusted_proxy_hops, verifier),
            https: config.public_url.starts_with("https://"),
        })
    }

    /// Forgets callers that have been quiet; to be called now and then.
    pub(crate) fn tidy(&self) {
        if let Some(limit) = &self.rate_limit {
            limit.tidy();
        }
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The middleware.
pub(crate) async fn middleware(
    edge: Arc<Edge>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let context = Rc::new(RequestContext { id: context::accept_id(given), path: request.path().to_owned() });
    let method = metrics::method_label(request.method());
    let span = span(&request, method, &context.id);
    let in_flight = InFlight::begin();
    let answered = CURRENT.scope(Rc::clone(&context), answer(&edge, request, next)).instrument(span.clone()).await;
    drop(in_flight);
    let finish = |headers: &mut HeaderMap| {
        if let Ok(id) = HeaderValue::from_str(&context.id) {
            headers.insert(REQUEST_ID, id);
        }
        headers::secure(headers, edge.https);
    };
    match answered {
        Ok(mut response) => {
            finish(response.headers_mut());
            let route = response.request().match_pattern();
            record(response.status(), route, method, started, &span);
            Ok(response)
        }
        // The request is gone with the handler that failed; actix answers with what it finds in the error.
        Err(mut response) => {
            finish(response.headers_mut());
            record(response.status(), None, method, started, &span);
            Err(InternalError::from_response("the handler failed", response).into())
        }
    }
}

async fn answer(
    edge: &Edge,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, HttpResponse> {
    if let Some(preflight) = edge.cors.preflight(&request) {
        return Ok(request.into_response(preflight));
    }
    let origin = edge.cors.allowed(&request);
    let limited = edge.rate_limit.as_ref().map(|limit| limit.decide(&request));
    let mut answered = if let Some(Decision { refused: Some(wait), .. }) = &limited {
        Ok(request.into_response(Problem::too_many_requests(*wait).error_response()))
    } else {
        match AssertUnwindSafe(next.call(request)).catch_unwind().await {
            Ok(Ok(response)) => Ok(ours(response.map_into_boxed_body())),
            Ok(Err(error)) => Err(problem_of(&error).error_response()),
            Err(_) => Err(Problem::internal(anyhow::anyhow!("the handler panicked")).error_response()),
        }
    };
    let headers = match &mut answered {
        Ok(response) => response.headers_mut(),
        Err(response) => response.headers_mut(),
    };
    if let Some(limited) = limited {
        limited.write(headers);
    }
    edge.cors.write(origin, headers);
    answered
}

/// An error that actix made by itself (a path that doesn't parse, a payload that broke off) is answered like our own.
fn ours(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    match response.response().error() {
        Some(error) if error.as_error::<Problem>().is_none() => {
            let problem = problem_of(error).error_response();
            ServiceResponse::new(response.request().clone(), problem)
        }
        _ => response,
    }
}

fn problem_of(error: &Error) -> Problem {
    if let Some(problem) = error.as_error::<Problem>() {
        return problem.copy();
    }
    match error.as_response_error().status_code() {
        StatusCode::NOT_FOUND => Problem::not_found("path"),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Kind::PayloadTooLarge, "The body is larger than this route takes."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::unsupported_media_type("application/json"),
        StatusCode::REQUEST_TIMEOUT => Problem::new(Kind::RequestTimeout, "The request did not arrive in time."),
        status if status.is_client_error() => Problem::malformed("The request can't be read."),
        _ => Problem::internal(anyhow::anyhow!("{error}")),
    }
}

fn span(request: &ServiceRequest, method: &'static str, id: &str) -> Span {
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = field::Empty,
        http.response.status_code = field::Empty,
        request_id = id,
    );
    if !span.is_disabled() && request.headers().contains_key("traceparent") {
        let parent = opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(&Headers(request)));
        // Fails only when nothing traces.
        let _ = span.set_parent(parent);
    }
    span
}

struct Headers<'r>(&'r ServiceRequest);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.headers().get(key)?.to_str().ok()
    }
    fn keys(&self) -> Vec<&str> {
        self.0.headers().keys().map(HeaderName::as_str).collect()
    }
}

fn record(status: StatusCode, route: Option<String>, method: &'static str, started: Instant, span: &Span) {
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let elapsed = started.elapsed();
    metrics::count(&route, method, status, elapsed);
    tracing::debug!(parent: span, status = status.as_u16(), route, ms = elapsed.as_secs_f64() * 1000.0, "answered");
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", status.as_u16());
    span.record("http.route", &*route);
    // Not the field `otel.name`: the layer takes that only until the span has begun.
    span.context().span().update_name(format!("{method} {route}"));
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// Answers what no route matches: 405 with `Allow` if the path is known with another method, else 404.
pub(crate) async fn unmatched(request: actix_web::HttpRequest, known: web::Data<crate::serve::KnownPaths>) -> HttpResponse {
    let methods = known.methods(request.path());
    if methods.is_empty() {
        return Problem::not_found("path").error_response();
    }
    let allow = HeaderValue::from_str(&methods.join(", ")).unwrap_or_else(|_| HeaderValue::from_static("GET"));
    if request.method() == Method::OPTIONS {
        return HttpResponse::NoContent().insert_header(("allow", allow)).finish();
    }
    Problem::new(Kind::MethodNotAllowed, format!("This path takes {}.", methods.join(", ")))
        .with_header(actix_web::http::header::ALLOW, allow)
        .error_response()
}
