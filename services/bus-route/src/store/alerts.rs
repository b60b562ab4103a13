//! What the service notices by itself: noted and told in one transaction, and once.

use chrono::{Days, Duration, NaiveDate, NaiveTime};
use domain::{Actor, BusAlertId, BusTripId, EventKind, SchoolId, ServiceName, StopId, StudentId, Timestamp};
use serde::Serialize;
use service_kit::{Platform, Problem};
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;
use write_behind::natural_id;

use super::courses::instant;
use super::{find, insert, zone};
use crate::model::alert::{Alert, AlertKind, Effect};
use crate::model::boarding::Boarding;
use crate::model::progress::Course;
use crate::model::route::Direction;
use crate::model::trip::{Trip, TripState};

#[derive(Serialize)]
struct AboutTrip {
    trip_id: BusTripId,
    route_id: domain::BusRouteId,
    vehicle_id: domain::VehicleId,
    direction: Direction,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_id: Option<StopId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    student_id: Option<StudentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<i64>,
}

impl AboutTrip {
    const fn of(course: &Course) -> Self {
        Self {
            trip_id: course.trip_id,
            route_id: course.route_id,
            vehicle_id: course.vehicle_id,
            direction: course.direction,
            stop_id: None,
            student_id: None,
            delay_seconds: None,
        }
    }
}

