//! The table `bus_boardings`, written through the buffer.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::NaiveDate;
use domain::{BusRouteId, BusTripId, SchoolId, ServiceName, StudentId, Timestamp, Version};
use serde::Deserialize;
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;
use write_behind::{Buffered, Found, ReadError, merge};

use super::{plain, reading};
use crate::model::boarding::Boarding;
use crate::model::route::Direction;

const UPSERT: &str = "
INSERT INTO bus_boardings (id, school_id, trip_id, student_id, boarded_at, alighted_at, log, version, created_at, updated_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::jsonb[], $8::int[], $9::timestamptz[],
    $10::timestamptz[])
ON CONFLICT (school_id, id) DO UPDATE SET
    boarded_at = excluded.boarded_at, alighted_at = excluded.alighted_at, log = excluded.log, version = excluded.version, updated_at = excluded.updated_at
WHERE bus_boardings.version < excluded.version AND bus_boardings.created_at = excluded.created_at
RETURNING id";

#[async_trait]
impl Buffered for Boarding {
    const ENTITY: &'static str = "bus_boarding";
    const SERVICE: ServiceName = ServiceName::BusRoute;

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
        self.created_at
    }
    fn scopes(&self) -> Vec<String> {
        vec![scope(self.trip_id), student_scope(self.student_id)]
    }
    fn same_content(&self, other: &Self) -> bool {
        Self { created_at: other.created_at, updated_at: other.updated_at, ..self.clone() } == *other
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let column = |f: fn(&Self) -> Uuid| rows.iter().map(f).collect::<Vec<_>>();
        let written = sqlx::query_scalar(UPSERT)
            .bind(column(|row| row.id))
            .bind(column(|row| row.school_id.as_uuid()))
            .bind(column(|row| row.trip_id.as_uuid()))
            .bind(column(|row| row.student_id.as_uuid()))
            .bind(rows.iter().map(|row| row.boarded_at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.alighted_at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| Json(&row.log)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.version.get()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.updated_at).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        Ok(written)
    }

    async fn stored(connection: &mut PgConnection, keys: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError> {
        let (schools, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|(school, id)| (school.as_uuid(), *id)).unzip();
        let query = "SELECT to_jsonb(b) FROM bus_boardings b JOIN unnest($1::uuid[], $2::uuid[]) AS k (school_id, id) ON b.school_id = k.school_id AND b.id = k.id";
        Ok(plain(sqlx::query_scalar(query).bind(schools).bind(ids).fetch_all(connection).await?))
    }
}

fn scope(trip: BusTripId) -> String {
    format!("trip:{trip}")
}

fn student_scope(student: StudentId) -> String {
    format!("student:{student}")
}

/// A student's part in a trip, saved or not, or the proof that there is none.
pub(crate) async fn find_boarding(
    platform: &Platform,
    school: SchoolId,
    trip: BusTripId,
    student: StudentId,
) -> Result<Found<Boarding>, ReadError> {
    let id = Boarding::row_id(trip, student);
    let load = || async move {
        let mut transaction = reading(platform, school).await?;
        let query = sqlx::query_scalar("SELECT to_jsonb(b) FROM bus_boardings b WHERE b.school_id = $1 AND b.id = $2");
        let row: Option<Json<Boarding>> = query.bind(school.as_uuid()).bind(id).fetch_optional(transaction.connection()?).await?;
        Ok(row.map(|Json(row)| row))
    };
    platform.buffer().find(school, id, load).await
}

/// Everybody's part in a trip, saved or not.
pub(crate) async fn boardings_of(platform: &Platform, school: SchoolId, trip: BusTripId) -> Result<Vec<Boarding>, Problem> {
    boardings_of_trips(platform, school, &[trip]).await
}

/// Saved rows, without those of which Redis holds another beginning that is later: it was noted while neither Redis nor PostgreSQL could say that there was one before. That
/// somebody is on board counts until the two are told apart.
fn without_outdated(saved: Vec<Boarding>, unsaved: &HashMap<Uuid, Boarding>) -> Vec<Boarding> {
    let is_outdated =
        |row: &Boarding| unsaved.get(&row.id).is_some_and(|other| other.created_at != row.created_at && other.updated_at > row.updated_at);
    saved.into_iter().filter(|row| !is_outdated(row)).collect()
}

/// Everybody's part in each of the trips, saved or not.
pub(crate) async fn boardings_of_trips(platform: &Platform, school: SchoolId, trips: &[BusTripId]) -> Result<Vec<Boarding>, Problem> {
    if trips.is_empty() {
        return Ok(Vec::new());
    }
    let scopes: Vec<String> = trips.iter().map(|trip| scope(*trip)).collect();
    let unsaved: HashMap<Uuid, Boarding> = platform.buffer().unsaved_many(school, &scopes).await?;
    let mut transaction = reading(platform, school).await?;
    let query = sqlx::query_scalar("SELECT to_jsonb(b) FROM bus_boardings b WHERE b.school_id = $1 AND b.trip_id = ANY ($2)");
    let trips: Vec<Uuid> = trips.iter().map(|trip| trip.as_uuid()).collect();
    let rows: Vec<Json<Boarding>> =
        query.bind(school.as_uuid()).bind(trips).fetch_all(transaction.connection()?).await.map_err(StoreError::from)?;
    let rows = without_outdated(plain(rows), &unsaved);
    Ok(merge(rows, unsaved, |_| true, |a, b| (a.boarded_at, a.id).cmp(&(b.boarded_at, b.id))))
}

/// The trip of a student's part in one, as far as it is told of with it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ridden {
    pub(crate) trip_id: BusTripId,
    pub(crate) service_date: NaiveDate,
    pub(crate) direction: Direction,
    pub(crate) route_id: BusRouteId,
    pub(crate) route_name: String,
}

