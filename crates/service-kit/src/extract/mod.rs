//! What a handler takes: each argument type parses and refuses by itself, so that a handler only sees what is right.
//!
//! - [`Body`] — a JSON body, every fault at once;
//! - [`Params`] — the query string, the same way;
//! - [`IdPath`] — typed ids from the path;
//! - [`Permit`], [`PlatformPermit`], [`SocketPermit`] — the caller, if the caller may;
//! - [`IfMatch`], [`IfNoneMatch`] — versions;
//! - [`IdempotencyKey`] — a retry's name.

mod body;
mod faults;
mod idempotency_key;
mod params;
mod path;
mod permit;
mod precondition;
mod schema;

pub use body::{Body, DEFAULT_BODY_LIMIT, read_payload};
pub use idempotency_key::{IdempotencyKey, MaybeIdempotencyKey};
pub use params::Params;
pub use path::IdPath;
pub use permit::{Caller, MayHold, Permit, PlatformCaller, PlatformPermit, SocketPermit, permits};
pub use precondition::{IfMatch, IfNoneMatch, etag};
