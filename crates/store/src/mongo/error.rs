//! What can go wrong with MongoDB, sorted by what a caller can do about it.

use mongodb::error::{Error, ErrorKind, WriteFailure};
use thiserror::Error;

/// A failure of MongoDB, or of what it was asked to do.
#[derive(Debug, Clone, Error)]
pub enum MongoError {
    /// No server answers. Worth retrying later.
    #[error("MongoDB is unavailable: {0}")]
    Unavailable(#[source] Error),
    /// A document with the same key exists already (11000).
    #[error("a document with the same key exists: {0}")]
    DuplicateKey(#[source] Error),
    /// The collection's validator refused the document (121).
    #[error("the document doesn't fit its collection: {0}")]
    InvalidDocument(#[source] Error),
    /// The document says that it belongs to another school.
    #[error("the document belongs to another school")]
    OtherSchool,
    /// The request would leave the school, or change what may only be added to. A programming error.
    #[error("refused: {0}")]
    Refused(String),
    /// The document can't be encoded or decoded.
    #[error("the document can't be encoded or decoded: {0}")]
    Encoding(#[source] mongodb::bson::error::Error),
    /// Anything else.
    #[error("MongoDB: {0}")]
    Other(#[source] Error),
}

impl MongoError {
    /// Whether the same request may succeed later: the data are not at fault.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<mongodb::bson::error::Error> for MongoError {
    fn from(error: mongodb::bson::error::Error) -> Self {
        Self::Encoding(error)
    }
}

impl From<Error> for MongoError {
    fn from(error: Error) -> Self {
        if let Some(code) = code(&error) {
            match code {
                11000 | 11001 => return Self::DuplicateKey(error),
                121 => return Self::InvalidDocument(error),
                _ => {}
            }
        }
        let lost = matches!(
            error.kind.as_ref(),
            ErrorKind::Io(_)
                | ErrorKind::ServerSelection { .. }
                | ErrorKind::ConnectionPoolCleared { .. }
                | ErrorKind::DnsResolve { .. }
                | ErrorKind::Shutdown
        );
        // The driver labels what a server that is stepping down or shutting down answers.
        if lost || error.contains_label(mongodb::error::RETRYABLE_WRITE_ERROR) {
            return Self::Unavailable(error);
        }
        Self::Other(error)
    }
}

/// The server's error code, wherever the driver puts it.
pub(super) fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::InsertMany(many) => many.write_errors.as_ref()?.first().map(|write| write.code),
        _ => None,
    }
}
