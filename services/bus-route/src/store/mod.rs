//! How buses reach their tables and come back. Boardings and positions are buffered; everything else commits in PostgreSQL before the answer.

mod alarms;
mod alerts;
mod boardings;
mod charges;
mod courses;
mod feeds;
mod forgotten;
mod live;
mod planning;
mod positions;
pub(crate) mod rules;
mod seats;
mod sights;
mod stops;
mod trips;

use chrono_tz::Tz;
use domain::{
    BusAlarmId, BusAlertId, BusAssignmentId, BusFeeSlabId, BusProblemId, BusRouteId, BusTripId, DriverId, MaintenanceId, SchoolId,
    ServiceName, VehicleId, Version,
};
use records::refuse;
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_kit::{IfMatch, Platform, Problem};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};
use store::{SchoolTransaction, StoreError, plain};
use uuid::Uuid;

use crate::model::alarm::Alarm;
use crate::model::alert::Alert;
use crate::model::fee::FeeSlab;
use crate::model::fleet::{Driver, Maintenance, Vehicle};
use crate::model::problem::Report;
use crate::model::route::{Assignment, BusRoute};
use crate::model::trip::Trip;

pub(crate) use alarms::{alarms_of, ring};
pub(crate) use alerts::{
    called_off, end_delays, left_behind, made_up, not_ended, resolve, resolve_left_behind, runs_after_all, tell_arrivals, tell_delay,
};
pub(crate) use boardings::{Ridden, boardings_of, boardings_of_student, boardings_of_trips, find_boarding};
pub(crate) use charges::{charge, charge_month};
pub(crate) use courses::{any_course, course, course_and_live, course_now, courses_of, forget_course, had_a_seat};
#[cfg(test)]
pub(crate) use feeds::Agency;
pub(crate) use feeds::{Plan, open_notices, plan};
pub(crate) use forgotten::{end_seats_of_leavers, has_leavers, maybe_forgotten};
pub(crate) use live::{CHANNEL, Live, Message, begin_live, generation, live, lives_of, move_live, rights_changed};
pub(crate) use planning::{insert_trips, lock_routes, prospects, school_days};
pub(crate) use positions::{FORGOTTEN_AT_ONCE, fixes_of, forget_positions};
pub(crate) use seats::{AssignmentFilter, list_assignments, pack_seats, take_seat};
pub(crate) use sights::{Driven, driven_by, guardians_on, places_of, seats_of, staff_of, stops_on_trip};
pub(crate) use stops::{replace_stops, served_stop, stops_of, stops_of_routes};
pub(crate) use trips::{
    TripFilter, cancelled_trips, count_riders, list_trips, names_of_routes, rider_ids, riders, running_trips, runs_of_routes, state_of,
};

/// A row that commits in PostgreSQL: a struct with a field for each column, by name.
pub(crate) trait Record: Serialize + DeserializeOwned + Clone + Unpin + Send + Sync + 'static {
    /// The table.
    const TABLE: &'static str;
    /// What a row is called.
    const NOUN: &'static str;
    /// The columns that may change, besides `version` and `updated_at`.
    const CHANGES: &'static str;
    /// Its id.
    fn id(&self) -> Uuid;
    /// Its version.
    fn version(&self) -> Version;
}

macro_rules! records {
    ($($row:ty = $table:literal, $noun:literal, $changes:literal;)+) => {$(
        impl Record for $row {
            const TABLE: &'static str = $table;
            const NOUN: &'static str = $noun;
            const CHANGES: &'static str = $changes;
            fn id(&self) -> Uuid {
                self.id.as_uuid()
            }
            fn version(&self) -> Version {
                self.version
            }
        }
    )+};
}

records! {
    Vehicle = "vehicles", "vehicle",
        "registration, name, capacity, insurance_expires_on, fitness_expires_on, permit_expires_on, registration_expires_on, pollution_expires_on, is_active";
    Maintenance = "vehicle_maintenance", "maintenance", "kind, description, due_on, due_at_km, done_on, odometer_km";
    Driver = "bus_drivers", "driver", "licence_number, licence_expires_on, badge_expires_on, phone, is_active";
    BusRoute = "bus_routes", "bus route", "name, code, vehicle_id, driver_staff_id, capacity, is_active";
    Assignment = "bus_assignments", "bus assignment", "stop_id, seat, end_date, status";
    FeeSlab = "bus_fee_slabs", "fee slab", "below_metres, amount_minor, valid_to";
    Trip = "bus_trips", "trip", "vehicle_id, driver_staff_id, state, started_at, ended_at";
    Alert = "bus_alerts", "alert", "effect, header, description, ends_at, resolved_at, resolved_by";
    Report = "bus_problems", "problem", "answer, resolved_at, resolved_by";
    Alarm = "bus_alarms", "alarm", "minutes_before";
}

/// Ids as they are.
pub(crate) trait RowId: Copy {
    /// The row.
    type Row: Record;
    /// The untyped id.
    fn uuid(self) -> Uuid;
}

macro_rules! row_ids {
    ($($id:ty => $row:ty),+ $(,)?) => {$(
        impl RowId for $id {
            type Row = $row;
            fn uuid(self) -> Uuid {
                self.as_uuid()
            }
        }
    )+};
}

row_ids! {
    VehicleId => Vehicle, MaintenanceId => Maintenance, DriverId => Driver, BusRouteId => BusRoute, BusAssignmentId => Assignment,
    BusFeeSlabId => FeeSlab, BusTripId => Trip, BusAlertId => Alert, BusProblemId => Report, BusAlarmId => Alarm,
}