/// Notes that a bus has reached stops, and tells it: once for each stop of a trip, whoever notices it how often.
pub(crate) async fn tell_arrivals(platform: &Platform, course: &Course, arrived: &[(StopId, Timestamp)], by: Actor) -> Result<(), Problem> {
    let (school, now) = (course.school_id, platform.clock().now());
    let mut transaction = platform.postgres(ServiceName::BusRoute).school(school).await?;
    for (stop, at) in arrived {
        let id = natural_id("bus_stop_visit", &[course.trip_id.as_uuid().as_bytes(), stop.as_uuid().as_bytes()]);
        let noted = sqlx::query(
            "INSERT INTO bus_stop_visits (id, school_id, trip_id, stop_id, arrived_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)
             ON CONFLICT (school_id, trip_id, stop_id) DO NOTHING",
        )
        .bind(id)
        .bind(school.as_uuid())
        .bind(course.trip_id.as_uuid())
        .bind(stop.as_uuid())
        .bind(at)
        .bind(now)
        .execute(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
        if noted.rows_affected() > 0 {
            let data = AboutTrip { stop_id: Some(*stop), ..AboutTrip::of(course) };
            tell(&transaction, EventKind::TransportArrived, school, Some(by), id, *at, &data).await?;
        }
    }
    Ok(transaction.commit().await?)
}

/// Notes that a bus is late, and how late; told once for each trip. A delay that was made up holds again, one that the office has resolved does not. Nothing of a trip that
/// is over: whoever ends it ends its delay, too, and one of the two waits for the other.
pub(crate) async fn tell_delay(platform: &Platform, course: &Course, delay: Duration, by: Option<Actor>) -> Result<(), Problem> {
    let (school, now) = (course.school_id, platform.clock().now());
    let mut transaction = platform.postgres(ServiceName::BusRoute).school(school).await?;
    let state: Option<String> = sqlx::query_scalar("SELECT state FROM bus_trips WHERE school_id = $1 AND id = $2 FOR SHARE")
        .bind(school.as_uuid())
        .bind(course.trip_id.as_uuid())
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    if !state.is_some_and(|state| matches!(TripState::of(&state), TripState::Planned | TripState::Running)) {
        return Ok(());
    }
    let alert = Alert {
        effect: Effect::SignificantDelays,
        header: format!("{} is about {} minutes late", course.route_name, delay.num_minutes()),
        delay_seconds: i32::try_from(delay.num_seconds()).ok(),
        ..noticed(course, AlertKind::Delay, now)
    };
    let is_new: Option<bool> = sqlx::query_scalar(
        "INSERT INTO bus_alerts SELECT (jsonb_populate_record(NULL::bus_alerts, $1)).*
         ON CONFLICT (school_id, trip_id) WHERE kind = 'delay' DO UPDATE SET header = excluded.header, delay_seconds = excluded.delay_seconds,
            resolved_at = NULL, version = bus_alerts.version + 1, updated_at = excluded.updated_at
         WHERE bus_alerts.resolved_by IS NULL
            AND (bus_alerts.resolved_at IS NOT NULL OR bus_alerts.delay_seconds IS DISTINCT FROM excluded.delay_seconds)
         RETURNING xmax = 0",
    )
    .bind(Json(&alert))
    .fetch_optional(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    if is_new == Some(true) {
        let data = AboutTrip { delay_seconds: Some(delay.num_seconds()), ..AboutTrip::of(course) };
        tell(&transaction, EventKind::TransportDelayed, school, by, alert.id.as_uuid(), now, &data).await?;
    }
    Ok(transaction.commit().await?)
}

/// A bus that was late is on time again.
pub(crate) async fn made_up(platform: &Platform, course: &Course) -> Result<(), Problem> {
    let mut transaction = platform.postgres(ServiceName::BusRoute).school(course.school_id).await?;
    resolve(&mut transaction, course.trip_id, &[AlertKind::Delay], platform.clock().now()).await?;
    Ok(transaction.commit().await?)
}

/// What was noticed of a trip holds no more.
pub(crate) async fn resolve(
    transaction: &mut SchoolTransaction,
    trip: BusTripId,
    kinds: &[AlertKind],
    now: Timestamp,
) -> Result<(), StoreError> {
    let school = transaction.school_id();
    sqlx::query(
        "UPDATE bus_alerts SET resolved_at = $4, version = version + 1, updated_at = $4
         WHERE school_id = $1 AND trip_id = $2 AND kind IN (SELECT jsonb_array_elements_text($3)) AND resolved_at IS NULL",
    )
    .bind(school.as_uuid())
    .bind(trip.as_uuid())
    .bind(Json(kinds))
    .bind(now)
    .execute(transaction.connection()?)
    .await?;
    Ok(())
}

/// Notes that a trip should have ended long ago: once for each trip, whoever notices it how often.
pub(crate) async fn not_ended(platform: &Platform, course: &Course) -> Result<(), Problem> {
    let alert = Alert {
        effect: Effect::NoEffect,
        header: format!("{} should have ended its trip long ago", course.route_name),
        ..noticed(course, AlertKind::NotEnded, platform.clock().now())
    };
    let mut transaction = platform.postgres(ServiceName::BusRoute).school(course.school_id).await?;
    // Not of one that ends at this moment.
    sqlx::query(
        "INSERT INTO bus_alerts SELECT (jsonb_populate_record(NULL::bus_alerts, $1)).*
         FROM (SELECT FROM bus_trips WHERE school_id = $2 AND id = $3 AND state = 'running' FOR SHARE) AS running
         ON CONFLICT (school_id, trip_id, kind) WHERE kind IN ('not_ended', 'cancelled') DO NOTHING",
    )
    .bind(Json(&alert))
    .bind(course.school_id.as_uuid())
    .bind(course.trip_id.as_uuid())
    .execute(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    Ok(transaction.commit().await?)
}

/// Notes, in the transaction that calls a trip off, that it does not take place: until the end of its day. Nothing of a day that is over.
pub(crate) async fn called_off(transaction: &mut SchoolTransaction, trip: &Trip, now: Timestamp) -> Result<(), Problem> {
    let school = transaction.school_id();
    let route = find(transaction, trip.route_id).await?;
    let zone = zone(transaction.connection()?, school).await?;
    let ends_at = instant(zone, trip.service_date + Days::new(1), NaiveTime::MIN);
    if ends_at <= now {
        return Ok(());
    }
    let alert = Alert {
        id: BusAlertId::generate(),
        school_id: school,
        kind: AlertKind::Cancelled,
        effect: Effect::NoService,
        route_id: Some(trip.route_id),
        trip_id: Some(trip.id),
        student_id: None,
        header: format!("{} does not run {} on {}", route.name, trip.direction.in_words(), trip.service_date),
        description: None,
        delay_seconds: None,
        begins_at: now,
        ends_at: Some(ends_at),
        resolved_at: None,
        resolved_by: None,
        version: domain::Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    insert(transaction, &alert).await
}

/// A run that was called off takes place after all: `trip` was planned for it.
pub(crate) async fn runs_after_all(transaction: &mut SchoolTransaction, trip: &Trip, now: Timestamp) -> Result<(), StoreError> {
    let school = transaction.school_id();
    sqlx::query(
        "UPDATE bus_alerts a SET resolved_at = $5, version = a.version + 1, updated_at = $5 FROM bus_trips t
         WHERE a.school_id = $1 AND a.kind = 'cancelled' AND a.resolved_at IS NULL
            AND t.school_id = a.school_id AND t.id = a.trip_id AND t.route_id = $2 AND t.direction = $3 AND t.service_date = $4",
    )
    .bind(school.as_uuid())
    .bind(trip.route_id.as_uuid())
    .bind(trip.direction.as_str())
    .bind(trip.service_date)
    .bind(now)
    .execute(transaction.connection()?)
    .await?;
    Ok(())
}

/// Ends the delays of trips that were planned for a day on which they can start no more; of trips that are over they end with the trip.
pub(crate) async fn end_delays(transaction: &mut SchoolTransaction, today: NaiveDate, now: Timestamp) -> Result<u64, StoreError> {
    let school = transaction.school_id();
    let ended = sqlx::query(
        "UPDATE bus_alerts a SET resolved_at = $3, version = a.version + 1, updated_at = $3 FROM bus_trips t
         WHERE a.school_id = $1 AND a.kind = 'delay' AND a.resolved_at IS NULL AND t.school_id = a.school_id AND t.id = a.trip_id
            AND (t.state IN ('finished', 'cancelled') OR (t.state = 'planned' AND t.service_date < $2 - 1))",
    )
    .bind(school.as_uuid())
    .bind(today)
    .bind(now)
    .execute(transaction.connection()?)
    .await?;
    Ok(ended.rows_affected())
}

/// Notes who boarded and did not get off, and tells it: once for each student of a trip. Who is told of is answered.
pub(crate) async fn left_behind(platform: &Platform, course: &Course, boardings: &[Boarding]) -> Result<Vec<StudentId>, Problem> {
    let aboard: Vec<&Boarding> = boardings.iter().filter(|boarding| boarding.is_aboard()).collect();
    if aboard.is_empty() {
        return Ok(Vec::new());
    }
    let (school, now) = (course.school_id, platform.clock().now());
    let mut transaction = platform.postgres(ServiceName::BusRoute).school(school).await?;
    for boarding in &aboard {
        let alert = Alert {
            effect: Effect::NoEffect,
            student_id: Some(boarding.student_id),
            header: format!("A student boarded {} and has not got off", course.route_name),
            ..noticed(course, AlertKind::NotAlighted, now)
        };
        let noted = sqlx::query(
            "INSERT INTO bus_alerts SELECT (jsonb_populate_record(NULL::bus_alerts, $1)).*
             ON CONFLICT (school_id, trip_id, student_id) WHERE kind = 'not_alighted' DO NOTHING",
        )
        .bind(Json(&alert))
        .execute(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
        if noted.rows_affected() > 0 {
            let data = AboutTrip { student_id: Some(boarding.student_id), ..AboutTrip::of(course) };
            tell(&transaction, EventKind::TransportNotAlighted, school, None, alert.id.as_uuid(), now, &data).await?;
        }
    }
    transaction.commit().await?;
    Ok(aboard.into_iter().map(|boarding| boarding.student_id).collect())
}

/// A student who was left behind got off after all.
pub(crate) async fn resolve_left_behind(
    platform: &Platform,
    school: SchoolId,
    trip: BusTripId,
    student: StudentId,
    by: Actor,
) -> Result<(), Problem> {
    let mut transaction = platform.postgres(ServiceName::BusRoute).school(school).await?;
    sqlx::query(
        "UPDATE bus_alerts SET resolved_at = $4, resolved_by = $5, version = version + 1, updated_at = $4
         WHERE school_id = $1 AND trip_id = $2 AND student_id = $3 AND kind = 'not_alighted' AND resolved_at IS NULL",
    )
    .bind(school.as_uuid())
    .bind(trip.as_uuid())
    .bind(student.as_uuid())
    .bind(platform.clock().now())
    .bind(by.user_id.as_uuid())
    .execute(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    Ok(transaction.commit().await?)
}

fn noticed(course: &Course, kind: AlertKind, now: Timestamp) -> Alert {
    Alert {
        id: BusAlertId::generate(),
        school_id: course.school_id,
        kind,
        effect: Effect::OtherEffect,
        route_id: Some(course.route_id),
        trip_id: Some(course.trip_id),
        student_id: None,
        header: String::new(),
        description: None,
        delay_seconds: None,
        begins_at: now,
        ends_at: None,
        resolved_at: None,
        resolved_by: None,
        version: domain::Version::FIRST,
        created_at: now,
        updated_at: now,
    }
}

pub(super) async fn tell(
    transaction: &SchoolTransaction,
    kind: EventKind,
    school: SchoolId,
    by: Option<Actor>,
    subject: Uuid,
    at: Timestamp,
    data: &impl Serialize,
) -> Result<(), Problem> {
    let event = events::envelope(kind, school, by, subject, at, data)?;
    events::outbox::enqueue(transaction, &event).await.map_err(Problem::internal)
}
