//! What the service notices by itself: noted and told in one transaction, and once.

use chrono::Duration;
use domain::{Actor, BusAlertId, BusTripId, EventKind, SchoolId, ServiceName, StopId, StudentId, Timestamp};
use serde::Serialize;
use service_kit::{Platform, Problem};
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;
use write_behind::natural_id;

use super::insert;
use crate::model::alert::{Alert, AlertKind, Effect};
use crate::model::boarding::Boarding;
use crate::model::progress::Course;
use crate::model::route::Direction;

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

/// Notes that a bus is late, and tells it: once for each trip.
pub(crate) async fn tell_delay(platform: &Platform, course: &Course, delay: Duration, by: Actor) -> Result<(), Problem> {
    let (school, now) = (course.school_id, platform.clock().now());
    let mut transaction = platform.postgres(ServiceName::BusRoute).school(school).await?;
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM bus_alerts WHERE school_id = $1 AND trip_id = $2 AND kind = 'delay')")
        .bind(school.as_uuid())
        .bind(course.trip_id.as_uuid())
        .fetch_one(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    if known {
        return Ok(());
    }
    let alert = Alert {
        effect: Effect::SignificantDelays,
        header: format!("{} is about {} minutes late", course.route_name, delay.num_minutes()),
        delay_seconds: i32::try_from(delay.num_seconds()).ok(),
        ..noticed(course, AlertKind::Delay, now)
    };
    let data = AboutTrip { delay_seconds: Some(delay.num_seconds()), ..AboutTrip::of(course) };
    tell(&transaction, EventKind::TransportDelayed, school, Some(by), alert.id.as_uuid(), now, &data).await?;
    match insert(&mut transaction, &alert).await {
        Ok(()) => Ok(transaction.commit().await?),
        // Somebody else noticed it at the same moment, and told it.
        Err(problem) if problem.kind() == service_kit::Kind::AlreadyExists => Ok(()),
        Err(problem) => Err(problem),
    }
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
        .bind(sqlx::types::Json(&alert))
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
