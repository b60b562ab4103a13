//! The token in a feed's address. It names its school, since nothing else in the request does, and holds 256 random bits. Only its hash is kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::SchoolId;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

const SECRET: usize = 32;
const SCHOOL: usize = 16;

/// A token in the clear: shown once, to whoever made the feed.
#[derive(Clone)]
pub struct FeedToken {
    bytes: [u8; SCHOOL + SECRET],
}

impl FeedToken {
    /// A new one for a feed of `school`; none if the system has no randomness to give.
    #[must_use]
    pub fn generate(school: SchoolId) -> Option<Self> {
        let mut secret = [0; SECRET];
        OsRng.try_fill_bytes(&mut secret).ok()?;
        Some(Self::of(school, &secret))
    }

    fn of(school: SchoolId, secret: &[u8; SECRET]) -> Self {
        let mut bytes = [0; SCHOOL + SECRET];
        let (head, tail) = bytes.split_at_mut(SCHOOL);
        head.copy_from_slice(school.as_uuid().as_bytes());
        tail.copy_from_slice(secret);
        Self { bytes }
    }

    /// The token in an address. What is none becomes one that nobody has, so that a look-up takes its usual way.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map_or_else(|| Self::of(SchoolId::from_uuid(Uuid::nil()), &[0; SECRET]), |bytes| Self { bytes })
    }

    /// As it stands in an address.
    #[must_use]
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes)
    }

    /// The school that it claims to be of.
    #[must_use]
    pub fn school(&self) -> SchoolId {
        SchoolId::from_uuid(Uuid::from_bytes(self.bytes.first_chunk().copied().unwrap_or_default()))
    }

    /// What is kept of it: SHA-256. The token is random, so a slow hash would add nothing.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.bytes).into()
    }
}

impl std::fmt::Debug for FeedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FeedToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_names_its_school_and_is_like_no_other() {
        let school = SchoolId::generate();
        let (one, other) = (FeedToken::generate(school).unwrap(), FeedToken::generate(school).unwrap());
        let read = FeedToken::read(&one.text());
        assert_eq!((read.school(), read.hash()), (school, one.hash()));
        assert_ne!(one.hash(), other.hash());
        assert_eq!(one.text().len(), 64);
        assert_eq!(format!("{one:?}"), "FeedToken(…)");
    }

    #[test]
    fn what_is_no_token_is_one_that_nobody_has() {
        for text in ["", "x", "../../etc", &"A".repeat(63), &"A".repeat(65), &"!".repeat(64)] {
            assert_eq!(FeedToken::read(text).school(), SchoolId::from_uuid(Uuid::nil()), "{text}");
        }
    }
}
