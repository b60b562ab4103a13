//! Cached reads of what is committed in PostgreSQL: look in Redis, else load once and fill.

use std::sync::Arc;
use std::time::Duration;

use fred::clients::Pool;
use fred::interfaces::KeysInterface;
use fred::types::Expiration;
use rand::Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tracing::warn;

use crate::codec::{self, Codec};
use crate::flights::Flights;

/// Why a cached read failed. Redis being away is not among the reasons: then the read goes to PostgreSQL.
#[derive(Debug, Error)]
pub enum CacheError {
    /// The load failed; the text is the loader's.
    #[error("{0}")]
    Load(String),
}

/// A read cache in front of PostgreSQL. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cache {
    redis: Pool,
    flights: Arc<Flights<String, Option<Arc<Vec<u8>>>>>,
    codec: Codec,
}

impl Cache {
    /// A cache on `redis`.
    #[must_use]
    pub fn new(redis: Pool, codec: Codec) -> Self {
        Self { redis, flights: Arc::default(), codec }
    }

    /// The value under `key`, else what `load` brings, kept for `ttl` give or take a tenth, so that values cached together do not expire together.
    /// A value that can't be decoded (an older release wrote it) counts as missing.
    pub async fn get_or_load<T, E, F>(&self, key: String, ttl: Duration, load: impl FnOnce() -> F) -> Result<Option<T>, E>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<Option<T>, E>>,
    {
        if let Some(value) = self.peek(&key).await {
            return Ok(Some(value));
        }
        let bytes = self
            .flights
            .join(key.clone(), || async {
                let Some(value) = load().await? else { return Ok(None) };
                let Ok(encoded) = codec::encode(&value, self.codec, 0, [0; 8], 0) else { return Ok(None) };
                metrics::histogram!("redis_compression_ratio").record(encoded.ratio());
                let bytes = encoded.with_sequence(0);
                let expiry = Some(Expiration::PX(jittered(ttl)));
                if let Err(error) = self.redis.set::<(), _, _>(&key, bytes.as_slice(), expiry, None, false).await {
                    warn!(%error, "the cache could not be filled");
                }
                Ok(Some(Arc::new(bytes)))
            })
            .await?;
        Ok(bytes.and_then(|bytes| codec::decode(&bytes).ok()).map(|(_, value)| value))
    }

    /// Forgets what is under `key`.
    pub async fn invalidate(&self, key: &str) {
        if let Err(error) = self.redis.del::<(), _>(key).await {
            warn!(%error, "a cached value could not be invalidated; it expires by itself");
        }
    }

    async fn peek<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let found: Option<Vec<u8>> = self.redis.get(key).await.ok().flatten();
        let value = found.and_then(|bytes| codec::decode(&bytes).ok()).map(|(_, value)| value);
        record_lookup(value.is_some());
        value
    }
}

/// Counts a look-up for `redis_cache_hit_rate`, which is hits over both.
pub fn record_lookup(hit: bool) {
    metrics::counter!("redis_cache_lookups_total", "result" => if hit { "hit" } else { "miss" }).increment(1);
}

fn jittered(ttl: Duration) -> i64 {
    let ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX / 4).max(10);
    let spread = ms / 10;
    ms + rand::rng().random_range(-spread..=spread)
}
