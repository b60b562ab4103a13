//! A zip as a request body.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Bytes, Payload};
use service_kit::Problem;
use service_kit::extract::read_payload;

/// The largest body.
const LIMIT: usize = 16 * 1024 * 1024;
const TYPES: [&str; 2] = ["application/zip", "application/octet-stream"];

/// Refuses everything that doesn't call itself a zip or just bytes.
pub(super) fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let text = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    let essence = text(header::CONTENT_TYPE).and_then(|value| value.split(';').next()).map(str::trim).unwrap_or_default();
    let plain = text(header::CONTENT_ENCODING).is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
    if plain && TYPES.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
        Ok(())
    } else {
        Err(Problem::unsupported_media_type(TYPES[0]))
    }
}

/// Reads it, as far as it is no larger than allowed.
pub(super) async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    read_payload(request, payload.into_inner(), LIMIT).await
}
