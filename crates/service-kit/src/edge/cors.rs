//! CORS: which web apps may call. None, unless configured.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, traceparent";
const EXPOSED: &str = "ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id";

/// The origins that may call.
#[derive(Debug)]
pub(super) struct Cors {
    any: bool,
    origins: Vec<String>,
}

impl Cors {
    pub(super) fn new(origins: &[String]) -> Self {
        Self { any: origins.iter().any(|origin| origin == "*"), origins: origins.to_vec() }
    }

    /// What to answer as `Access-Control-Allow-Origin`. Tokens travel in a header, never in a cookie, so `*` gives nothing away.
    pub(super) fn allowed(&self, request: &ServiceRequest) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        if self.any {
            return Some(HeaderValue::from_static("*"));
        }
        let text = origin.to_str().ok()?;
        self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(text)).then(|| origin.clone())
    }

    /// The answer to a preflight request of an allowed origin.
    pub(super) fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        if request.method() != Method::OPTIONS || !request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let origin = self.allowed(request)?;
        let mut response = HttpResponse::NoContent();
        response.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS));
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS));
        response.insert_header((header::ACCESS_CONTROL_MAX_AGE, "3600"));
        let mut response = response.finish();
        self.write(Some(origin), response.headers_mut());
        Some(response)
    }

    pub(super) fn write(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        if !self.any && !self.origins.is_empty() {
            // Also without an Origin: a cache must not give one origin's answer to another.
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }
}
