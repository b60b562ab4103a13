//! The one error type at the HTTP edge, answered as RFC 9457 `application/problem+json`.
//!
//! A problem never tells a client what only the operator may know: no SQL, no host names, no stack traces. What went wrong
//! inside goes to the log, under the request id that the client is given.

mod from;
mod kind;
mod responses;

use std::fmt::{self, Display};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use domain::{Fault, Permission, Version};
use serde::Serialize;

pub use kind::Kind;
pub(crate) use responses::component as response_component;
pub use responses::{CommonProblems, EditProblems, ProblemBody};

use crate::edge::context;

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal or failure, ready to be answered.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    detail: String,
    errors: Vec<Fault>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of `kind`; `detail` is for the person who reads it.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }))
    }

    /// 422: every fault in what was sent.
    #[must_use]
    pub fn invalid(faults: Vec<Fault>) -> Self {
        let detail = match faults.len() {
            1 => "1 value is not valid; see `errors`.".to_owned(),
            count => format!("{count} values are not valid; see `errors`."),
        };
        Self::new(Kind::ValidationFailed, detail).with_faults(faults)
    }

    /// 400: it can't even be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Kind::MalformedRequest, detail)
    }

    /// 400: a cursor that was edited, or belongs to another list.
    #[must_use]
    pub fn invalid_cursor() -> Self {
        let fault = Fault::new("query:cursor", "is not a cursor of this list with these filters");
        Self::new(Kind::InvalidCursor, "The cursor was edited, or belongs to another list or other filters.").with_faults(vec![fault])
    }

    /// 401, with the challenge that RFC 6750 asks for.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(Kind::Unauthenticated, detail)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"schools24\""))
    }

    /// 403: the caller's role lacks `permission`.
    #[must_use]
    pub fn forbidden(permission: Permission) -> Self {
        Self::new(Kind::Forbidden, format!("This needs the permission {permission}."))
    }

    /// 404: no such `noun`, or none that the caller may know of.
    #[must_use]
    pub fn not_found(noun: &str) -> Self {
        Self::new(Kind::NotFound, format!("There is no such {noun}."))
    }

    /// 409 of a given kind.
    pub fn conflict(kind: Kind, detail: impl Into<String>) -> Self {
        debug_assert_eq!(kind.status(), StatusCode::CONFLICT, "{kind:?} is not a conflict");
        Self::new(kind, detail)
    }

    /// 412: someone changed it; `current` is the version that it has now.
    #[must_use]
    pub fn precondition_failed(current: Version) -> Self {
        Self::new(Kind::PreconditionFailed, format!("It is at version {current} now.")).with_etag(current)
    }

    /// 428: a change without `If-Match`.
    #[must_use]
    pub fn precondition_required() -> Self {
        Self::new(Kind::PreconditionRequired, "Send the ETag that you read, such as \"v3\", as If-Match.")
    }

    /// 423: locked, for `retry_after` yet.
    pub fn locked(retry_after: Duration, detail: impl Into<String>) -> Self {
        Self::new(Kind::Locked, detail).with_retry_after(retry_after)
    }

    /// 413: more than `limit` bytes.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        Self::new(Kind::PayloadTooLarge, format!("The body may have at most {limit} bytes."))
    }

    /// 415, naming what is taken.
    #[must_use]
    pub fn unsupported_media_type(expected: &str) -> Self {
        Self::new(Kind::UnsupportedMediaType, format!("Send Content-Type: {expected}, without a content encoding."))
    }

    /// 429.
    #[must_use]
    pub fn too_many_requests(retry_after: Duration) -> Self {
        Self::new(Kind::TooManyRequests, "The rate limit is used up.").with_retry_after(retry_after)
    }

    /// 503: `what` is away; nothing was changed.
    #[must_use]
    pub fn unavailable(retry_after: Duration, what: &str) -> Self {
        Self::new(Kind::Unavailable, format!("{what} is not available right now.")).with_retry_after(retry_after)
    }

    /// 500: logs the whole chain of causes under the request id, and tells the client only that id.
    pub fn internal(error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        // The line's format adds the request id.
        tracing::error!(error = format!("{error:#}"), "a request failed");
        Self::new(Kind::Internal, "The request could not be finished. It was logged under the request id.")
    }

    /// Adds faults.
    #[must_use]
    pub fn with_faults(mut self, faults: Vec<Fault>) -> Self {
        self.0.errors.extend(faults);
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Adds `Retry-After`, in whole seconds, at least one.
    #[must_use]
    pub fn with_retry_after(self, after: Duration) -> Self {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    fn with_etag(self, version: Version) -> Self {
        match HeaderValue::from_str(&crate::extract::etag(version)) {
            Ok(tag) => self.with_header(header::ETAG, tag),
            Err(_) => self,
        }
    }

    /// The same problem again, for an answer that is made anew.
    pub(crate) fn copy(&self) -> Self {
        let Inner { kind, detail, errors, headers } = &*self.0;
        Self(Box::new(Inner { kind: *kind, detail: detail.clone(), errors: errors.clone(), headers: headers.clone() }))
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The faults that it lists.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.0.errors
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.as_str(), self.0.detail)
    }
}

impl std::error::Error for Problem {}

#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    errors: &'a [Fault],
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let kind = self.0.kind;
        let mut response = HttpResponse::build(kind.status());
        for (name, value) in &self.0.headers {
            response.append_header((name.clone(), value.clone()));
        }
        // An error of one caller at one moment is nobody else's answer.
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.insert_header((header::CONTENT_TYPE, PROBLEM_JSON));
        let wire = Wire {
            r#type: format!("/docs/problems#{}", kind.as_str()),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: &self.0.detail,
            instance: context::path(),
            request_id: context::request_id(),
            errors: &self.0.errors,
        };
        // Strings and numbers only: this can't fail, and if it did, the status still says enough.
        response.body(serde_json::to_vec(&wire).unwrap_or_default())
    }
}
