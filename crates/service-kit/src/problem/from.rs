//! How the errors of the layers below become problems. Whatever is not known to be the client's doing is a 500 and goes to the log.

use std::time::Duration;

use cache::CacheError;
use sea_orm::DbErr;
use store::StoreError;
use write_behind::{ReadError, WriteError};

use super::{Kind, Problem};

const SOON: Duration = Duration::from_secs(1);

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(error)
    }
}

impl From<Vec<domain::Fault>> for Problem {
    fn from(faults: Vec<domain::Fault>) -> Self {
        Self::invalid(faults)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "PostgreSQL is away");
                Self::unavailable(SOON, "The database")
            }
            StoreError::Serialization(_) => {
                tracing::warn!(%error, "a transaction lost against another");
                Self::unavailable(SOON, "The row, which is being changed by others,")
            }
            // A constraint's name is ours, documented, and holds no value.
            StoreError::UniqueViolation { constraint, .. } | StoreError::ExclusionViolation { constraint, .. } => {
                Self::new(Kind::AlreadyExists, format!("The rule {constraint} allows it only once."))
            }
            StoreError::ForeignKeyViolation { constraint, .. } => {
                Self::new(Kind::ReferenceNotFound, format!("Something that is referred to does not exist (rule {constraint})."))
            }
            StoreError::CheckViolation { .. } | StoreError::InvalidData(_) | StoreError::NotPermitted(_) | StoreError::Other { .. } => {
                Self::internal(error)
            }
        }
    }
}

impl From<DbErr> for Problem {
    fn from(error: DbErr) -> Self {
        StoreError::from(error).into()
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Conflict(current) => Self::precondition_failed(current),
            WriteError::Exists => Self::new(Kind::AlreadyExists, "It exists already."),
            WriteError::KeyReused => Self::new(Kind::IdempotencyKeyReused, "This Idempotency-Key came with another body before."),
            WriteError::Busy { retry_after } => Self::unavailable(retry_after, "Room for another write"),
            WriteError::Evicted | WriteError::Outdated | WriteError::Unavailable(_) => {
                tracing::warn!(%error, "a write was not acknowledged");
                Self::unavailable(SOON, "The write buffer")
            }
            WriteError::Store(error) => error.into(),
            WriteError::Encode(_) | WriteError::Corrupt(_) => Self::internal(error),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => error.into(),
            ReadError::Unsettled | ReadError::Outdated => Self::unavailable(SOON, "The row, which is being changed by others,"),
            ReadError::Decode(_) => Self::internal(error),
        }
    }
}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        Self::internal(error)
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(error)
    }
}
