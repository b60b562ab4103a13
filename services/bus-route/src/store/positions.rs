//! The table `vehicle_positions`. What comes in one request is one row of the buffer, and is spread over the table's rows when it is saved. An instant of a vehicle is
//! one row, whichever request it came in: what is there already stays.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use domain::{BusTripId, SchoolId, ServiceName, Timestamp, Version};
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;
use write_behind::Buffered;

use super::reading;
use crate::model::boarding::CLOCK_GRACE;
use crate::model::position::{Fix, Track};
use crate::model::progress::Course;

const INSERT: &str = "
INSERT INTO vehicle_positions (id, school_id, vehicle_id, trip_id, recorded_at, received_at, latitude, longitude, speed_mps, heading_degrees, created_at, updated_at)
SELECT id, school_id, vehicle_id, trip_id, recorded_at, received_at, latitude, longitude, speed_mps, heading_degrees, received_at, received_at
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::float8[], $8::float8[], $9::float8[], $10::float8[])
    AS p (id, school_id, vehicle_id, trip_id, recorded_at, received_at, latitude, longitude, speed_mps, heading_degrees)
ON CONFLICT DO NOTHING";

#[async_trait]
impl Buffered for Track {
    const ENTITY: &'static str = "bus_track";
    const SERVICE: ServiceName = ServiceName::BusRoute;
    // A saved position is read from its table, if at all; half a thousand come each second.
    const KEPT: Option<Duration> = Some(Duration::from_mins(1));

    fn id(&self) -> Uuid {
        self.id
    }
    fn school(&self) -> SchoolId {
        self.school_id
    }
    fn version(&self) -> Version {
        self.version
    }
    fn created_at(&self) -> Timestamp {
        self.received_at
    }
    fn scopes(&self) -> Vec<String> {
        vec![scope(self.trip_id)]
    }
    fn same_content(&self, other: &Self) -> bool {
        Self { received_at: other.received_at, ..self.clone() } == *other
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let fixes: Vec<(&Self, &Fix)> = rows.iter().flat_map(|row| row.fixes.iter().map(move |fix| (row, fix))).collect();
        let column = |f: fn(&Self, &Fix) -> Uuid| fixes.iter().map(|(row, fix)| f(row, fix)).collect::<Vec<_>>();
        let time = |f: fn(&Self, &Fix) -> Timestamp| fixes.iter().map(|(row, fix)| f(row, fix)).collect::<Vec<_>>();
        sqlx::query(INSERT)
            .bind(column(|row, fix| Self::fix_id(row.vehicle_id, fix.recorded_at)))
            .bind(column(|row, _| row.school_id.as_uuid()))
            .bind(column(|row, _| row.vehicle_id.as_uuid()))
            .bind(column(|row, _| row.trip_id.as_uuid()))
            .bind(time(|_, fix| fix.recorded_at))
            .bind(time(|row, _| row.received_at))
            .bind(fixes.iter().map(|(_, fix)| fix.latitude).collect::<Vec<_>>())
            .bind(fixes.iter().map(|(_, fix)| fix.longitude).collect::<Vec<_>>())
            .bind(fixes.iter().map(|(_, fix)| fix.speed_mps).collect::<Vec<_>>())
            .bind(fixes.iter().map(|(_, fix)| fix.heading_degrees).collect::<Vec<_>>())
            .execute(connection)
            .await?;
        Ok(rows.iter().map(|row| row.id).collect())
    }

    // Never asked: every row is taken, since there is nothing that it could stand against.
    async fn stored(_: &mut PgConnection, _: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError> {
        Ok(Vec::new())
    }
}

fn scope(trip: BusTripId) -> String {
    format!("trip:{trip}")
}

/// The positions of a trip that has begun, saved or not, that are of when it ran and came while it did: others moved nothing, and must not when it is all worked out anew.
/// A vehicle has a row for each second of its life; those of the trip are found by the vehicle and the time.
pub(crate) async fn fixes_of(platform: &Platform, course: &Course) -> Result<Vec<Fix>, Problem> {
    let (school, trip, ended_at) = (course.school_id, course.trip_id, course.ended_at);
    let unsaved: HashMap<Uuid, Track> = platform.buffer().unsaved(school, &scope(trip)).await?;
    let mut transaction = reading(platform, school).await?;
    let query = "SELECT to_jsonb(p) FROM vehicle_positions p
        WHERE p.school_id = $1 AND p.vehicle_id = $2 AND p.recorded_at >= coalesce($3, '-infinity'::timestamptz)
            AND p.recorded_at <= coalesce($4, 'infinity'::timestamptz) AND p.trip_id = $5 AND ($6::timestamptz IS NULL OR p.received_at <= $6)";
    let saved: Vec<Json<Fix>> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(course.vehicle_id.as_uuid())
        .bind(course.started_at.map(|start| start - CLOCK_GRACE))
        .bind(ended_at.map(|end| end + CLOCK_GRACE))
        .bind(trip.as_uuid())
        .bind(ended_at)
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    let in_time = unsaved.into_values().filter(|track| ended_at.is_none_or(|end| track.received_at <= end));
    let unsaved = in_time.flat_map(|track| track.fixes);
    Ok(unsaved.chain(saved.into_iter().map(|Json(fix)| fix)).collect())
}

/// How many positions are removed at once.
pub(crate) const FORGOTTEN_AT_ONCE: u64 = 5_000;

/// Removes positions of before `until`, [`FORGOTTEN_AT_ONCE`] at most; how many.
pub(crate) async fn forget_positions(transaction: &mut SchoolTransaction, until: Timestamp) -> Result<u64, StoreError> {
    let school = transaction.school_id();
    let removed = sqlx::query(
        "DELETE FROM vehicle_positions p USING (
            SELECT o.id FROM vehicles v CROSS JOIN LATERAL (SELECT o.id FROM vehicle_positions o
                WHERE o.school_id = v.school_id AND o.vehicle_id = v.id AND o.recorded_at < $2 ORDER BY o.recorded_at LIMIT $3) o
            WHERE v.school_id = $1 LIMIT $3) old
         WHERE p.school_id = $1 AND p.id = old.id",
    )
    .bind(school.as_uuid())
    .bind(until)
    .bind(i64::try_from(FORGOTTEN_AT_ONCE).unwrap_or(i64::MAX))
    .execute(transaction.connection()?)
    .await?;
    Ok(removed.rows_affected())
}
