//! Every kind of problem that the API answers with. The page `/docs/problems` shows this table.

use actix_web::http::StatusCode;

macro_rules! kinds {
    ($($variant:ident = $name:literal, $status:ident, $title:literal, $about:literal;)+) => {
        /// What kind of problem it is: the stable part of `type`, which a client may switch on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $(#[doc = $about] $variant,)+ }

        impl Kind {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The last part of `type`: `/docs/problems#<name>`.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $name,)+ } }

            /// The HTTP status that it is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode { match self { $(Self::$variant => StatusCode::$status,)+ } }

            /// The same short title each time.
            #[must_use]
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title,)+ } }

            /// What it means and what to do, for the developer of a client.
            #[must_use]
            pub const fn about(self) -> &'static str { match self { $(Self::$variant => $about,)+ } }
        }
    };
}

kinds! {
    MalformedRequest = "malformed-request", BAD_REQUEST, "The request can't be read",
        "The body is not JSON, is cut short or is not UTF-8, or a header, path or query can't be parsed. `detail` says where.";
    InvalidCursor = "invalid-cursor", BAD_REQUEST, "The cursor is not valid here",
        "A cursor is opaque and belongs to one list with its filters. Take it from `next_cursor` or the `Link` header as it is, or start without one.";
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Authentication is required",
        "There is no access token, or it is expired, revoked or not ours. Refresh the session or log in again.";
    InvalidCredentials = "invalid-credentials", UNAUTHORIZED, "The credentials are not right",
        "The e-mail address, password or one-time code does not fit. Which of them is not said.";
    Forbidden = "forbidden", FORBIDDEN, "Not allowed",
        "The role in the access token doesn't hold the permission that `detail` names.";
    NotFound = "not-found", NOT_FOUND, "Not found",
        "There is no such thing, or the caller may not know that there is.";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "The method is not allowed here",
        "The path exists, but not with this method. The `Allow` header lists those it has.";
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "The request took too long to arrive",
        "The body did not arrive in time. Send it again.";
    Conflict = "conflict", CONFLICT, "In conflict with the present state",
        "What is asked for is not possible in the state that the thing is in now. Read it again, then decide.";
    AlreadyExists = "already-exists", CONFLICT, "It exists already",
        "Something with the same identifying values exists. `detail` names the rule.";
    StillInUse = "still-in-use", CONFLICT, "Something else still refers to it",
        "It can't be removed while something else refers to it.";
    IdempotencyKeyInFlight = "idempotency-key-in-flight", CONFLICT, "The same request is being worked on",
        "A request with this `Idempotency-Key` has not finished. Repeat it a little later: its answer is then given again.";
    PreconditionFailed = "precondition-failed", PRECONDITION_FAILED, "It has changed meanwhile",
        "The version in `If-Match` is not the present one, which the `ETag` header tells. Read it again, merge, and repeat.";
    PayloadTooLarge = "payload-too-large", PAYLOAD_TOO_LARGE, "The body is too large",
        "The body is larger than this route takes. `detail` tells the limit in bytes.";
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The media type is not supported",
        "Send `Content-Type: application/json`, in UTF-8 and without a content encoding, unless the route says otherwise.";
    ValidationFailed = "validation-failed", UNPROCESSABLE_ENTITY, "Some values are not valid",
        "`errors` lists every fault: `pointer` is a JSON pointer into the body, or `query:name`, `path:name`, `header:name`.";
    ReferenceNotFound = "reference-not-found", UNPROCESSABLE_ENTITY, "Something referred to does not exist",
        "An id in the request points to nothing in this school.";
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The idempotency key was used for another request",
        "This `Idempotency-Key` came with another body before. Use a new key for a new request.";
    Locked = "locked", LOCKED, "Locked for now",
        "Too many attempts failed. `Retry-After` tells when the lock ends.";
    PreconditionRequired = "precondition-required", PRECONDITION_REQUIRED, "If-Match is required",
        "Changing this needs the version that the change is based on: send the `ETag` that you read as `If-Match`.";
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "Too many requests",
        "The rate limit is used up. `Retry-After` and `RateLimit` tell when to go on.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong on our side",
        "The request was right as far as we know. Give `request_id` to the operator: it stands in the log.";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Not available right now",
        "A part that is needed is away for a moment. Nothing was changed; repeat after `Retry-After` seconds.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_kind_is_an_error() {
        let names: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
        }
    }
}
