//! A transaction, and the scope that says which rows it may see.

use std::fmt::{self, Debug};
use std::sync::Arc;

use domain::{SchoolId, UserId};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::sync::{Mutex, MutexGuard};
use tracing::{Instrument, Span};

use crate::StoreError;

/// Which rows a transaction may see: the settings that the row security policies look at.
pub(super) trait Scope: Debug {
    /// The scope's name in spans.
    const NAME: &'static str;
    fn school(&self) -> Option<SchoolId>;
    fn user(&self) -> Option<UserId>;

    /// `BEGIN` with the settings, in one message. Both settings are always set, so that no transaction can inherit one.
    /// The ids are parsed UUIDs, so writing them into the text is safe.
    fn opening(&self, mode: Mode) -> String {
        let school = self.school().map(|school| school.to_string()).unwrap_or_default();
        let user = self.user().map(|user| user.to_string()).unwrap_or_default();
        let begin = mode.begin();
        format!("{begin}; SELECT set_config('app.current_school','{school}',true), set_config('app.current_user','{user}',true)")
    }
}

/// What a transaction may do, and what its statements see.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    ReadWrite,
    ReadOnly,
    Snapshot,
}

impl Mode {
    const fn begin(self) -> &'static str {
        match self {
            Self::ReadWrite => "BEGIN READ WRITE",
            Self::ReadOnly => "BEGIN READ ONLY",
            Self::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

/// The rows of one school.
#[derive(Debug, Clone, Copy)]
pub struct School(pub(super) SchoolId);

/// One user's memberships.
#[derive(Debug, Clone, Copy)]
pub struct Login(pub(super) UserId);

/// What belongs to no school.
#[derive(Debug, Clone, Copy)]
pub struct Platform;

impl Scope for School {
    const NAME: &'static str = "school";
    fn school(&self) -> Option<SchoolId> {
        Some(self.0)
    }
    fn user(&self) -> Option<UserId> {
        None
    }
}

impl Scope for Login {
    const NAME: &'static str = "login";
    fn school(&self) -> Option<SchoolId> {
        None
    }
    fn user(&self) -> Option<UserId> {
        Some(self.0)
    }
}

impl Scope for Platform {
    const NAME: &'static str = "platform";
    fn school(&self) -> Option<SchoolId> {
        None
    }
    fn user(&self) -> Option<UserId> {
        None
    }
}

/// A transaction within one school.
pub type SchoolTransaction = Transaction<School>;
/// A transaction within one user's memberships.
pub type LoginTransaction = Transaction<Login>;
/// A transaction within the tables of no school.
pub type PlatformTransaction = Transaction<Platform>;

/// An open transaction. It is sea-orm's [`ConnectionTrait`], so entities take `&transaction`; for plain sqlx there is
/// [`connection`](Self::connection). Dropped without [`commit`](Self::commit), it is rolled back.
pub struct Transaction<S> {
    // None once it is committed, rolled back or dropped.
    connection: Mutex<Option<PoolConnection<sqlx::Postgres>>>,
    scope: S,
    span: Span,
}

impl<S> Transaction<S> {
    pub(super) fn new(connection: PoolConnection<sqlx::Postgres>, scope: S, span: Span) -> Self {
        Self { connection: Mutex::new(Some(connection)), scope, span }
    }

    /// Makes the changes durable. Fails if any statement of the transaction has failed, even if the caller ignored that:
    /// PostgreSQL alone would answer such a `COMMIT` with a rollback that looks like success.
    ///
    /// An [`StoreError::Unavailable`] from here means that the outcome is unknown: the server may have committed before the
    /// connection broke.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        let Some(mut connection) = self.connection.get_mut().take() else { return Err(finished().into()) };
        let mut guard = Closing(&mut connection, true);
        // The SELECT fails in an aborted transaction, and then the COMMIT of the same message is not run.
        let outcome = sqlx::raw_sql("SELECT; COMMIT").execute(&mut **guard.0).instrument(self.span.clone()).await;
        guard.1 = outcome.is_err();
        drop(guard);
        outcome.map(drop).map_err(StoreError::from)
    }

    /// Gives the changes up and waits until the server has done so; just dropping the transaction doesn't wait.
    pub async fn rollback(mut self) -> Result<(), StoreError> {
        let Some(mut connection) = self.connection.get_mut().take() else { return Err(finished().into()) };
        let mut guard = Closing(&mut connection, true);
        let outcome = sqlx::raw_sql("ROLLBACK").execute(&mut **guard.0).instrument(self.span.clone()).await;
        guard.1 = outcome.is_err();
        drop(guard);
        outcome.map(drop).map_err(StoreError::from)
    }

    /// The connection within this transaction, for statements that sqlx says better than sea-orm (arrays, `COPY`, savepoints).
    /// Leave the transaction and its `app.` settings alone.
    pub fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        match self.connection.get_mut() {
            Some(connection) => Ok(&mut *connection),
            None => Err(finished().into()),
        }
    }

