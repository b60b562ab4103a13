//! Headers that make a browser treat the API as what it is: data, never a page to embed or to guess the type of.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

pub(super) fn secure(headers: &mut HeaderMap, https: bool) {
    let mut absent = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    absent(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    absent(header::X_FRAME_OPTIONS, "DENY");
    absent(header::REFERRER_POLICY, "no-referrer");
    absent(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    // A caller's data may be kept by that caller's own cache, which must ask each time; ETags make that cheap.
    absent(header::CACHE_CONTROL, "private, no-cache");
    if https {
        absent(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
}
