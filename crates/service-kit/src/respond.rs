//! What a handler answers with, so that every resource carries its `ETag`, `Location` and status the same way.

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use domain::Version;
use serde::Serialize;

use crate::extract::etag;
use crate::problem::Problem;

/// JSON into `response`.
pub(crate) fn json(mut response: HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    match serde_json::to_vec(body) {
        Ok(bytes) => response.content_type("application/json").body(bytes),
        Err(error) => actix_web::ResponseError::error_response(&Problem::internal(error)),
    }
}

/// 200 with the resource and its `ETag`.
#[derive(Debug, Clone)]
pub struct Versioned<T>(pub T, pub Version);

impl<T: Serialize> Responder for Versioned<T> {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.insert_header((header::ETAG, etag(self.1)));
        json(response, &self.0)
    }
}

/// 304 if the client has this version already, else like [`Versioned`].
#[derive(Debug, Clone)]
pub struct NotModifiedOr<T>(pub crate::extract::IfNoneMatch, pub T, pub Version);

impl<T: Serialize> Responder for NotModifiedOr<T> {
    type Body = BoxBody;
    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        if self.0.has(self.2) {
            return HttpResponse::NotModified().insert_header((header::ETAG, etag(self.2))).finish();
        }
        Versioned(self.1, self.2).respond_to(request)
    }
}

/// 201 with the new resource, where it is, and its `ETag`.
#[derive(Debug, Clone)]
pub struct Created<T> {
    /// The resource.
    pub body: T,
    /// Its version.
    pub version: Version,
    /// Its path, such as `/api/v1/homework/<id>`.
    pub location: String,
}

impl<T: Serialize> Responder for Created<T> {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Created();
        response.insert_header((header::LOCATION, self.location));
        response.insert_header((header::ETAG, etag(self.version)));
        json(response, &self.body)
    }
}

/// 204.
#[derive(Debug, Clone, Copy)]
pub struct NoContent;

impl Responder for NoContent {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::new(StatusCode::NO_CONTENT)
    }
}

/// 202 with a job, and where to ask how it goes.
#[derive(Debug, Clone)]
pub struct Accepted<T> {
    /// The job.
    pub body: T,
    /// Its path.
    pub location: String,
}

impl<T: Serialize> Responder for Accepted<T> {
    type Body = BoxBody;
    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Accepted();
        response.insert_header((header::LOCATION, self.location));
        json(response, &self.body)
    }
}