    async fn lock(&self) -> MutexGuard<'_, Option<PoolConnection<sqlx::Postgres>>> {
        self.connection.lock().await
    }
}

impl Transaction<School> {
    /// The school whose rows this transaction sees.
    pub const fn school_id(&self) -> SchoolId {
        self.scope.0
    }

    /// Waits until no other transaction of the school that has queued up for `what` is open, and holds the place until this one ends: for rules over many rows that no
    /// constraint can say. A transaction that queues up for several does so in the same order everywhere.
    pub async fn queue_up(&mut self, what: &str) -> Result<(), StoreError> {
        let name = format!("{what}:{}", self.scope.0);
        let connection = self.connection()?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 24))").bind(name).execute(connection).await?;
        Ok(())
    }
}

impl Transaction<Login> {
    /// The user whose memberships this transaction sees.
    pub const fn user_id(&self) -> UserId {
        self.scope.0
    }
}

impl<S: Debug> Debug for Transaction<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl<S> Drop for Transaction<S> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.get_mut().take() else { return };
        // The rollback is awaited by a task, so that a dropped transaction neither blocks nor goes back to the pool open.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    if sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.is_err() {
                        connection.close_on_drop();
                    }
                });
            }
            Err(_) => connection.close_on_drop(),
        }
    }
}

/// Closes the connection on drop while the flag stands: a commit or rollback that failed or whose caller went away leaves
/// the connection in a state that nobody knows.
struct Closing<'c>(&'c mut PoolConnection<sqlx::Postgres>, bool);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        if self.1 {
            self.0.close_on_drop();
        }
    }
}

fn finished() -> DbErr {
    DbErr::Custom("the transaction is finished".to_owned())
}

fn exec(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

fn query(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

fn values(statement: &mut Statement) -> SqlxValues {
    SqlxValues(statement.values.take().unwrap_or_else(|| sea_orm::sea_query::Values(Vec::new())))
}

#[async_trait::async_trait]
impl<S: Send + Sync> ConnectionTrait for Transaction<S> {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, mut statement: Statement) -> Result<ExecResult, DbErr> {
        let mut connection = self.lock().await;
        let connection = connection.as_mut().ok_or_else(finished)?;
        let values = values(&mut statement);
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), values);
        query.execute(&mut **connection).instrument(self.span.clone()).await.map(Into::into).map_err(exec)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut connection = self.lock().await;
        let connection = connection.as_mut().ok_or_else(finished)?;
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        query.execute(&mut **connection).instrument(self.span.clone()).await.map(Into::into).map_err(exec)
    }

    async fn query_one_raw(&self, mut statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut connection = self.lock().await;
        let connection = connection.as_mut().ok_or_else(finished)?;
        let values = values(&mut statement);
        let one = sqlx::query_with(AssertSqlSafe(statement.sql), values);
        let row = one.fetch_optional(&mut **connection).instrument(self.span.clone()).await.map_err(query)?;
        Ok(row.map(Into::into))
    }

    async fn query_all_raw(&self, mut statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut connection = self.lock().await;
        let connection = connection.as_mut().ok_or_else(finished)?;
        let values = values(&mut statement);
        let all = sqlx::query_with(AssertSqlSafe(statement.sql), values);
        let rows = all.fetch_all(&mut **connection).instrument(self.span.clone()).await.map_err(query)?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}
