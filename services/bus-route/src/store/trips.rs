//! Trips, and who is to ride on one.

use std::collections::HashMap;

use chrono::NaiveDate;
use domain::{BusRouteId, BusTripId, SchoolId, StaffId, StopId, StudentId, VehicleId};
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use super::plain;
use crate::model::route::Direction;
use crate::model::trip::{Trip, TripState};

/// Which trips a list holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct TripFilter {
    pub(crate) route: Option<BusRouteId>,
    pub(crate) vehicle: Option<VehicleId>,
    /// Those that this member of staff drives.
    pub(crate) driver: Option<StaffId>,
    pub(crate) date: Option<NaiveDate>,
    pub(crate) state: Option<TripState>,
    pub(crate) after: Option<Uuid>,
}

/// The first `limit` trips, the latest made first.
pub(crate) async fn list_trips(transaction: &mut SchoolTransaction, filter: &TripFilter, limit: u64) -> Result<Vec<Trip>, StoreError> {
    let school = transaction.school_id();
    let query = "SELECT to_jsonb(t) FROM bus_trips t
        WHERE t.school_id = $1 AND ($2::uuid IS NULL OR t.route_id = $2) AND ($3::uuid IS NULL OR t.vehicle_id = $3)
            AND ($4::uuid IS NULL OR t.driver_staff_id = $4) AND ($5::date IS NULL OR t.service_date = $5) AND ($6::text IS NULL OR t.state = $6)
            AND ($7::uuid IS NULL OR t.id < $7)
        ORDER BY t.id DESC LIMIT $8";
    let rows: Vec<Json<Trip>> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(filter.route.map(Uuid::from))
        .bind(filter.vehicle.map(Uuid::from))
        .bind(filter.driver.map(Uuid::from))
        .bind(filter.date)
        .bind(filter.state.map(TripState::as_str))
        .bind(filter.after)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(plain(rows))
}

/// The trips that run now.
pub(crate) async fn running_trips(
    connection: &mut PgConnection,
    school: SchoolId,
    route: Option<BusRouteId>,
) -> Result<Vec<BusTripId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT id FROM bus_trips WHERE school_id = $1 AND state = 'running' AND ($2::uuid IS NULL OR route_id = $2) ORDER BY started_at, id",
    )
    .bind(school.as_uuid())
    .bind(route.map(Uuid::from))
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(BusTripId::from_uuid).collect())
}

/// The trip of each run of the routes on a day; one that was called off unless another was planned instead.
pub(crate) async fn runs_of_routes(
    connection: &mut PgConnection,
    school: SchoolId,
    routes: &[BusRouteId],
    day: NaiveDate,
) -> Result<Vec<Trip>, StoreError> {
    let query = "SELECT DISTINCT ON (t.route_id, t.direction) to_jsonb(t) FROM bus_trips t
        WHERE t.school_id = $1 AND t.route_id = ANY ($2) AND t.service_date = $3
        ORDER BY t.route_id, t.direction, t.state = 'cancelled', t.id DESC";
    let routes: Vec<Uuid> = routes.iter().map(|route| route.as_uuid()).collect();
    let rows: Vec<Json<Trip>> = sqlx::query_scalar(query).bind(school.as_uuid()).bind(routes).bind(day).fetch_all(connection).await?;
    Ok(plain(rows))
}

/// What the routes are called.
pub(crate) async fn names_of_routes(
    connection: &mut PgConnection,
    school: SchoolId,
    routes: &[BusRouteId],
) -> Result<HashMap<BusRouteId, String>, StoreError> {
    let routes: Vec<Uuid> = routes.iter().map(|route| route.as_uuid()).collect();
    let query = sqlx::query_as("SELECT id, name FROM bus_routes WHERE school_id = $1 AND id = ANY ($2)");
    let rows: Vec<(Uuid, String)> = query.bind(school.as_uuid()).bind(routes).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(id, name)| (BusRouteId::from_uuid(id), name)).collect())
}

/// A run that was called off.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CalledOff {
    pub(crate) trip_id: BusTripId,
    pub(crate) route_id: BusRouteId,
    pub(crate) direction: Direction,
    pub(crate) service_date: NaiveDate,
}

