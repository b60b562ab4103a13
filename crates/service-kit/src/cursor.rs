//! Cursors: where in a list the next page starts, opaque to the client and proof against editing.
//!
//! A cursor is `base64url(tag ‖ JSON of the position)`. The tag is the first half of an HMAC-SHA256 over the list's name, its filters and the
//! position: a cursor that was changed, or taken to another list or other filters, does not open.

use std::marker::PhantomData;

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

const TAG: usize = 16;

/// Longer than any position that a list of ours sorts by.
const LONGEST: usize = 2048;

/// The key that seals cursors; derived from the JWT secret, so that all pods share it.
#[derive(Clone)]
pub struct CursorKey(hmac::Key);

impl CursorKey {
    /// The key that belongs to `secret`.
    #[must_use]
    pub fn derive(secret: &[u8]) -> Self {
        // A key of its own: what signs cursors must not be able to sign anything else.
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), b"schools24 cursor v1");
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    fn tag(&self, list: &str, filters: &[u8], position: &[u8]) -> [u8; TAG] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [list.as_bytes(), filters, position] {
            // Lengths first, so that no two triples read the same.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut tag = [0; TAG];
        for (to, from) in tag.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        tag
    }
}

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey")
    }
}

/// A cursor whose position is a `K`, such as `(Timestamp, HomeworkId)`.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<K>(PhantomData<K>);

impl<K: Serialize + DeserializeOwned> Cursor<K> {
    /// The cursor at `position` of `list` under `filters`. Put into the filters all that decides what the list holds and how it is sorted,
    /// the caller's school included, but not the limit.
    #[must_use]
    pub fn seal(key: &CursorKey, list: &str, filters: &impl Serialize, position: &K) -> String {
        let position = serde_json::to_vec(position).unwrap_or_default();
        let filters = serde_json::to_vec(filters).unwrap_or_default();
        let mut bytes = key.tag(list, &filters, &position).to_vec();
        bytes.extend(position);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in `cursor`, if it was sealed for this list and these filters; else 400 `invalid-cursor`.
    pub fn open(key: &CursorKey, list: &str, filters: &impl Serialize, cursor: &str) -> Result<K, Problem> {
        let opened = || {
            if cursor.len() > LONGEST {
                return None;
            }
            let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
            let (tag, position) = bytes.split_at_checked(TAG)?;
            let filters = serde_json::to_vec(filters).ok()?;
            constant_time::verify_slices_are_equal(tag, &key.tag(list, &filters, position)).ok()?;
            serde_json::from_slice(position).ok()
        };
        opened().ok_or_else(Problem::invalid_cursor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Position = Cursor<(i64, String)>;

    proptest! {
        #[test]
        fn a_cursor_opens_where_it_was_sealed(at in any::<i64>(), text in ".*", list in ".*", filter in ".*") {
            let key = CursorKey::derive(b"secret");
            prop_assume!(text.len() < 500);
            let sealed = Position::seal(&key, &list, &filter, &(at, text.clone()));
            prop_assert!(sealed.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(Position::open(&key, &list, &filter, &sealed).unwrap(), (at, text));
        }

        #[test]
        fn a_cursor_opens_nowhere_else(at in any::<i64>(), list in "[a-z]{1,9}", other in "[a-z]{1,9}", filter in any::<u8>(), another in any::<u8>()) {
            prop_assume!((&list, filter) != (&other, another));
            let key = CursorKey::derive(b"secret");
            let sealed = Position::seal(&key, &list, &filter, &(at, String::new()));
            prop_assert!(Position::open(&key, &other, &another, &sealed).is_err());
            prop_assert!(Position::open(&CursorKey::derive(b"other"), &list, &filter, &sealed).is_err());
        }

        #[test]
        fn no_edited_cursor_opens(at in any::<i64>(), place in any::<prop::sample::Index>(), with in "[A-Za-z0-9_-]") {
            let key = CursorKey::derive(b"secret");
            let sealed = Position::seal(&key, "list", &(), &(at, "x".to_owned()));
            let mut edited: Vec<u8> = sealed.clone().into_bytes();
            let place = place.index(edited.len());
            edited[place] = with.as_bytes()[0];
            let edited = String::from_utf8(edited).unwrap();
            prop_assume!(edited != sealed);
            prop_assert!(Position::open(&key, "list", &(), &edited).is_err());
        }

        #[test]
        fn garbage_never_opens_and_never_panics(garbage in ".*") {
            prop_assert!(Position::open(&CursorKey::derive(b"secret"), "list", &(), &garbage).is_err());
        }
    }
}
