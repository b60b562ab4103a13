//! `Idempotency-Key`: the name that a client gives to a request, so that a retry is known as one.

use actix_web::dev::Payload;
use actix_web::http::header::HeaderValue;
use actix_web::{FromRequest, HttpRequest};
use domain::Fault;
use futures_util::future::{Ready, ready};

use crate::problem::{Kind, Problem};

/// 1 to 255 visible ASCII characters. A route that can do without takes [`MaybeIdempotencyKey`]: a key that is there but wrong
/// is refused there too, where `Option<IdempotencyKey>` would take it for none and lose the protection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of `request`, if it names one. A retry under a mangled key would not be recognised, so that is refused, not ignored.
    pub fn optional(request: &HttpRequest) -> Result<Option<Self>, Problem> {
        let mut values = request.headers().get_all("Idempotency-Key");
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => parse(value).map(Some).ok_or_else(|| refused("must be 1 to 255 visible ASCII characters")),
            (Some(_), Some(_)) => Err(refused("is given more than once")),
        }
    }
}

fn parse(value: &HeaderValue) -> Option<IdempotencyKey> {
    let key = std::str::from_utf8(value.as_bytes()).ok()?;
    let fit = (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    fit.then(|| IdempotencyKey(key.to_owned()))
}

fn refused(detail: &str) -> Problem {
    let fault = Fault::new("header:Idempotency-Key", detail);
    Problem::new(Kind::MalformedRequest, "The header Idempotency-Key is needed and can't be used.").with_faults(vec![fault])
}

impl FromRequest for IdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::optional(request).and_then(|key| key.ok_or_else(|| refused("is required"))))
    }
}

/// The key where a route can do without one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MaybeIdempotencyKey(pub Option<IdempotencyKey>);

impl FromRequest for MaybeIdempotencyKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(IdempotencyKey::optional(request).map(Self))
    }
}
