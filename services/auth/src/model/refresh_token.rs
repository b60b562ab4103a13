//! Refresh tokens: opaque to the client, 256 random bits, and a tag that says we made it.
//!
//! A token is `base64url(secret ‖ session id ‖ tag)`. Its successor's secret is an HMAC of its own, so that parallel refreshes with one token all get the same
//! successor without anything but hashes being stored. The tag makes every token that was ever issued recognisable as ours, however long ago it was
//! replaced: a stolen one gives itself away whenever it is used, while a made-up one can't end anybody's session.

use aws_lc_rs::{constant_time, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::SessionId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

const SECRET: usize = 32;
const ID: usize = 16;
const TAG: usize = 16;

/// How long a replaced token still gets the successor that was made of it: a client's own parallel refresh, or a retry after a lost answer.
pub const GRACE: chrono::Duration = chrono::Duration::seconds(30);

/// The keys of refresh tokens, derived from the JWT secret: all pods have the same.
pub struct RefreshKeys {
    successor: hmac::Key,
    tag: hmac::Key,
}

/// A token that we issued at some time.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    secret: [u8; SECRET],
    /// The session that it belongs to.
    pub session: SessionId,
}

impl RefreshKeys {
    /// The keys that belong to the JWT secret.
    #[must_use]
    pub fn derive(secret: &[u8]) -> Self {
        let key = |purpose: &[u8]| {
            let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), purpose);
            hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
        };
        Self { successor: key(b"schools24 refresh successor v1"), tag: key(b"schools24 refresh tag v1") }
    }

    /// The first token of a session. Fails only when the machine has no randomness.
    pub fn first(&self, session: SessionId) -> Result<RefreshToken, aws_lc_rs::error::Unspecified> {
        let mut secret = [0; SECRET];
        rand::fill(&mut secret)?;
        Ok(RefreshToken { secret, session })
    }

    /// The one token that replaces `token`.
    #[must_use]
    pub fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let signed = hmac::sign(&self.successor, &token.untagged());
        let mut secret = [0; SECRET];
        for (to, from) in secret.iter_mut().zip(signed.as_ref()) {
            *to = *from;
        }
        RefreshToken { secret, session: token.session }
    }

    /// The text that the client gets.
    #[must_use]
    pub fn encode(&self, token: &RefreshToken) -> String {
        let mut bytes = token.untagged();
        let tag = hmac::sign(&self.tag, &bytes);
        bytes.extend(tag.as_ref().iter().take(TAG));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The token in `text`, if it is one of ours.
    #[must_use]
    pub fn decode(&self, text: &str) -> Option<RefreshToken> {
        if text.len() > 2 * (SECRET + ID + TAG) {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (untagged, tag) = bytes.split_at_checked(SECRET + ID)?;
        let expected = hmac::sign(&self.tag, untagged);
        constant_time::verify_slices_are_equal(tag, expected.as_ref().get(..TAG)?).ok()?;
        let (secret, id) = untagged.split_at_checked(SECRET)?;
        Some(RefreshToken { secret: secret.try_into().ok()?, session: SessionId::from_uuid(Uuid::from_slice(id).ok()?) })
    }
}

impl std::fmt::Debug for RefreshKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshKeys")
    }
}

impl RefreshToken {
    /// What is stored in its place.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.untagged()).into()
    }

    fn untagged(&self) -> Vec<u8> {
        [&self.secret[..], self.session.as_uuid().as_bytes()].concat()
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshToken").field("session", &self.session).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_has_one_successor() {
        let keys = RefreshKeys::derive(b"secret");
        let token = keys.first(SessionId::generate()).unwrap();
        assert_eq!(keys.decode(&keys.encode(&token)), Some(token.clone()));
        let next = keys.successor(&token);
        assert_eq!(next, keys.successor(&token));
        assert_ne!(next.hash(), token.hash());
        assert_ne!(keys.successor(&next).hash(), next.hash());
        assert_ne!(RefreshKeys::derive(b"other").successor(&token), next);
    }

    #[test]
    fn no_edited_or_foreign_token_reads() {
        let keys = RefreshKeys::derive(b"secret");
        let text = keys.encode(&keys.first(SessionId::generate()).unwrap());
        assert_eq!(RefreshKeys::derive(b"other").decode(&text), None);
        for place in 0..text.len() {
            let mut edited = text.clone().into_bytes();
            edited[place] = if edited[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(keys.decode(&String::from_utf8(edited).unwrap()), None, "at {place}");
        }
        for garbage in ["", "x", "====", &"A".repeat(10_000)] {
            assert_eq!(keys.decode(garbage), None);
        }
    }
}