/// The row, or none in this school.
pub(crate) async fn look<I: RowId>(transaction: &mut SchoolTransaction, id: I) -> Result<Option<I::Row>, StoreError> {
    one(transaction, id, "").await
}

/// The row, or 404.
pub(crate) async fn find<I: RowId>(transaction: &mut SchoolTransaction, id: I) -> Result<I::Row, Problem> {
    look(transaction, id).await?.ok_or_else(|| Problem::not_found(I::Row::NOUN))
}

/// The row, which nobody else changes until the transaction ends; rows may still be added that refer to it.
pub(crate) async fn lock<I: RowId>(transaction: &mut SchoolTransaction, id: I) -> Result<Option<I::Row>, StoreError> {
    one(transaction, id, "FOR NO KEY UPDATE").await
}

/// The row, locked, if it still has the version that the change is based on; else 404 or 412.
pub(crate) async fn edit<I: RowId>(transaction: &mut SchoolTransaction, id: I, based_on: IfMatch) -> Result<I::Row, Problem> {
    let row = lock(transaction, id).await?.ok_or_else(|| Problem::not_found(I::Row::NOUN))?;
    based_on.require(row.version())?;
    Ok(row)
}

async fn one<I: RowId>(transaction: &mut SchoolTransaction, id: I, clause: &str) -> Result<Option<I::Row>, StoreError> {
    let school = transaction.school_id();
    let table = I::Row::TABLE;
    let query = AssertSqlSafe(format!("SELECT to_jsonb(t) FROM {table} t WHERE t.school_id = $1 AND t.id = $2 {clause}"));
    let row: Option<Json<I::Row>> =
        sqlx::query_scalar(query).bind(school.as_uuid()).bind(id.uuid()).fetch_optional(transaction.connection()?).await?;
    Ok(row.map(|Json(row)| row))
}

/// Adds a row; a violated constraint is refused in the words of [`rules`].
pub(crate) async fn insert<R: Record>(transaction: &mut SchoolTransaction, row: &R) -> Result<(), Problem> {
    let table = R::TABLE;
    let insert = AssertSqlSafe(format!("INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, $1)).*"));
    let done = sqlx::query(insert).bind(Json(row)).execute(transaction.connection()?).await;
    done.map(drop).map_err(|error| refuse(rules::RULES, StoreError::from(error)))
}

/// Writes a row that is locked.
pub(crate) async fn save<R: Record>(transaction: &mut SchoolTransaction, row: &R) -> Result<(), Problem> {
    let school = transaction.school_id();
    let (table, columns) = (R::TABLE, R::CHANGES);
    let update = AssertSqlSafe(format!(
        "UPDATE {table} t SET ({columns}, version, updated_at) = (SELECT {columns}, version, updated_at FROM jsonb_populate_record(NULL::{table}, $3))
         WHERE t.school_id = $1 AND t.id = $2"
    ));
    let done = sqlx::query(update).bind(school.as_uuid()).bind(row.id()).bind(Json(row)).execute(transaction.connection()?).await;
    done.map(drop).map_err(|error| refuse(rules::RULES, StoreError::from(error)))
}

/// Removes a row that nothing refers to; else 409.
pub(crate) async fn remove<I: RowId>(transaction: &mut SchoolTransaction, id: I) -> Result<(), Problem> {
    let school = transaction.school_id();
    let (table, noun) = (I::Row::TABLE, I::Row::NOUN);
    let delete = AssertSqlSafe(format!("DELETE FROM {table} WHERE school_id = $1 AND id = $2"));
    let done = sqlx::query(delete).bind(school.as_uuid()).bind(id.uuid()).execute(transaction.connection()?).await;
    done.map(drop).map_err(|error| match StoreError::from(error) {
        StoreError::ForeignKeyViolation { .. } => {
            Problem::conflict(service_kit::Kind::StillInUse, format!("Something else still refers to this {noun}."))
        }
        error => error.into(),
    })
}

/// The school's rows, by `sort` and id; `condition` may use `$5` and following, which `bind` fills in. A page starts after `after`.
pub(crate) async fn page<R: Record>(
    transaction: &mut SchoolTransaction,
    sort: &str,
    condition: &str,
    filters: &serde_json::Value,
    after: Option<(String, Uuid)>,
    limit: u64,
) -> Result<Vec<R>, StoreError> {
    let school = transaction.school_id();
    let table = R::TABLE;
    let query = AssertSqlSafe(format!(
        "SELECT to_jsonb(t) FROM {table} t WHERE t.school_id = $1 AND ($2::text IS NULL OR (({sort})::text COLLATE \"C\", t.id) > ($2 COLLATE \"C\", $3))
            AND ({condition}) AND $5::jsonb IS NOT NULL
         ORDER BY ({sort})::text COLLATE \"C\", t.id LIMIT $4"
    ));
    let rows: Vec<Json<R>> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(after.as_ref().map(|(key, _)| key.clone()))
        .bind(after.map(|(_, id)| id))
        .bind(limit.cast_signed())
        .bind(Json(filters))
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(plain(rows))
}

/// A transaction that only reads.
pub(crate) async fn reading(platform: &Platform, school: SchoolId) -> Result<SchoolTransaction, StoreError> {
    platform.postgres(ServiceName::BusRoute).school_read(school).await
}

/// The school's time zone.
pub(crate) async fn zone(connection: &mut PgConnection, school: SchoolId) -> Result<Tz, StoreError> {
    let zone: Option<String> =
        sqlx::query_scalar("SELECT time_zone FROM schools WHERE id = $1").bind(school.as_uuid()).fetch_optional(connection).await?;
    Ok(zone.and_then(|zone| zone.parse().ok()).unwrap_or(Tz::UTC))
}