/// The columns of [`Ridden`], of `bus_trips t` and `bus_routes r`.
macro_rules! ridden {
    () => {
        "jsonb_build_object('trip_id', t.id, 'service_date', t.service_date, 'direction', t.direction, 'route_id', r.id, 'route_name', r.name)"
    };
}

/// A student's part in every trip of the days from `first` to `last`, saved or not, the latest first.
pub(crate) async fn boardings_of_student(
    platform: &Platform,
    school: SchoolId,
    student: StudentId,
    (first, last): (NaiveDate, NaiveDate),
) -> Result<Vec<(Boarding, Ridden)>, Problem> {
    // Before PostgreSQL is asked: what is saved in between is then in both, never in neither.
    let unsaved: HashMap<Uuid, Boarding> = platform.buffer().unsaved(school, &student_scope(student)).await?;
    let mut transaction = reading(platform, school).await?;
    let connection = transaction.connection()?;
    let saved: Vec<(Json<Boarding>, Json<Ridden>)> = sqlx::query_as(concat!(
        "SELECT to_jsonb(b), ",
        ridden!(),
        " FROM bus_boardings b
         JOIN bus_trips t ON t.school_id = b.school_id AND t.id = b.trip_id AND t.service_date BETWEEN $3 AND $4
         JOIN bus_routes r ON r.school_id = t.school_id AND r.id = t.route_id
         WHERE b.school_id = $1 AND b.student_id = $2"
    ))
    .bind(school.as_uuid())
    .bind(student.as_uuid())
    .bind(first)
    .bind(last)
    .fetch_all(&mut *connection)
    .await
    .map_err(StoreError::from)?;
    let trips: Vec<Json<Ridden>> = if unsaved.is_empty() {
        Vec::new()
    } else {
        sqlx::query_scalar(concat!(
            "SELECT ",
            ridden!(),
            " FROM bus_trips t JOIN bus_routes r ON r.school_id = t.school_id AND r.id = t.route_id
             WHERE t.school_id = $1 AND t.id = ANY ($2) AND t.service_date BETWEEN $3 AND $4"
        ))
        .bind(school.as_uuid())
        .bind(unsaved.values().map(|row| row.trip_id.as_uuid()).collect::<Vec<_>>())
        .bind(first)
        .bind(last)
        .fetch_all(connection)
        .await
        .map_err(StoreError::from)?
    };
    let (saved, mut ridden): (Vec<Boarding>, HashMap<BusTripId, Ridden>) =
        saved.into_iter().map(|(Json(row), Json(ridden))| (row, (ridden.trip_id, ridden))).unzip();
    ridden.extend(trips.into_iter().map(|Json(ridden)| (ridden.trip_id, ridden)));
    let saved = without_outdated(saved, &unsaved);
    let rows = merge(saved, unsaved, |row| ridden.contains_key(&row.trip_id), |a, b| a.id.cmp(&b.id));
    let mut rows: Vec<(Boarding, Ridden)> =
        rows.into_iter().filter_map(|row| ridden.get(&row.trip_id).cloned().map(|ridden| (row, ridden))).collect();
    rows.sort_by_key(|(row, ridden)| std::cmp::Reverse((ridden.service_date, row.created_at, row.id)));
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration, Utc};

    use super::*;

    fn row(created_at: DateTime<Utc>, updated_at: DateTime<Utc>) -> Boarding {
        let (trip, student) = (BusTripId::from_uuid(Uuid::nil()), StudentId::from_uuid(Uuid::nil()));
        Boarding {
            id: Boarding::row_id(trip, student),
            school_id: SchoolId::from_uuid(Uuid::nil()),
            trip_id: trip,
            student_id: student,
            boarded_at: created_at,
            alighted_at: None,
            log: Vec::new(),
            version: domain::Version::FIRST,
            created_at,
            updated_at,
        }
    }

    #[test]
    fn a_later_beginning_counts_and_an_earlier_one_or_another_version_of_the_same_does_not() {
        let (first, later) = (DateTime::<Utc>::UNIX_EPOCH, DateTime::<Utc>::UNIX_EPOCH + Duration::minutes(9));
        let stays = |saved: Boarding, unsaved: Option<Boarding>| {
            let unsaved = unsaved.into_iter().map(|row| (row.id, row)).collect();
            without_outdated(vec![saved], &unsaved).len() == 1
        };
        assert!(stays(row(first, first), None));
        assert!(!stays(row(first, first), Some(row(later, later))), "somebody is on board");
        assert!(stays(row(later, later), Some(row(first, first))), "that was before");
        assert!(stays(row(first, first), Some(row(first, later))), "which of two versions counts is for the merging to say");
    }
}
