//! Cached values that a change makes stale at once, however many there are and wherever they were filled from.
//!
//! Beside the values stands a number, their generation, which moves on with every change after its commit. A value carries the generation that was current
//! before its store was asked: if a change came in between, it counts as missing from the start. A reader therefore sees a change as soon as it was answered.

use std::time::Duration;

use fred::clients::Pool;
use fred::interfaces::KeysInterface;
use fred::types::Expiration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::codec::{self, Codec};
use crate::{near, record_lookup};

/// How long a generation is kept after its last change, in seconds: far longer than anything that was cached under it.
const KEPT: i64 = 24 * 3600;

/// Values in Redis that hold for one generation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Generations {
    redis: Pool,
}

#[derive(Serialize, Deserialize)]
struct Cached<T> {
    generation: u64,
    value: T,
}

impl Generations {
    /// Values on `redis`.
    #[must_use]
    pub const fn new(redis: Pool) -> Self {
        Self { redis }
    }

    /// The value under `key` if it is of the present generation, else what `load` brings, which is kept for `ttl`: a bound on how long a change that was
    /// committed but never announced stays unseen. What `load` fails with is kept nowhere.
    ///
    /// Answers the generation too, read before the value: whoever keeps the value at hand compares it. None if Redis is away.
    ///
    /// Both keys are read in one step, so on a cluster they need one hash tag.
    pub async fn get_or_load<T, E>(
        &self,
        generation_key: &str,
        key: &str,
        ttl: Duration,
        load: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<(Option<u64>, T), E>
    where
        T: Serialize + DeserializeOwned,
    {
        let looked: Result<(Option<u64>, Option<Vec<u8>>), _> = near(&self.redis).mget(vec![generation_key, key]).await;
        let (generation, bytes) = match looked {
            Ok((generation, bytes)) => (generation.unwrap_or(0), bytes),
            Err(error) => {
                warn!(%error, key, "Redis is away: its store is asked");
                return Ok((None, load().await?));
            }
        };
        // What an older release wrote otherwise counts as missing too.
        let cached = bytes.and_then(|bytes| codec::decode::<Cached<T>>(&bytes).ok()).map(|(_, cached)| cached);
        let fresh = cached.filter(|cached| cached.generation == generation);
        record_lookup(fresh.is_some());
        if let Some(fresh) = fresh {
            return Ok((Some(generation), fresh.value));
        }
        let value = load().await?;
        if let Ok(encoded) = codec::encode(&Cached { generation, value: &value }, Codec::Snappy, 0, [0; 8], 0) {
            let expiry = Some(Expiration::PX(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX)));
            let filled: Result<(), _> = near(&self.redis).set(key, encoded.with_sequence(0).as_slice(), expiry, None, false).await;
            if let Err(error) = filled {
                warn!(%error, key, "a value could not be cached");
            }
        }
        Ok((Some(generation), value))
    }

    /// The generation now; none if Redis is away.
    pub async fn present(&self, generation_key: &str) -> Option<u64> {
        let present: Result<Option<u64>, _> = near(&self.redis).get(generation_key).await;
        present.ok().map(Option::unwrap_or_default)
    }

    /// Something that values of this generation tell of has changed and is committed.
    pub async fn moved_on(&self, generation_key: &str) {
        let redis = near(&self.redis);
        let moved: Result<u64, _> = redis.incr(generation_key).await;
        let kept: Result<(), _> = redis.expire(generation_key, KEPT, None).await;
        if let Err(error) = moved.map(drop).and(kept) {
            warn!(%error, generation_key, "a change could not be announced; caches forget the old by themselves");
        }
    }
}
