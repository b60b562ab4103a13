//! A JSON body. The right one takes one pass of serde; only a wrong one pays for being examined.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use domain::Fault;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use utoipa::ToSchema;

use super::{faults, schema};
use crate::problem::{Kind, Problem};

/// What a body may measure unless the route says otherwise: `Body<T, { 1024 * 1024 }>`.
pub const DEFAULT_BODY_LIMIT: usize = 256 * 1024;

/// A client that dribbles its body holds a connection and memory; this is how long it may.
const ARRIVAL: Duration = Duration::from_secs(30);

/// A request body as `T`, at most `LIMIT` bytes of `application/json`.
///
/// `T` carries `#[serde(deny_unknown_fields)]`. What is not JSON is a 400 with line and column; what is JSON but not a `T` is a 422
/// that lists wrong types, unknown fields, missing fields and broken bounds together, as JSON pointers, and echoes no value.
#[derive(Debug, Clone)]
pub struct Body<T, const LIMIT: usize = DEFAULT_BODY_LIMIT>(pub T);

impl<T, const LIMIT: usize> Body<T, LIMIT> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T, const LIMIT: usize> std::ops::Deref for Body<T, LIMIT> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + ToSchema + 'static, const LIMIT: usize> FromRequest for Body<T, LIMIT> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let acceptable = check_media_type(request);
        let bytes = read_payload(request, payload.take(), LIMIT);
        Box::pin(async move {
            acceptable?;
            let bytes = bytes.await?;
            match serde_json::from_slice(&bytes) {
                Ok(value) if !schema::may_hold_a_strange_year(&bytes) => Ok(Self(value)),
                Ok(value) => refuse_strange_years::<T>(&bytes).map(|()| Self(value)),
                Err(_) => Err(explain::<T>(&bytes)),
            }
        })
    }
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let refused = || Problem::unsupported_media_type("application/json");
    let text = |name| request.headers().get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or("?"));
    if text(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(refused());
    }
    let content_type = text(header::CONTENT_TYPE).ok_or_else(refused)?;
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    let utf8 = parts
        .filter_map(|part| part.split_once('='))
        .all(|(name, value)| !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"));
    if json && utf8 { Ok(()) } else { Err(refused()) }
}

/// Reads a body of at most `limit` bytes. A declared length over the limit is refused before a byte is read.
pub fn read_payload(request: &HttpRequest, mut payload: Payload, limit: usize) -> impl Future<Output = Result<Bytes, Problem>> + use<> {
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    async move {
        if declared.is_some_and(|length| length > limit) {
            return Err(Problem::too_large(limit));
        }
        let read = async {
            let mut first = None;
            let mut rest = Vec::new();
            let mut length = 0_usize;
            while let Some(chunk) = payload.next().await {
                let chunk = chunk.map_err(|_| Problem::malformed("The body broke off."))?;
                length = length.saturating_add(chunk.len());
                if length > limit {
                    return Err(Problem::too_large(limit));
                }
                // The usual small body arrives in one piece, which needs no copy.
                match first.take() {
                    None if rest.is_empty() => first = Some(chunk),
                    None => rest.extend_from_slice(&chunk),
                    Some(head) => {
                        rest.reserve(declared.unwrap_or(length).min(limit));
                        rest.extend_from_slice(&head);
                        rest.extend_from_slice(&chunk);
                    }
                }
            }
            Ok(first.unwrap_or_else(|| rest.into()))
        };
        match tokio::time::timeout(ARRIVAL, read).await {
            Ok(read) => read,
            Err(_) => Err(Problem::new(Kind::RequestTimeout, "The body did not arrive within 30 seconds.")),
        }
    }
}

/// Serde takes years that no school has, and some that no store knows.
#[cold]
fn refuse_strange_years<T: ToSchema + 'static>(bytes: &[u8]) -> Result<(), Problem> {
    let instance = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
    let found = schema::strange_years(schema::validator_of::<T>().as_deref(), &instance);
    if found.is_empty() { Ok(()) } else { Err(Problem::invalid(faults::tidy(found))) }
}

/// Why `bytes` is not a `T`.
#[cold]
fn explain<T: DeserializeOwned + ToSchema + 'static>(bytes: &[u8]) -> Problem {
    if bytes.is_empty() {
        return Problem::malformed("The body is empty; a JSON value is expected.");
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        let (line, column) = position(bytes, error.valid_up_to());
        return Problem::malformed(format!("The body is not valid UTF-8 at line {line}, column {column}."));
    }
    let instance: serde_json::Value = match serde_json::from_slice(bytes) {
        Ok(instance) => instance,
        Err(error) => return unreadable(&error),
    };
    let mut found = schema::validate::<T>(&instance);
    faults::complete::<T>(bytes, instance, &mut found);
    if found.is_empty() {
        found.push(Fault::new("", "is not valid"));
    }
    Problem::invalid(faults::tidy(found))
}

fn unreadable(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let what = error.to_string();
    // serde_json appends the position in its own words.
    let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
    match error.classify() {
        Category::Eof => Problem::malformed(format!("The JSON is cut short at line {line}, column {column}.")),
        _ => Problem::malformed(format!("The JSON is not valid at line {line}, column {column}: {what}.")),
    }
}

fn position(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = bytes.get(..offset).unwrap_or_default();
    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    (before.split(|b| *b == b'\n').count(), offset - line_start + 1)
}
