//! The table `bus_alarms`: who wants to be told before a bus is at a child's stop.

use std::collections::HashMap;

use chrono::NaiveDate;
use domain::{Actor, BusAlarmId, BusTripId, EventKind, SchoolId, ServiceName, StopId, StudentId, Timestamp, UserId};
use serde::Serialize;
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;

use super::alerts::tell;
use super::plain;
use crate::model::alarm::{Alarm, Bell};
use crate::model::progress::Course;

#[derive(Serialize)]
#[allow(clippy::struct_field_names)] // the names of the JSON
struct AboutAlarm {
    user_id: UserId,
    student_id: StudentId,
    trip_id: BusTripId,
    stop_id: StopId,
    expected_at: Timestamp,
}

/// The alarms of those who have a seat on one of the trips: for each trip the seats of its run, for each seat its alarms. The steps are fences to the planner, which would
/// else go through all seats of the school for each trip where it has no statistics yet.
pub(super) async fn bells_of<'a>(
    connection: &mut PgConnection,
    school: SchoolId,
    trips: impl Iterator<Item = &'a Course> + Clone,
) -> Result<HashMap<BusTripId, Vec<Bell>>, StoreError> {
    let query = "SELECT t.id, jsonb_build_object('alarm_id', l.id, 'stop_id', a.stop_id, 'minutes_before', l.minutes_before)
        FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::date[]) t (id, route_id, direction, service_date)
        CROSS JOIN LATERAL (SELECT a.id, a.stop_id FROM bus_assignments a
            WHERE a.school_id = $1 AND a.route_id = t.route_id AND a.direction = t.direction AND a.status = 'active'
                AND a.begin_date <= t.service_date AND (a.end_date IS NULL OR a.end_date >= t.service_date) OFFSET 0) a
        CROSS JOIN LATERAL (SELECT l.id, l.minutes_before FROM bus_alarms l WHERE l.school_id = $1 AND l.assignment_id = a.id OFFSET 0) l
        ORDER BY l.id";
    let rows: Vec<(Uuid, Json<Bell>)> = sqlx::query_as(query)
        .bind(school.as_uuid())
        .bind(trips.clone().map(|trip| trip.trip_id.as_uuid()).collect::<Vec<_>>())
        .bind(trips.clone().map(|trip| trip.route_id.as_uuid()).collect::<Vec<_>>())
        .bind(trips.clone().map(|trip| trip.direction.as_str()).collect::<Vec<_>>())
        .bind(trips.map(|trip| trip.service_date).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let mut bells: HashMap<BusTripId, Vec<Bell>> = HashMap::new();
    for (trip, Json(bell)) in rows {
        bells.entry(BusTripId::from_uuid(trip)).or_default().push(bell);
    }
    Ok(bells)
}

/// The alarms that rang for a trip.
pub(super) async fn rung_for(connection: &mut PgConnection, course: &Course) -> Result<Vec<BusAlarmId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM bus_alarms WHERE school_id = $1 AND rung_trip_id = $2")
        .bind(course.school_id.as_uuid())
        .bind(course.trip_id.as_uuid())
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().map(BusAlarmId::from_uuid).collect())
}

/// Rings alarms: each once for a trip, whoever notices it how often, and only for whoever is a guardian of the child now.
pub(crate) async fn ring(platform: &Platform, course: &Course, rings: &[(BusAlarmId, Timestamp)], by: Actor) -> Result<(), Problem> {
    let (school, now) = (course.school_id, platform.clock().now());
    let mut transaction = platform.postgres(ServiceName::BusRoute).school(school).await?;
    // In one order for everybody, or two who ring the same alarms wait for each other.
    let mut rings = rings.to_vec();
    rings.sort_by_key(|(alarm, _)| *alarm);
    for (alarm, expected_at) in rings {
        let rung: Option<(Uuid, Uuid, Uuid)> = sqlx::query_as(
            "UPDATE bus_alarms l SET rung_trip_id = $3, rung_at = $4, version = l.version + 1, updated_at = $4 FROM bus_assignments a
             WHERE l.school_id = $1 AND l.id = $2 AND l.rung_trip_id IS DISTINCT FROM $3
                AND a.school_id = l.school_id AND a.id = l.assignment_id AND a.status = 'active'
                AND EXISTS (SELECT FROM student_guardians g JOIN students s ON s.school_id = g.school_id AND s.id = g.student_id AND s.status = 'active'
                    WHERE g.school_id = a.school_id AND g.student_id = a.student_id AND g.guardian_user_id = l.user_id AND g.status = 'active')
             RETURNING l.user_id, a.student_id, a.stop_id",
        )
        .bind(school.as_uuid())
        .bind(alarm.as_uuid())
        .bind(course.trip_id.as_uuid())
        .bind(now)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
        if let Some((user, student, stop)) = rung {
            let (user_id, student_id, stop_id) = (UserId::from_uuid(user), StudentId::from_uuid(student), StopId::from_uuid(stop));
            let data = AboutAlarm { user_id, student_id, trip_id: course.trip_id, stop_id, expected_at };
            tell(&transaction, EventKind::TransportAlarmRung, school, Some(by), alarm.as_uuid(), now, &data).await?;
        }
    }
    Ok(transaction.commit().await?)
}

/// The alarms of a user for seats of `children` that are held on `day` or later.
pub(crate) async fn alarms_of(
    connection: &mut PgConnection,
    school: SchoolId,
    user: UserId,
    children: &[StudentId],
    day: NaiveDate,
) -> Result<Vec<Alarm>, StoreError> {
    let children: Vec<Uuid> = children.iter().map(|child| child.as_uuid()).collect();
    let query = "SELECT to_jsonb(l) FROM bus_alarms l JOIN bus_assignments a ON a.school_id = l.school_id AND a.id = l.assignment_id
        WHERE l.school_id = $1 AND l.user_id = $2 AND a.student_id = ANY ($3) AND a.status = 'active' AND (a.end_date IS NULL OR a.end_date >= $4)
        ORDER BY l.id";
    let rows: Vec<Json<Alarm>> =
        sqlx::query_scalar(query).bind(school.as_uuid()).bind(user.as_uuid()).bind(children).bind(day).fetch_all(connection).await?;
    Ok(plain(rows))
}
