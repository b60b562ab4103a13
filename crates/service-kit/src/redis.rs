//! Clients for Redis that start without it, come back by themselves, and never wait for ever.

use std::time::Duration;

use fred::clients::{Client, Pool, SubscriberClient};
use fred::error::Error;
use fred::interfaces::ClientLike;
use fred::types::Builder;
use fred::types::config::{Config, ReconnectPolicy, ServerConfig, UnresponsiveConfig};
use secrecy::ExposeSecret;

use crate::config::RedisConfig;

fn builder(config: &RedisConfig, blocking: bool) -> Builder {
    let mut builder = Builder::from_config(Config {
        // The first connection may fail like any later one: serve, say not ready, go on trying.
        fail_fast: false,
        password: config.password.as_ref().map(|password| password.expose_secret().to_owned()),
        database: Some(config.database),
        server: ServerConfig::new_centralized(&config.host, config.port),
        ..Config::default()
    });
    // For ever, 100 ms to 5 s apart, spread so that the fleet doesn't come back in step.
    builder.set_policy(ReconnectPolicy::new_exponential(0, 100, 5_000, 2));
    builder.with_connection_config(|connection| {
        connection.connection_timeout = Duration::from_secs(2);
        connection.internal_command_timeout = Duration::from_secs(5);
        // A command may have run when its connection broke; only its caller knows whether to repeat it.
        connection.max_command_attempts = 1;
        connection.tcp.nodelay = Some(true);
        if !blocking {
            connection.unresponsive = UnresponsiveConfig { max_timeout: Some(Duration::from_secs(10)), interval: Duration::from_secs(2) };
        }
    });
    builder.with_performance_config(|performance| {
        performance.default_command_timeout = if blocking { Duration::ZERO } else { config.command_timeout };
        performance.broadcast_channel_capacity = 1024;
    });
    builder
}

/// A pool that is not connected yet.
pub(crate) fn pool(config: &RedisConfig) -> Result<Pool, Error> {
    builder(config, false).build_pool(config.pool_size.max(1))
}

/// Gives the thread at hand, which must drive a runtime of its own, a connection of its own beside `pool` ([`cache::near`]).
pub(crate) fn settle(config: &RedisConfig, pool: &Pool) {
    match builder(config, false).build() {
        Ok(own) => {
            // A task of this thread's runtime, which reconnects for ever and ends with it.
            drop(own.connect());
            cache::settle(pool, own);
        }
        Err(error) => tracing::warn!(%error, "a worker goes on with the shared connections"),
    }
}

/// A client whose reads block, for a consumer.
pub(crate) fn blocking_client(config: &RedisConfig) -> Result<Client, Error> {
    builder(config, true).build()
}

/// A client that listens to channels.
pub(crate) fn subscriber(config: &RedisConfig) -> Result<SubscriberClient, Error> {
    builder(config, true).build_subscriber_client()
}

/// Waits until Redis answers, at most `patience`: for commands that are about what Redis holds. Services don't wait.
pub async fn wait_for_redis(platform: &crate::Platform, patience: Duration) -> Result<(), Error> {
    let unanswered = || Error::new(fred::error::ErrorKind::Timeout, "no connection in time");
    tokio::time::timeout(patience, platform.redis().wait_for_connect()).await.map_err(|_| unanswered())?
}
