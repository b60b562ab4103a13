//! Where PostgreSQL is, and as whom to talk to it.

use std::time::Duration;

use domain::ServiceName;
use secrecy::{ExposeSecret, SecretString};
pub use sqlx::postgres::PgSslMode as SslMode;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// Where PostgreSQL is and how much of it one pool may use.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// Host name, address, or the directory of a Unix socket (an absolute path).
    pub host: String,
    /// TCP port, or the number in the socket's name.
    pub port: u16,
    /// Database.
    pub database: String,
    /// Login role: `schools24_app` for services and the batch processor, `schools24_owner` for migrations.
    pub user: String,
    /// The login role's password.
    pub password: SecretString,
    /// Whether to use TLS.
    pub ssl_mode: SslMode,
    /// Connections that one pool may open. Every service has a pool of its own.
    pub max_connections: u32,
    /// How long to wait for a connection before the database counts as unavailable.
    pub acquire_timeout: Duration,
    /// How long a statement may run. Not applied to [`Identity::Owner`], whose migrations take the time they need.
    pub statement_timeout: Duration,
    /// How long a statement may wait for a lock.
    pub lock_timeout: Duration,
}

impl PostgresConfig {
    /// A configuration with ten connections and everyday timeouts.
    #[must_use]
    pub fn new(host: &str, port: u16, database: &str, user: &str, password: SecretString) -> Self {
        Self {
            host: host.to_owned(),
            port,
            database: database.to_owned(),
            user: user.to_owned(),
            password,
            ssl_mode: SslMode::Prefer,
            max_connections: 10,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(15),
            lock_timeout: Duration::from_secs(5),
        }
    }

    pub(super) fn connect_options(&self, identity: Identity) -> PgConnectOptions {
        // Without pgpass: a password file on the machine must not override or replace what was configured.
        let options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .database(&self.database)
            .username(&self.user)
            .password(self.password.expose_secret())
            .ssl_mode(self.ssl_mode)
            .application_name(&format!("schools24-{}", identity.name()))
            .statement_cache_capacity(256);
        let milliseconds = |timeout: Duration| timeout.as_millis().to_string();
        let options = options.options([("lock_timeout", milliseconds(self.lock_timeout)), ("timezone", "UTC".to_owned())]);
        let Some(role) = identity.database_role() else { return options };
        options.options([
            ("role", role.to_owned()),
            ("statement_timeout", milliseconds(self.statement_timeout)),
            // A transaction whose client hangs must not hold its locks for ever.
            ("idle_in_transaction_session_timeout", milliseconds(self.statement_timeout * 4)),
        ])
    }

    pub(super) fn pool_options(&self) -> PgPoolOptions {
        PgPoolOptions::new()
            .min_connections(0)
            .max_connections(self.max_connections)
            .acquire_timeout(self.acquire_timeout)
            .idle_timeout(Duration::from_mins(5))
            .max_lifetime(Duration::from_mins(30))
            // A ping before each transaction would be a round trip more; `Postgres` retries a dead connection's BEGIN instead.
            .test_before_acquire(false)
    }
}

/// As whom a pool acts: the role that it takes when a connection starts, and cannot be talked out of by a forgotten `SET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// One of the ten services: reads its school, writes its own tables.
    Service(ServiceName),
    /// The batch processor: writes the buffered tables of all schools.
    Batch,
    /// The login role itself, for migrations.
    Owner,
}

impl Identity {
    /// The role to act as; none for the owner, who acts as the login role.
    #[must_use]
    pub const fn database_role(self) -> Option<&'static str> {
        match self {
            Self::Service(service) => Some(service.database_role()),
            Self::Batch => Some("schools24_batch"),
            Self::Owner => None,
        }
    }

    /// The name in `pg_stat_activity` and in spans.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service(service) => service.as_str(),
            Self::Batch => "batch",
            Self::Owner => "owner",
        }
    }
}
