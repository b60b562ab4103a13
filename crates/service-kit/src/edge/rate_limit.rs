//! Rate limit: so many requests a minute for each session, or for each address as long as no session is known.
//!
//! Only a token that was verified before counts as a session: one that is made up must not open a bucket of its own. The answer tells
//! how much is left (`RateLimit`, `RateLimit-Policy`: IETF draft httpapi-ratelimit-headers).

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use uuid::Uuid;

use super::address::client_address;
use crate::tokens::Verifier;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Session(Uuid),
    V4([u8; 4]),
    /// The network: one customer has as many addresses in it as there are grains of sand.
    V6([u8; 8]),
    Unknown,
}

pub(super) struct RateLimit {
    limiter: DefaultKeyedRateLimiter<Key, StateInformationMiddleware>,
    clock: DefaultClock,
    per_minute: u32,
    hops: usize,
    verifier: Verifier,
}

impl std::fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RateLimit").field("per_minute", &self.per_minute).finish_non_exhaustive()
    }
}

/// What was decided for a request.
#[derive(Debug)]
pub(super) struct Decision {
    /// How long to wait, if it is refused.
    pub(super) refused: Option<Duration>,
    remaining: u32,
    per_minute: u32,
}

impl RateLimit {
    pub(super) fn new(per_minute: u32, hops: usize, verifier: Verifier) -> Option<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute)?);
        let limiter = RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Some(Self { limiter, clock: DefaultClock::default(), per_minute, hops, verifier })
    }

    pub(super) fn decide(&self, request: &ServiceRequest) -> Decision {
        let per_minute = self.per_minute;
        match self.limiter.check_key(&self.key(request)) {
            Ok(state) => Decision { refused: None, remaining: state.remaining_burst_capacity(), per_minute },
            Err(not_until) => Decision { refused: Some(not_until.wait_time_from(self.clock.now())), remaining: 0, per_minute },
        }
    }

    pub(super) fn tidy(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }

    fn key(&self, request: &ServiceRequest) -> Key {
        let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
        if let Some(Ok(claims)) = token.and_then(|(_, token)| self.verifier.known(token.trim())) {
            return Key::Session(claims.sid.as_uuid());
        }
        match self.address(request) {
            Some(IpAddr::V4(address)) => Key::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let [network @ .., _, _, _, _, _, _, _, _] = address.octets();
                Key::V6(network)
            }
            None => Key::Unknown,
        }
    }

    fn address(&self, request: &ServiceRequest) -> Option<IpAddr> {
        client_address(request.request(), self.hops)
    }
}

impl Decision {
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let Self { remaining, per_minute, refused } = self;
        // One token comes back every 60/n seconds, so that is when there is more again.
        let next = refused.map_or_else(|| u64::from(60_u32.div_ceil(*per_minute)), |wait| wait.as_secs() + 1);
        let texts = [
            ("ratelimit-policy", format!("\"default\";q={per_minute};w=60")),
            ("ratelimit", format!("\"default\";r={remaining};t={next}")),
        ];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}
