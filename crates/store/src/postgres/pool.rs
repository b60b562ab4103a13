//! The pool: opens transactions, never bare connections.

use std::fmt::{self, Debug};
use std::sync::Arc;

use domain::{SchoolId, UserId};
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, PgPool};
use tracing::Instrument;

use super::transaction::{Login, Mode, Platform, School, Scope, Transaction};
use super::{Identity, LoginTransaction, PlatformTransaction, PostgresConfig, SchoolTransaction};
use crate::StoreError;

/// PostgreSQL, acting as one role. Cheap to clone; all clones share the pool.
#[derive(Clone)]
pub struct Postgres {
    pool: PgPool,
    identity: Identity,
    database: Arc<str>,
}

impl Postgres {
    /// A pool that opens its first connection when it is first needed, so that a service starts while the database is down
    /// (`/ready` tells). Must be called within a Tokio runtime, which runs the pool's upkeep.
    #[must_use]
    pub fn connect(config: &PostgresConfig, identity: Identity) -> Self {
        let pool = config.pool_options().connect_lazy_with(config.connect_options(identity));
        Self { pool, identity, database: config.database.as_str().into() }
    }

    /// As whom this pool acts.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// A transaction that sees and changes the rows of one school.
    pub async fn school(&self, school: SchoolId) -> Result<SchoolTransaction, StoreError> {
        self.begin(School(school), Mode::ReadWrite).await
    }

    /// Like [`school`](Self::school), but PostgreSQL refuses every write (25006). Each statement sees what is committed when it starts.
    pub async fn school_read(&self, school: SchoolId) -> Result<SchoolTransaction, StoreError> {
        self.begin(School(school), Mode::ReadOnly).await
    }

    /// Like [`school_read`](Self::school_read), but all statements see one snapshot: for figures that must agree with each other.
    pub async fn school_snapshot(&self, school: SchoolId) -> Result<SchoolTransaction, StoreError> {
        self.begin(School(school), Mode::Snapshot).await
    }

    /// A transaction that sees the memberships of one user in all schools, and no other tenant rows: a login must find the
    /// user's schools before a school is known.
    pub async fn login(&self, user: UserId) -> Result<LoginTransaction, StoreError> {
        self.begin(Login(user), Mode::ReadWrite).await
    }

    /// A transaction for the tables that belong to no school (users, schools, keys, watermarks). No tenant row is visible in it,
    /// except to the batch processor, whose batches span schools.
    pub async fn platform(&self) -> Result<PlatformTransaction, StoreError> {
        self.begin(Platform, Mode::ReadWrite).await
    }

    /// Whether the database answers. One round trip, besides connecting.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        let answer = sqlx::raw_sql("SELECT 1").execute(&mut *connection).await;
        if let Err(error) = answer {
            connection.close_on_drop();
            return Err(error.into());
        }
        Ok(())
    }

    /// Connections open now, and how many of them are idle.
    #[must_use]
    pub fn connections(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// Closes all connections; waits for transactions in flight.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The pool as sea-orm sees it. Only for the migrations: it bypasses the transactions' scopes.
    pub(crate) fn unscoped(&self) -> sea_orm::DatabaseConnection {
        self.pool.clone().into()
    }

    async fn begin<S: Scope>(&self, scope: S, mode: Mode) -> Result<Transaction<S>, StoreError> {
        let span = tracing::info_span!(
            "postgres",
            otel.kind = "client",
            db.system.name = "postgresql",
            db.namespace = &*self.database,
            db.user = self.identity.name(),
            scope = S::NAME,
        );
        let connection = self.open(&scope.opening(mode)).instrument(span.clone()).await?;
        Ok(Transaction::new(connection, scope, span))
    }

    /// Runs `BEGIN …` on a pooled connection. A connection that died in the pool (the server was restarted) shows only now;
    /// nothing has happened in it yet, so the next one is tried, until there is a live one or no server to connect to.
    async fn open(&self, opening: &str) -> Result<PoolConnection<sqlx::Postgres>, StoreError> {
        let mut dead = 0;
        loop {
            let mut opened = Opening(Some(self.pool.acquire().await?));
            let Some(connection) = opened.0.as_mut() else { return Err(StoreError::other("no connection")) };
            match sqlx::raw_sql(AssertSqlSafe(opening)).execute(&mut **connection).await {
                Ok(_) => return opened.0.take().ok_or_else(|| StoreError::other("no connection")),
                Err(error) => {
                    let error = StoreError::from(error);
                    dead += 1;
                    if !matches!(error, StoreError::Unavailable(_)) || dead > self.pool.options().get_max_connections() {
                        return Err(error);
                    }
                }
            }
        }
    }
}

impl Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("database", &self.database).field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// A connection whose `BEGIN` is under way. If that fails or its caller goes away, nobody knows what state the connection
/// is in, and it is closed instead of going back into the pool.
struct Opening(Option<PoolConnection<sqlx::Postgres>>);

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(connection) = self.0.as_mut() {
            connection.close_on_drop();
        }
    }
}