/// The runs that were called off for days from `first` to `last`, unless they take place with another trip; each once.
pub(crate) async fn cancelled_trips(
    connection: &mut PgConnection,
    school: SchoolId,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<CalledOff>, StoreError> {
    let query = "SELECT DISTINCT ON (t.service_date, t.route_id, t.direction)
            jsonb_build_object('trip_id', t.id, 'route_id', t.route_id, 'direction', t.direction, 'service_date', t.service_date)
        FROM bus_trips t
        WHERE t.school_id = $1 AND t.state = 'cancelled' AND t.service_date BETWEEN $2 AND $3
            AND NOT EXISTS (SELECT FROM bus_trips o WHERE o.school_id = t.school_id AND o.route_id = t.route_id AND o.direction = t.direction
                AND o.service_date = t.service_date AND o.state <> 'cancelled')
        ORDER BY t.service_date, t.route_id, t.direction, t.id DESC";
    let rows: Vec<Json<CalledOff>> = sqlx::query_scalar(query).bind(school.as_uuid()).bind(first).bind(last).fetch_all(connection).await?;
    Ok(plain(rows))
}

/// How many students have a seat on the route on that day.
pub(crate) async fn count_riders(
    connection: &mut PgConnection,
    school: SchoolId,
    route: BusRouteId,
    direction: Direction,
    day: NaiveDate,
) -> Result<i64, StoreError> {
    let query = "SELECT count(*) FROM bus_assignments a JOIN students s ON s.school_id = a.school_id AND s.id = a.student_id AND s.status = 'active'
        WHERE a.school_id = $1 AND a.route_id = $2 AND a.direction = $3 AND a.status = 'active'
            AND a.begin_date <= $4 AND (a.end_date IS NULL OR a.end_date >= $4)";
    let query = sqlx::query_scalar(query).bind(school.as_uuid()).bind(route.as_uuid()).bind(direction.as_str()).bind(day);
    Ok(query.fetch_one(connection).await?)
}

/// Who has a seat on the route on that day.
pub(crate) async fn rider_ids(
    connection: &mut PgConnection,
    school: SchoolId,
    route: BusRouteId,
    direction: Direction,
    day: NaiveDate,
) -> Result<Vec<StudentId>, StoreError> {
    let query = "SELECT a.student_id FROM bus_assignments a JOIN students s ON s.school_id = a.school_id AND s.id = a.student_id AND s.status = 'active'
        WHERE a.school_id = $1 AND a.route_id = $2 AND a.direction = $3 AND a.status = 'active'
            AND a.begin_date <= $4 AND (a.end_date IS NULL OR a.end_date >= $4)
        ORDER BY a.student_id";
    let query = sqlx::query_scalar(query).bind(school.as_uuid()).bind(route.as_uuid()).bind(direction.as_str()).bind(day);
    let ids: Vec<Uuid> = query.fetch_all(connection).await?;
    Ok(ids.into_iter().map(StudentId::from_uuid).collect())
}

/// How far a trip is; none if there is no such trip in this school.
pub(crate) async fn state_of(connection: &mut PgConnection, school: SchoolId, trip: BusTripId) -> Result<Option<TripState>, StoreError> {
    let query = sqlx::query_scalar("SELECT state FROM bus_trips WHERE school_id = $1 AND id = $2");
    let state: Option<String> = query.bind(school.as_uuid()).bind(trip.as_uuid()).fetch_optional(connection).await?;
    Ok(state.map(|state| TripState::of(&state)))
}

/// A student who has a seat on a trip.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Rider {
    pub(crate) student_id: StudentId,
    pub(crate) name: String,
    pub(crate) admission_number: String,
    pub(crate) stop_id: StopId,
    pub(crate) stop_name: String,
}

/// Every student who has a seat on the route on that day, in the order in which the bus comes to their stops.
pub(crate) async fn riders(
    connection: &mut PgConnection,
    school: SchoolId,
    route: BusRouteId,
    direction: Direction,
    day: NaiveDate,
) -> Result<Vec<Rider>, StoreError> {
    let query = "SELECT jsonb_build_object('student_id', s.id, 'name', u.full_name, 'admission_number', s.admission_number, 'stop_id', p.id, 'stop_name', p.name)
        FROM bus_assignments a
        JOIN students s ON s.school_id = a.school_id AND s.id = a.student_id
        JOIN users u ON u.id = s.user_id
        JOIN route_stops p ON p.school_id = a.school_id AND p.id = a.stop_id
        WHERE a.school_id = $1 AND a.route_id = $2 AND a.direction = $3 AND a.status = 'active' AND s.status = 'active'
            AND a.begin_date <= $4 AND (a.end_date IS NULL OR a.end_date >= $4)
        ORDER BY CASE a.direction WHEN 'pickup' THEN p.position ELSE -p.position END, u.full_name, s.id";
    let rows: Vec<Json<Rider>> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(route.as_uuid())
        .bind(direction.as_str())
        .bind(day)
        .fetch_all(connection)
        .await?;
    Ok(plain(rows))
}
