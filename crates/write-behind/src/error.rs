//! Why a buffered write or read did not happen.

use std::time::Duration;

use cache::codec::{DecodeError, EncodeError};
use domain::Version;
use fred::error::{Error as RedisError, ErrorKind};
use store::StoreError;
use thiserror::Error;

/// Why a write was not acknowledged. Nothing was written, except after [`WriteError::Unavailable`], which leaves that open: repeat it with the same
/// idempotency key.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The row has moved on to another version.
    #[error("the row is at version {0} now")]
    Conflict(Version),
    /// A row with this id, or for this natural key, is there already.
    #[error("the row exists already")]
    Exists,
    /// The row is gone from Redis; read it again and repeat. [`crate::WriteBuffer`] does so by itself a few times.
    #[error("the row was evicted meanwhile")]
    Evicted,
    /// What the write relied on has changed (see [`crate::Operation::guarded`]); look again and repeat.
    #[error("what the write relied on has changed")]
    Outdated,
    /// The idempotency key was used for something else.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// Too much waits for PostgreSQL, or Redis is out of memory.
    #[error("too much is waiting to be saved")]
    Busy {
        /// When to come back.
        retry_after: Duration,
    },
    /// Redis is away, and the write can't be proved safe without it.
    #[error("the write buffer is away: {0}")]
    Unavailable(String),
    /// PostgreSQL refused or is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The row can't be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Redis answered what it never should.
    #[error("the write buffer is damaged: {0}")]
    Corrupt(String),
}

/// Why a row could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// PostgreSQL refused or is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The value in Redis can't be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// What the reader relies on has changed (see [`crate::WriteBuffer::find_guarded`]); look again and repeat.
    #[error("what the reader relied on has changed")]
    Outdated,
    /// Writers kept getting in between.
    #[error("the row changes too quickly to be read")]
    Unsettled,
}

/// Whether Redis is away, rather than having refused.
pub(crate) fn is_away(error: &RedisError) -> bool {
    let kind = matches!(
        error.kind(),
        ErrorKind::IO
            | ErrorKind::Timeout
            | ErrorKind::Canceled
            | ErrorKind::Backpressure
            | ErrorKind::Routing
            | ErrorKind::Cluster
            | ErrorKind::Auth
            | ErrorKind::Tls
    );
    // The driver's own words, without a kind, for a command that met a connection being replaced.
    let unrouted = error.details().starts_with("Failed to route command");
    kind || unrouted
        || ["LOADING", "MASTERDOWN", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MISCONF"].iter().any(|word| error.details().starts_with(word))
}

pub(crate) fn is_out_of_memory(error: &RedisError) -> bool {
    error.details().starts_with("OOM")
}
