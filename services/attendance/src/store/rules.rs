//! A school's codes and rules, which every register is held against. They are read through a cache whose entries carry the school's generation: whoever changes
//! a rule moves that on after the commit, and what was cached under an older one counts as missing.

use std::time::Duration;

use cache::codec::{self, Codec};
use chrono::NaiveDate;
use domain::{SchoolId, ServiceName, Timestamp};
use fred::interfaces::KeysInterface;
use fred::types::Expiration;
use serde::{Deserialize, Serialize};
use service_kit::Platform;
use sqlx::types::Json;
use store::StoreError;
use tracing::warn;
use uuid::Uuid;

use super::reading;
use crate::model::code::{CodeBook, SEEDED};
use crate::model::lock;
use crate::model::settings::Settings;

/// A bound on how long a change that was committed but never announced stays unseen.
const TTL: Duration = Duration::from_mins(5);

/// A school's codes and rules.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rules {
    pub(crate) settings: Settings,
    pub(crate) codes: CodeBook,
    /// The school's time zone, an IANA name.
    time_zone: String,
}

impl Rules {
    /// The school's day at an instant.
    pub(crate) fn day_at(&self, now: Timestamp) -> NaiveDate {
        lock::day_at(now, lock::zone(&self.time_zone))
    }
}

#[derive(Serialize, Deserialize)]
struct Cached {
    generation: u64,
    rules: Rules,
}

const SELECT: &str = "
SELECT jsonb_build_object('settings', to_jsonb(s), 'time_zone', (SELECT o.time_zone FROM schools o WHERE o.id = s.school_id), 'codes',
    (SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.created_at, c.code), '[]') FROM attendance_codes c WHERE c.school_id = $1))
FROM attendance_settings s WHERE s.school_id = $1";

/// The school's rules; the usual ones if it never had any.
pub(crate) async fn rules(platform: &Platform, school: SchoolId) -> Result<Rules, StoreError> {
    let (redis, key) = (platform.redis(), format!("attendance:rules:{{{school}}}"));
    let looked: Result<(Option<u64>, Option<Vec<u8>>), _> = redis.mget(vec![generation_key(school), key.clone()]).await;
    let generation = match looked {
        Ok((generation, bytes)) => {
            let generation = generation.unwrap_or(0);
            let cached = bytes.and_then(|bytes| codec::decode::<Cached>(&bytes).ok()).map(|(_, cached)| cached);
            let fresh = cached.filter(|cached| cached.generation == generation);
            cache::record_lookup(fresh.is_some());
            if let Some(fresh) = fresh {
                return Ok(fresh.rules);
            }
            Some(generation)
        }
        Err(error) => {
            warn!(%error, "Redis is away: the rules of attendance come from PostgreSQL");
            None
        }
    };
    let rules = load(platform, school).await?;
    let Some(generation) = generation else { return Ok(rules) };
    let cached = Cached { generation, rules };
    if let Ok(encoded) = codec::encode(&cached, Codec::Snappy, 0, [0; 8], 0) {
        let expiry = Some(Expiration::PX(i64::try_from(TTL.as_millis()).unwrap_or(i64::MAX)));
        let filled: Result<(), _> = redis.set(key, encoded.with_sequence(0).as_slice(), expiry, None, false).await;
        if let Err(error) = filled {
            warn!(%error, "the rules of attendance could not be cached");
        }
    }
    Ok(cached.rules)
}

async fn load(platform: &Platform, school: SchoolId) -> Result<Rules, StoreError> {
    if let Some(rules) = stored(platform, school).await?.filter(|rules| !rules.codes.0.is_empty()) {
        return Ok(rules);
    }
    seed(platform, school).await?;
    stored(platform, school).await?.ok_or_else(|| sqlx::Error::RowNotFound.into())
}

async fn stored(platform: &Platform, school: SchoolId) -> Result<Option<Rules>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let found: Option<Json<Rules>> = sqlx::query_scalar(SELECT).bind(school.as_uuid()).fetch_optional(transaction.connection()?).await?;
    Ok(found.map(|Json(rules)| rules))
}

/// Gives a school the usual rules, and the usual codes if it has none. The row of the rules is locked meanwhile, so that two at once do it once.
async fn seed(platform: &Platform, school: SchoolId) -> Result<(), StoreError> {
    let mut transaction = platform.postgres(ServiceName::Attendance).school(school).await?;
    let connection = transaction.connection()?;
    sqlx::query("INSERT INTO attendance_settings (school_id, id) VALUES ($1, $2) ON CONFLICT (school_id) DO NOTHING")
        .bind(school.as_uuid())
        .bind(Uuid::now_v7())
        .execute(&mut *connection)
        .await?;
    sqlx::query("SELECT FROM attendance_settings WHERE school_id = $1 FOR UPDATE").bind(school.as_uuid()).execute(&mut *connection).await?;
    let insert = "
        INSERT INTO attendance_codes (school_id, id, code, name, counts_as, is_default, is_leave)
        SELECT $1, seed.* FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::bool[]) AS seed
        WHERE NOT EXISTS (SELECT FROM attendance_codes WHERE school_id = $1)";
    sqlx::query(insert)
        .bind(school.as_uuid())
        .bind(SEEDED.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
        .bind(SEEDED.iter().map(|seed| seed.code).collect::<Vec<_>>())
        .bind(SEEDED.iter().map(|seed| seed.name).collect::<Vec<_>>())
        .bind(SEEDED.iter().map(|seed| seed.counts_as.as_str()).collect::<Vec<_>>())
        .bind(SEEDED.iter().map(|seed| seed.code == "P").collect::<Vec<_>>())
        .bind(SEEDED.iter().map(|seed| seed.is_leave).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    transaction.commit().await
}

/// A rule of the school has changed and is committed.
pub(crate) async fn rules_changed(platform: &Platform, school: SchoolId) {
    let moved: Result<u64, _> = platform.redis().incr(generation_key(school)).await;
    if let Err(error) = moved {
        warn!(%error, "a change of the rules of attendance could not be announced; caches forget the old by themselves");
    }
}

fn generation_key(school: SchoolId) -> String {
    format!("attendance:generation:{{{school}}}")
}
