//! What can go wrong with PostgreSQL, sorted by what a caller can do about it.

use std::sync::Arc;

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use thiserror::Error;

/// A failure of PostgreSQL. The message of the database is kept for the log; it may name values, so it never goes to a client.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// No connection, or the server is starting, stopping or out of resources (classes 08, 53, 57P; pool exhausted). Worth retrying later.
    #[error("PostgreSQL is unavailable: {0}")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// Lost against a concurrent transaction (40001, 40P01) or waited too long for its lock (55P03). Worth retrying at once.
    #[error("the transaction lost against a concurrent one: {0}")]
    Serialization(#[source] Arc<sqlx::Error>),
    /// The row exists already (23505).
    #[error("unique constraint {constraint:?} is violated")]
    UniqueViolation {
        /// Name of the constraint or unique index.
        constraint: String,
        /// What the database said.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// A row that is pointed at is missing, or still pointed at (23503).
    #[error("foreign key {constraint:?} is violated")]
    ForeignKeyViolation {
        /// Name of the constraint.
        constraint: String,
        /// What the database said.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// A value breaks a rule of its row (23514), or a rule across rows that a trigger keeps.
    #[error("check constraint {constraint:?} is violated")]
    CheckViolation {
        /// Name of the constraint.
        constraint: String,
        /// What the database said.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// Overlaps another row (23P01).
    #[error("exclusion constraint {constraint:?} is violated")]
    ExclusionViolation {
        /// Name of the constraint.
        constraint: String,
        /// What the database said.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// A value that the column can't hold (class 22), or a missing one (23502).
    #[error("the data doesn't fit: {0}")]
    InvalidData(#[source] Arc<sqlx::Error>),
    /// The role may not do that (42501): not its table, or a row of another school.
    #[error("not permitted: {0}")]
    NotPermitted(#[source] Arc<sqlx::Error>),
    /// Anything else: a statement that was cancelled by its timeout, a mistake in SQL, a row that doesn't decode.
    #[error("{message}")]
    Other {
        /// What failed.
        message: String,
        /// What the database said, if it was the database.
        #[source]
        source: Option<Arc<sqlx::Error>>,
    },
}

impl StoreError {
    /// Whether the same work may succeed when it is tried again: the data are not at fault.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Serialization(_))
    }

    /// The SQLSTATE, when the server gave one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<String> {
        self.cause()?.as_database_error()?.code().map(std::borrow::Cow::into_owned)
    }

    /// The constraint that was violated, if one was.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::UniqueViolation { constraint, .. }
            | Self::ForeignKeyViolation { constraint, .. }
            | Self::CheckViolation { constraint, .. }
            | Self::ExclusionViolation { constraint, .. } => Some(constraint),
            _ => None,
        }
    }

    fn cause(&self) -> Option<&Arc<sqlx::Error>> {
        match self {
            Self::Unavailable(source)
            | Self::Serialization(source)
            | Self::InvalidData(source)
            | Self::NotPermitted(source)
            | Self::UniqueViolation { source, .. }
            | Self::ForeignKeyViolation { source, .. }
            | Self::CheckViolation { source, .. }
            | Self::ExclusionViolation { source, .. } => Some(source),
            Self::Other { source, .. } => source.as_ref(),
        }
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::Other { message: message.into(), source: None }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::from(Arc::new(error))
    }
}

impl From<Arc<sqlx::Error>> for StoreError {
    fn from(source: Arc<sqlx::Error>) -> Self {
        let Some(database) = source.as_database_error() else {
            return match source.as_ref() {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => Self::Unavailable(source),
                _ => Self::Other { message: source.to_string(), source: Some(source) },
            };
        };
        let code = database.code().unwrap_or_default().into_owned();
        let constraint = database.constraint().unwrap_or_default().to_owned();
        match code.as_str() {
            "23505" => Self::UniqueViolation { constraint, source },
            "23503" => Self::ForeignKeyViolation { constraint, source },
            "23514" => Self::CheckViolation { constraint, source },
            "23P01" => Self::ExclusionViolation { constraint, source },
            "23502" => Self::InvalidData(source),
            "40001" | "40P01" | "55P03" => Self::Serialization(source),
            // 25P03 and 57P05: the server ended an idle session. 57P03: it is starting.
            "25P03" => Self::Unavailable(source),
            "0A000" if is_of_a_standby(database) => Self::Unavailable(source),
            "42501" => Self::NotPermitted(source),
            code if code.starts_with("08") || code.starts_with("53") || code.starts_with("57P") => Self::Unavailable(source),
            code if code.starts_with("22") => Self::InvalidData(source),
            _ => Self::Other { message: source.to_string(), source: Some(source) },
        }
    }
}

/// Whether a standby refused to begin a transaction that writes: it says that it doesn't support setting this, and only its own source tells what.
fn is_of_a_standby(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().and_then(sqlx::postgres::PgDatabaseError::routine)
        == Some("call_bool_check_hook")
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::Conn(RuntimeErr::SqlxError(source))
            | DbErr::Exec(RuntimeErr::SqlxError(source))
            | DbErr::Query(RuntimeErr::SqlxError(source)) => source.into(),
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => sqlx::Error::PoolTimedOut.into(),
            DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => sqlx::Error::PoolClosed.into(),
            other => Self::other(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_is_transient_and_a_missing_row_is_not() {
        let lost = sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert!(StoreError::from(lost).is_transient());
        assert!(StoreError::from(sqlx::Error::PoolTimedOut).is_transient());
        assert!(StoreError::from(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)).is_transient());
        assert!(!StoreError::from(sqlx::Error::RowNotFound).is_transient());
        assert!(!StoreError::from(DbErr::RecordNotUpdated).is_transient());
    }
}
