//! Cached reads of what attendance itself commits and holds every register against: the school's rules, and who has leave on a day.
//!
//! Entries carry the school's generation, which whoever commits a change moves on afterwards ([`Generations`]).

use std::time::Duration;

use cache::Generations;
use domain::{Partition, SchoolId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_kit::Platform;
use store::StoreError;

/// A bound on how long a change that was committed but never announced (the process died in between) stays unseen.
const TTL: Duration = Duration::from_mins(5);

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
    // The tag keeps a school's keys together, so that one step reads both on a cluster too.
    let key = format!("attendance:{what}:{}:{school}", Partition::of(school));
    let (generations, generation_key) = (Generations::new(platform.redis().clone()), generation_key(school));
    // Boxed: several are asked for at once, and each command to Redis is a future of some kilobytes.
    let (_, value) = Box::pin(generations.get_or_load(&generation_key, &key, TTL, load)).await?;
    Ok(value)
}

/// A code, a rule or a leave of the school has changed and is committed.
pub(crate) async fn announce(platform: &Platform, school: SchoolId) {
    Generations::new(platform.redis().clone()).moved_on(&generation_key(school)).await;
}

fn generation_key(school: SchoolId) -> String {
    format!("attendance:generation:{}:{school}", Partition::of(school))
}
