//! Cached reads of what attendance itself commits and holds every register against: the school's rules, and who has leave on a day.
//!
//! Entries carry the school's generation: whoever commits a change moves that on afterwards, and what was cached under an older one counts as missing. A
//! reader therefore sees a change as soon as it was answered.

use std::time::Duration;

use cache::codec::{self, Codec};
use cache::near;
use domain::{Partition, SchoolId};
use fred::interfaces::KeysInterface;
use fred::types::Expiration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use service_kit::Platform;
use store::StoreError;
use tracing::warn;

/// A bound on how long a change that was committed but never announced (the process died in between) stays unseen.
const TTL: Duration = Duration::from_mins(5);

#[derive(Serialize, Deserialize)]
struct Cached<T> {
    generation: u64,
    value: T,
}

/// `what` of the school, else what `load` brings. One round trip if it is there.
pub(super) async fn cached<T>(
    platform: &Platform,
    school: SchoolId,
    what: &str,
    load: impl AsyncFnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError>
where
    T: Serialize + DeserializeOwned,
{
    // Boxed: several are asked for at once, and each command to Redis is a future of some kilobytes.
    Box::pin(look_up(platform, school, what, load)).await
}

async fn look_up<T>(
    platform: &Platform,
    school: SchoolId,
    what: &str,
    load: impl AsyncFnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError>
where
    T: Serialize + DeserializeOwned,
{
    let redis = near(platform.redis());
    // The tag keeps a school's keys together, so that one MGET reads both on a cluster too.
    let key = format!("attendance:{what}:{}:{school}", Partition::of(school));
    let looked: Result<(Option<u64>, Option<Vec<u8>>), _> = redis.mget(vec![generation_key(school), key.clone()]).await;
    let generation = match looked {
        Ok((generation, bytes)) => {
            let generation = generation.unwrap_or(0);
            let cached = bytes.and_then(|bytes| codec::decode::<Cached<T>>(&bytes).ok()).map(|(_, cached)| cached);
            let fresh = cached.filter(|cached| cached.generation == generation);
            cache::record_lookup(fresh.is_some());
            if let Some(fresh) = fresh {
                return Ok(fresh.value);
            }
            generation
        }
        Err(error) => {
            warn!(%error, what, "Redis is away: attendance asks PostgreSQL");
            return load().await;
        }
    };
    // Cached under the generation that was current before PostgreSQL was asked: a change in between makes this entry stale at once.
    let cached = Cached { generation, value: load().await? };
    if let Ok(encoded) = codec::encode(&cached, Codec::Snappy, 0, [0; 8], 0) {
        let expiry = Some(Expiration::PX(i64::try_from(TTL.as_millis()).unwrap_or(i64::MAX)));
        let filled: Result<(), _> = redis.set(key, encoded.with_sequence(0).as_slice(), expiry, None, false).await;
        if let Err(error) = filled {
            warn!(%error, what, "attendance could not be cached");
        }
    }
    Ok(cached.value)
}

/// A code, a rule or a leave of the school has changed and is committed.
pub(crate) async fn announce(platform: &Platform, school: SchoolId) {
    let moved: Result<u64, _> = near(platform.redis()).incr(generation_key(school)).await;
    if let Err(error) = moved {
        warn!(%error, "a change of codes, rules or leave could not be announced; caches forget the old by themselves");
    }
}

fn generation_key(school: SchoolId) -> String {
    format!("attendance:generation:{}:{school}", Partition::of(school))
}
