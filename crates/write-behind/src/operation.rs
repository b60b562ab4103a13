//! An operation: the rows that one request writes, and what it tells.

use std::sync::Arc;

use cache::Guard;
use cache::codec::{EncodeError, Encoded};
use domain::{EventEnvelope, Partition, SchoolId, ServiceName, Version};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::buffer::Encoding;
use crate::entity::{Buffered, Rows, RowsOf};
use crate::mechanism::{Mechanism, on};

/// Proof that a row was looked for and not found, and up to which write that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// The partition's settled number before PostgreSQL was asked; empty if PostgreSQL could not be asked.
    pub(crate) settled: String,
}

impl Absence {
    /// For when PostgreSQL is away and can't be asked: buffered writes go on, and should the row exist after all, the drain notices
    /// and keeps both, one of them as a dead letter.
    #[must_use]
    pub const fn unproven() -> Self {
        Self { settled: String::new() }
    }
}

/// A client's idempotency key: the same key, caller and body get the first answer again.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// Hash of school, user, route and key.
    hash: [u8; 32],
    fingerprint: [u8; 8],
}

impl Idempotency {
    /// For `key` sent by a user of a school to `route` with `body`.
    #[must_use]
    pub fn new(school: SchoolId, user: Uuid, route: &str, key: &str, body: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        for part in [school.as_uuid().as_bytes().as_slice(), user.as_bytes(), route.as_bytes(), key.as_bytes()] {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        Self { hash: hasher.finalize().into(), fingerprint: first_8(&Sha256::digest(body).into()) }
    }

    /// The id of the row that this key creates. Derived, so that a retry names the same row even through another store. UUIDv8.
    #[must_use]
    pub fn row_id(&self) -> Uuid {
        uuid_of(&self.hash)
    }

    /// The field in the operations hash: 16 bytes, hexadecimal.
    pub(crate) fn field(&self) -> String {
        self.row_id().simple().to_string()
    }

    pub(crate) const fn fingerprint(&self) -> [u8; 8] {
        self.fingerprint
    }
}

/// The id of a row with a natural key, such as (homework, student, attempt): whoever creates it names the same row. UUIDv8.
#[must_use]
pub fn natural_id(entity: &str, parts: &[&[u8]]) -> Uuid {
    let mut hasher = Sha256::new();
    for part in std::iter::once(entity.as_bytes()).chain(parts.iter().copied()) {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    uuid_of(&hasher.finalize().into())
}

pub(crate) fn first_8(hash: &[u8; 32]) -> [u8; 8] {
    hash.first_chunk().copied().unwrap_or_default()
}

/// The first half of a hash as a UUID, version 8: made in a way of our own.
fn uuid_of(hash: &[u8; 32]) -> Uuid {
    uuid::Builder::from_custom_bytes(hash.first_chunk().copied().unwrap_or_default()).into_uuid()
}

/// What a row must be like for the write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A fresh id: nobody can have written it.
    Fresh,
    /// A natural key that was seen to be free.
    Absent(Absence),
    /// The version that the caller has seen.
    Version(Version),
}

/// One row with its type erased: as a value for Redis, or straight into its table.
pub(crate) trait AnyRow: Rows {
    fn encode(&self, encoding: &Encoding) -> Result<Encoded, EncodeError>;
}

impl<T: Buffered> AnyRow for RowsOf<T> {
    fn encode(&self, encoding: &Encoding) -> Result<Encoded, EncodeError> {
        let [row] = self.0.as_slice() else { return Err(EncodeError::TooLarge(0)) };
        encoding.encode(row)
    }
}

/// One row of an operation.
pub(crate) struct RowWrite {
    pub(crate) entity: &'static str,
    pub(crate) id: Uuid,
    pub(crate) version: Version,
    pub(crate) expected: Expected,
    pub(crate) scopes: Vec<String>,
    pub(crate) image: Box<dyn AnyRow>,
}

/// An operation being put together. All its rows belong to one school and one service, and are written together or not at all.
pub struct Operation {
    pub(crate) school: SchoolId,
    pub(crate) service: ServiceName,
    pub(crate) rows: Vec<RowWrite>,
    pub(crate) events: Vec<EventEnvelope>,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) guard: Option<Arc<Guard>>,
    /// Names the operation when the client did not: tells our own repeated command from somebody else's.
    pub(crate) nonce: Uuid,
}

impl Operation {
    /// An empty operation.
    #[must_use]
    pub fn new(school: SchoolId, service: ServiceName) -> Self {
        Self { school, service, rows: Vec::new(), events: Vec::new(), idempotency: None, guard: None, nonce: Uuid::now_v7() }
    }

    /// Creates `row`, whose id is fresh.
    #[must_use]
    pub fn create<T: Buffered>(self, row: &T) -> Self {
        self.row(row, Expected::Fresh)
    }

    /// Creates `row`, whose id is its natural key's, which was found to be free.
    #[must_use]
    pub fn create_absent<T: Buffered>(self, row: &T, absence: Absence) -> Self {
        self.row(row, Expected::Absent(absence))
    }

    /// Replaces version `seen` by `row`.
    #[must_use]
    pub fn update<T: Buffered>(self, row: &T, seen: Version) -> Self {
        self.row(row, Expected::Version(seen))
    }

    /// Tells `event` with the write.
    #[must_use]
    pub fn event(mut self, event: EventEnvelope) -> Self {
        self.events.push(event);
        self
    }

    /// Answers a repetition with the first answer.
    #[must_use]
    pub fn idempotent(mut self, idempotency: Option<Idempotency>) -> Self {
        self.idempotency = idempotency;
        self
    }

    /// Names the operation, when it may have to be put together anew after a try whose outcome is unknown: under the same name the second try knows the first one's
    /// write for its own. Each name stands for one operation.
    #[must_use]
    pub fn named(mut self, name: Uuid) -> Self {
        self.nonce = name;
        self
    }

    /// Writes only while `guard` holds, which is compared in the same step; else [`crate::WriteError::Outdated`]. Its key lies in the school's partition.
    #[must_use]
    pub fn guarded(mut self, guard: Option<&Arc<Guard>>) -> Self {
        self.guard = guard.cloned();
        self
    }

    fn row<T: Buffered>(mut self, row: &T, expected: Expected) -> Self {
        debug_assert!(row.school() == self.school && T::SERVICE == self.service, "a row of another school or service");
        self.rows.push(RowWrite {
            entity: T::ENTITY,
            id: row.id(),
            version: row.version(),
            expected,
            scopes: row.scopes(),
            image: Box::new(RowsOf(vec![row.clone()])),
        });
        self
    }

    /// Whether PostgreSQL can take it without Redis: it only creates rows, each under an id that is fresh, or that the idempotency key names, where a
    /// different row would be noticed.
    pub(crate) fn needs_no_proof(&self) -> bool {
        if !on(Mechanism::DetourOnlyForFreshCreates) {
            return true;
        }
        let named = self.idempotency.as_ref().map(Idempotency::row_id);
        self.rows
            .iter()
            .all(|row| row.expected == Expected::Fresh || (matches!(row.expected, Expected::Absent(_)) && named == Some(row.id)))
    }

    pub(crate) fn partition(&self) -> Partition {
        Partition::of(self.school)
    }

    /// The first 8 bytes of the operation's hash.
    pub(crate) fn tag(&self) -> [u8; 8] {
        match &self.idempotency {
            Some(idempotency) => first_8(&idempotency.hash),
            None => first_8(&Sha256::digest(self.nonce.as_bytes()).into()),
        }
    }
}
