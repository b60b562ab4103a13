//! A school's codes and rules, which every register is held against.

use chrono::NaiveDate;
use domain::{SchoolId, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use service_kit::Platform;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use super::cached::cached;
use super::reading;
use crate::model::code::{CodeBook, SEEDED};
use crate::model::lock;
use crate::model::settings::Settings;

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

const SELECT: &str = "
SELECT jsonb_build_object('settings', to_jsonb(s), 'time_zone', (SELECT o.time_zone FROM schools o WHERE o.id = s.school_id), 'codes',
    (SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.created_at, c.code), '[]') FROM attendance_codes c WHERE c.school_id = $1))
FROM attendance_settings s WHERE s.school_id = $1";

/// The school's rules; the usual ones if it never had any.
pub(crate) async fn rules(platform: &Platform, school: SchoolId) -> Result<Rules, StoreError> {
    cached(platform, school, "rules", async || load(platform, school).await).await
}

async fn load(platform: &Platform, school: SchoolId) -> Result<Rules, StoreError> {
    if let Some(rules) = stored(platform, school).await?.filter(|rules| !rules.codes.0.is_empty()) {
        return Ok(rules);
    }
    seed(platform, school).await?;
    stored(platform, school).await?.ok_or_else(|| sqlx::Error::RowNotFound.into())
}

async fn stored(platform: &Platform, school: SchoolId) -> Result<Option<Rules>, StoreError> {
    rules_in(&mut reading(platform, school).await?).await
}

/// The rules as `transaction` sees them; none if its school never had any.
pub(crate) async fn rules_in(transaction: &mut SchoolTransaction) -> Result<Option<Rules>, StoreError> {
    let query = sqlx::query_scalar(SELECT).bind(transaction.school_id().as_uuid());
    let found: Option<Json<Rules>> = query.fetch_optional(transaction.connection()?).await?;
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
