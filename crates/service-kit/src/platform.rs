//! What a process shares between its services: the stores, the clock, the verifier.
//!
//! Clients connect when they are first used, and come back by themselves: a process starts, and goes on, whichever store is away.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use actix_web::{HttpRequest, web};
use domain::{Clock, ServiceName, SystemClock};
use fred::clients::{Pool, SubscriberClient};
use secrecy::{ExposeSecret, SecretString};
use store::{Identity, Mongo, Postgres, PostgresConfig};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use write_behind::{BufferSettings, WriteBuffer};

use crate::config::{Config, Source};
use crate::cursor::CursorKey;
use crate::redis;
use crate::tokens::{KeySource, NoKeys, RevokedSessions, StoredKeys, Verifier, VerifierSettings};

/// Why a platform can't be built. A store that is away is no reason; an address that can't be understood is.
#[derive(Debug, Error)]
pub enum PlatformError {
    /// Redis.
    #[error("the Redis configuration can't be used: {0}")]
    Redis(#[from] fred::error::Error),
    /// MongoDB. Without the driver's words, which may repeat the URI and its password.
    #[error("MONGODB_URI can't be used: it can't be parsed, or its host can't be looked up")]
    Mongo,
}

/// What a platform is built from.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where the keys of access tokens come from; none is the table `signing_keys`.
    pub keys: Option<Box<dyn KeySource>>,
    /// The services of the process: they share PostgreSQL's connections, and the first one's role reads the signing keys.
    pub services: Vec<ServiceName>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("config", &self.config).field("services", &self.services).finish_non_exhaustive()
    }
}

/// The stores and tools of a process. Cheap to clone; built once.
#[derive(Clone)]
pub struct Platform(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Arc<dyn Clock>,
    pools: HashMap<ServiceName, OnceLock<Postgres>>,
    batch_pool: OnceLock<Postgres>,
    pool_config: PostgresConfig,
    mongo: Mongo,
    redis: Pool,
    cache_redis: Pool,
    cache: cache::Cache,
    buffer: WriteBuffer,
    events: events::Publisher,
    verifier: Verifier,
    cursor_key: CursorKey,
    shared: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    stopping: CancellationToken,
    /// Where clients' upkeep runs: PostgreSQL pools are made later, and not always from a thread that has a runtime.
    runtime: tokio::runtime::Handle,
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Platform {
    /// A platform as `config` says, for a process that runs `services`. Must be called within a Tokio runtime.
    pub async fn connect(config: Config, services: &[crate::Service]) -> Result<Self, PlatformError> {
        let services = services.iter().map(|service| service.name).collect();
        Self::build(Parts { config, clock: Arc::new(SystemClock), keys: None, services }).await
    }

    /// A platform of the caller's own parts: for tests.
    pub async fn build(parts: Parts) -> Result<Self, PlatformError> {
        let platform = Self::assemble(parts).await?;
        // The connections are made by tasks of their own, which try for ever; nobody waits for them.
        drop(platform.0.redis.connect_pool());
        if platform.has_separate_cache() {
            drop(platform.0.cache_redis.connect_pool());
        }
        Ok(platform)
    }

    /// A platform that is connected to nothing: enough to register routes and write their documentation.
    #[must_use]
    pub fn detached() -> Self {
        static DETACHED: OnceLock<Platform> = OnceLock::new();
        DETACHED
            .get_or_init(|| thread::scope(|scope| scope.spawn(detached).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))))
            .clone()
    }

    async fn assemble(parts: Parts) -> Result<Self, PlatformError> {
        let Parts { config, clock, keys, services } = parts;
        let redis = redis::pool(&config.redis)?;
        let cache_redis = if same_server(&config) { redis.clone() } else { redis::pool(&config.redis_cache)? };
        let uri = with_pool_size(config.mongo.uri.expose_secret(), config.mongo.max_pool_size);
        let mongo = Mongo::connect(&SecretString::from(uri)).await.map_err(|_| PlatformError::Mongo)?;
        let settings = BufferSettings {
            mode: config.write_buffer.mode,
            codec: config.values.codec,
            saved_ttl: config.write_buffer.saved_ttl,
            backlog_limit: config.write_buffer.backlog_limit,
            ack_replicas: config.write_buffer.ack_replicas,
            ..BufferSettings::default()
        };
        // The batch processor and each service get a like share.
        let shares = u32::try_from(services.len()).unwrap_or(u32::MAX).saturating_add(1);
        let mut pool_config = config.postgres.clone();
        pool_config.max_connections = (pool_config.max_connections / shares).max(2);
        let pools: HashMap<ServiceName, OnceLock<Postgres>> = ServiceName::ALL.iter().map(|name| (*name, OnceLock::new())).collect();
        let home = services.first().copied().unwrap_or(ServiceName::Auth);
        let postgres = Postgres::connect(&pool_config, Identity::Service(home));
        if let Some(pool) = pools.get(&home) {
            let _ = pool.set(postgres.clone());
        }
        let keys = keys.unwrap_or_else(|| Box::new(StoredKeys(postgres)));
        let verifier_settings = VerifierSettings { leeway: config.tokens.leeway, ..VerifierSettings::default() };
        Ok(Self(Arc::new(Inner {
            pools,
            batch_pool: OnceLock::new(),
            pool_config,
            mongo,
            cache: cache::Cache::new(cache_redis.clone(), config.values.codec),
            buffer: WriteBuffer::new(redis.clone(), settings, Arc::clone(&clock)),
            events: events::Publisher::new(redis.clone()),
            verifier: Verifier::new(keys, RevokedSessions::default(), Arc::clone(&clock), verifier_settings),
            cursor_key: CursorKey::derive(config.tokens.secret.expose_secret().as_bytes()),
            shared: Mutex::default(),
            stopping: CancellationToken::new(),
            runtime: tokio::runtime::Handle::current(),
            redis,
            cache_redis,
            clock,
            config,
        })))
    }

    /// The platform that serves `request`.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Option<&Self> {
        request.app_data::<web::Data<Self>>().map(web::Data::get_ref)
    }

    /// PostgreSQL, acting as the role of `service`.
    #[must_use]
    pub fn postgres(&self, service: ServiceName) -> &Postgres {
        let make = || self.pool(Identity::Service(service));
        match self.0.pools.get(&service) {
            Some(pool) => pool.get_or_init(make),
            // Not reached: the map holds every service. A pool with fewer rights is still no wrong answer.
            None => self.0.batch_pool.get_or_init(make),
        }
    }

    /// PostgreSQL, acting as the batch processor.
    #[must_use]
    pub fn batch_postgres(&self) -> &Postgres {
        self.0.batch_pool.get_or_init(|| self.pool(Identity::Batch))
    }

    fn pool(&self, identity: Identity) -> Postgres {
        let _within = self.0.runtime.enter();
        Postgres::connect(&self.0.pool_config, identity)
    }

    /// MongoDB.
    #[must_use]
    pub fn mongo(&self) -> &Mongo {
        &self.0.mongo
    }

    /// The Redis server of the write buffer, of events and of sessions.
    #[must_use]
    pub fn redis(&self) -> &Pool {
        &self.0.redis
    }

    /// The Redis server of the caches: the same one unless configured otherwise.
    #[must_use]
    pub fn cache_redis(&self) -> &Pool {
        &self.0.cache_redis
    }

    /// Whether caches have a server of their own.
    #[must_use]
    pub fn has_separate_cache(&self) -> bool {
        !same_server(&self.0.config)
    }

    /// Gives the worker whose thread this is connections to Redis of its own.
    pub(crate) fn settle(&self) {
        redis::settle(&self.0.config.redis, &self.0.redis);
        if self.has_separate_cache() {
            redis::settle(&self.0.config.redis_cache, &self.0.cache_redis);
        }
    }

    /// A connection to the Redis server of events that listens to channels, not connected yet. One for all that a service listens to.
    pub fn subscriber(&self) -> Result<SubscriberClient, fred::error::Error> {
        redis::subscriber(&self.0.config.redis)
    }

    /// The process's one `T`: what a service's workers and its background tasks have in common.
    #[must_use]
    pub fn shared<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut shared = self.0.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let one = shared.entry(TypeId::of::<T>()).or_insert_with(|| Arc::<T>::default());
        Arc::clone(one).downcast().unwrap_or_default()
    }

    /// Cancelled as soon as the process is to stop: an answer without an end ends then.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> &cache::Cache {
        &self.0.cache
    }

    /// The write buffer.
    #[must_use]
    pub fn buffer(&self) -> &WriteBuffer {
        &self.0.buffer
    }

    /// Where events are published.
    #[must_use]
    pub fn events(&self) -> &events::Publisher {
        &self.0.events
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// What verifies access tokens.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    /// What seals cursors.
    #[must_use]
    pub fn cursor_key(&self) -> &CursorKey {
        &self.0.cursor_key
    }
}

