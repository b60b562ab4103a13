//! Versions in headers: `If-Match` for a change that must not overwrite another, `If-None-Match` for an answer that is already known.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use domain::{Fault, Version};
use futures_util::future::{Ready, ready};

use crate::problem::{Kind, Problem};

/// The `ETag` of a version: `"v3"`, quotes included.
#[must_use]
pub fn etag(version: Version) -> String {
    format!("\"v{version}\"")
}

fn parse(tag: &str) -> Option<Version> {
    let number = tag.strip_prefix("\"v")?.strip_suffix('"')?;
    // The form that `etag` writes and no other: no sign, no leading zero.
    if number.starts_with('0') || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Version::try_from(number.parse::<i32>().ok()?).ok()
}

/// The version that a change is based on. Missing: 428. Weak, `*`, a list, or not one of our tags: 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub Version);

impl IfMatch {
    /// Refuses with 412 unless `current` is the version that the change is based on.
    pub fn require(self, current: Version) -> Result<(), Problem> {
        if self.0 == current { Ok(()) } else { Err(Problem::precondition_failed(current)) }
    }
}

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all(header::IF_MATCH);
        let malformed = || {
            let fault = Fault::new("header:If-Match", "must be one strong tag as it was read, such as \"v3\"");
            Problem::new(Kind::MalformedRequest, "If-Match can't be read.").with_faults(vec![fault])
        };
        ready(match (values.next(), values.next()) {
            (None, _) => Err(Problem::precondition_required()),
            (Some(value), None) => value.to_str().ok().and_then(|tag| parse(tag.trim())).map(Self).ok_or_else(malformed),
            (Some(_), Some(_)) => Err(malformed()),
        })
    }
}

/// The versions that the client already has. Never refuses: what can't be read is as good as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IfNoneMatch(Vec<Version>);

impl IfNoneMatch {
    /// Whether the client has `current` already, so that 304 will do.
    #[must_use]
    pub fn has(&self, current: Version) -> bool {
        self.0.contains(&current)
    }
}

impl FromRequest for IfNoneMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let texts = request.headers().get_all(header::IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
        // Weak comparison (RFC 9110, 13.1.2): a W/ in front makes no difference here.
        let versions = texts.flat_map(|text| text.split(',')).filter_map(|tag| parse(tag.trim().trim_start_matches("W/")));
        ready(Ok(Self(versions.collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_reads_back_and_nothing_else_is_a_tag() {
        let version = Version::try_from(42).unwrap();
        assert_eq!(parse(&etag(version)), Some(version));
        for bad in ["v3", "\"3\"", "\"v0\"", "\"v-1\"", "\"v+1\"", "\"v03\"", "\"v\"", "W/\"v3\"", "*", "\"v99999999999\"", "\"v3\",\"v4\""]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
