//! Access tokens: RS256 JWTs, signed by auth, verified by everyone offline.
//!
//! - [`Claims`] — what a token says; auth signs these, everyone reads them;
//! - [`Verifier`] — signature, expiry, revocation, with a cache of tokens seen before;
//! - [`KeySource`] — where the public keys come from: the `signing_keys` table, or a test's own;
//! - [`RevokedSessions`] — sessions that ended before their tokens did.

mod keys;
mod revoked;
mod verifier;

use domain::{Role, SchoolId, SessionId, UserId};
use serde::{Deserialize, Serialize};

pub use keys::{KeySource, KeySourceError, NoKeys, PublicKey, StoredKeys};
pub use revoked::{REVOKED_SESSIONS_KEY, RevokedSessions};
pub use verifier::{Refusal, Verifier, VerifierSettings};

/// The only issuer whose tokens are accepted.
pub const ISSUER: &str = "schools24";

/// What an access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: UserId,
    /// The school that the token is for; only a super admin can do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub school_id: Option<SchoolId>,
    /// The role in that school.
    pub role: Role,
    /// The login session.
    pub sid: SessionId,
    /// When it was issued, seconds since 1970.
    pub iat: i64,
    /// When it expires, seconds since 1970.
    pub exp: i64,
    /// Always [`ISSUER`].
    pub iss: Issuer,
}

/// The issuer as a type: a token of another issuer doesn't parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Issuer {
    /// Us.
    #[default]
    #[serde(rename = "schools24")]
    Schools24,
}