fn same_server(config: &Config) -> bool {
    config.redis.host == config.redis_cache.host && config.redis.port == config.redis_cache.port
}

/// The driver takes the size of its pool from the URI.
fn with_pool_size(uri: &str, size: u32) -> String {
    if uri.contains("maxPoolSize=") {
        return uri.to_owned();
    }
    let (_, rest) = uri.split_once("://").unwrap_or(("", uri));
    let glue = match (rest.contains('?'), rest.contains('/')) {
        (true, _) => "&",
        (false, true) => "?",
        (false, false) => "/?",
    };
    format!("{uri}{glue}maxPoolSize={size}")
}

/// Built on a thread and a runtime of its own, so that it can be had from anywhere. The runtime is never driven, and lives as long as the process.
// A platform without connections can only fail for want of a thread, which nobody could mend.
#[allow(clippy::expect_used)]
fn detached() -> Platform {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = Config::from_source(&Source::of([("JWT_SECRET", "detached-detached-detached-detached")])).expect("the defaults are valid");
    let parts = Parts { config, clock: Arc::new(SystemClock), keys: Some(Box::new(NoKeys)), services: ServiceName::ALL.to_vec() };
    let platform = runtime.block_on(Platform::assemble(parts)).expect("nothing to connect to");
    std::mem::forget(runtime);
    platform
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_size_joins_whatever_the_uri_says() {
        assert_eq!(with_pool_size("mongodb://h:1", 9), "mongodb://h:1/?maxPoolSize=9");
        assert_eq!(with_pool_size("mongodb://h:1/db", 9), "mongodb://h:1/db?maxPoolSize=9");
        assert_eq!(with_pool_size("mongodb://h:1/db?tls=true", 9), "mongodb://h:1/db?tls=true&maxPoolSize=9");
        assert_eq!(with_pool_size("mongodb://h/?maxPoolSize=3", 9), "mongodb://h/?maxPoolSize=3");
    }

    #[test]
    fn a_detached_platform_needs_no_runtime_and_no_store() {
        let platform = Platform::detached();
        assert_eq!(platform.postgres(ServiceName::Homework).identity(), Identity::Service(ServiceName::Homework));
        let _ = platform.mongo();
    }
}
