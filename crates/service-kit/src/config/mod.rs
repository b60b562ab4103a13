//! Configuration from environment variables and `.env`: read once, checked as a whole before anything starts.
//!
//! Secrets are [`SecretString`]s: neither `Debug` nor a fault shows them.

mod payments;
mod read;
mod variables;

use std::time::Duration;

use secrecy::SecretString;
use store::PostgresConfig;

pub use payments::{PaymentsConfig, ProviderKeys, RazorpayKeys, StripeKeys};
pub use read::{ConfigFault, ConfigFaults, Source};
pub use variables::{Section, VARIABLES, Variable, all as all_variables, env_example};

/// Everything that a process is told.
#[derive(Debug, Clone)]
pub struct Config {
    /// How it serves.
    pub http: HttpConfig,
    /// PostgreSQL as the services' login role. `max_connections` is for the whole process; [`crate::Platform`] divides it.
    pub postgres: PostgresConfig,
    /// PostgreSQL as the migrations' login role.
    pub postgres_owner: PostgresConfig,
    /// MongoDB.
    pub mongo: MongoConfig,
    /// The Redis server of the write buffer.
    pub redis: RedisConfig,
    /// The Redis server of the caches.
    pub redis_cache: RedisConfig,
    /// How values in Redis are kept.
    pub values: ValuesConfig,
    /// How the write buffer behaves.
    pub write_buffer: WriteBufferConfig,
    /// The batch processor.
    pub batch: BatchConfig,
    /// Consumers of events.
    pub events: EventsConfig,
    /// Providers of payments.
    pub payments: PaymentsConfig,
    /// Tokens.
    pub tokens: TokensConfig,
    /// Logs, traces, metrics.
    pub telemetry: TelemetryConfig,
}

/// How a process serves.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Address.
    pub host: String,
    /// Port; 0 takes a free one.
    pub port: u16,
    /// Threads; none is one per core.
    pub workers: Option<usize>,
    /// Connections of one worker.
    pub max_connections: usize,
    /// How long an idle connection stays open.
    pub keep_alive: Duration,
    /// Where clients reach the API.
    pub public_url: String,
    /// Origins that may call; `*` is any.
    pub cors_allowed_origins: Vec<String>,
    /// Requests a minute for one session or address; 0 is no limit.
    pub rate_limit_per_minute: u32,
    /// Proxies in front whose `X-Forwarded-For` entries are true.
    pub trusted_proxy_hops: usize,
    /// How long requests in flight may take at the end.
    pub shutdown_timeout: Duration,
}

/// MongoDB.
#[derive(Debug, Clone)]
pub struct MongoConfig {
    /// Where it is.
    pub uri: SecretString,
    /// Connections.
    pub max_pool_size: u32,
}

/// A Redis server.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Password.
    pub password: Option<SecretString>,
    /// Database number.
    pub database: u8,
    /// Connections.
    pub pool_size: usize,
    /// How long one command may take.
    pub command_timeout: Duration,
}

/// How values in Redis are kept.
#[derive(Debug, Clone, Copy)]
pub struct ValuesConfig {
    /// How they are compressed.
    pub codec: cache::Codec,
    /// How long a cached value lives.
    pub default_ttl: Duration,
}

/// How the write buffer behaves.
#[derive(Debug, Clone, Copy)]
pub struct WriteBufferConfig {
    /// Where writes go.
    pub mode: write_behind::WriteMode,
    /// How long a saved row stays.
    pub saved_ttl: Duration,
    /// Unsaved writes of one partition.
    pub backlog_limit: u64,
    /// Replicas that must have a write.
    pub ack_replicas: u32,
}

/// The batch processor.
#[derive(Debug, Clone, Copy)]
pub struct BatchConfig {
    /// Whether it runs in this process.
    pub enabled: bool,
    /// How long it rests.
    pub interval: Duration,
    /// Transactions at once.
    pub workers: usize,
    /// Writes of one transaction.
    pub batch_size: u64,
    /// How long a partition stays with a processor that doesn't answer.
    pub lease: Duration,
}

/// Consumers of events.
#[derive(Debug, Clone, Copy)]
pub struct EventsConfig {
    /// After how long another process takes over what one left unfinished.
    pub claim_after: Duration,
}

/// Tokens.
#[derive(Debug, Clone)]
pub struct TokensConfig {
    /// Seals cursors and private keys.
    pub secret: SecretString,
    /// Life of an access token.
    pub access_life: Duration,
    /// How far clocks may disagree.
    pub leeway: Duration,
    /// Life of a refresh token.
    pub refresh_life: Duration,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Logs, traces, metrics.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// Which lines.
    pub filter: String,
    /// How they look.
    pub format: LogFormat,
    /// Where traces go.
    pub otlp_endpoint: Option<String>,
    /// Where metrics are served; none is nowhere.
    pub prometheus_port: Option<u16>,
}
