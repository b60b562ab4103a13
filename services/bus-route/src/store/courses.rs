//! What does not change while a trip runs, kept in Redis for half a minute at a time: a position comes every second, and must not ask PostgreSQL each time.

use chrono::{NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use domain::{BusTripId, Partition, SchoolId, Timestamp};
use fred::interfaces::KeysInterface;
use fred::types::Expiration;
use service_kit::{Platform, Problem};
use sqlx::types::Json;
use store::StoreError;
use tracing::warn;

use super::alarms::bells_of;
use super::{reading, stops_of, zone};
use crate::model::eta::Call;
use crate::model::progress::Course;
use crate::model::timetable;
use crate::model::trip::TripState;

/// How long a change of a route's stops may stay unseen on a trip that runs, in seconds.
const TTL: i64 = 30;

fn key(school: SchoolId, trip: BusTripId) -> String {
    format!("bus:course:{}:{trip}", Partition::of(school))
}

/// The instant that the school's clock shows `time` on `day`. Of an hour that there is twice the first counts; one that there isn't is taken an hour later.
pub(crate) fn instant(zone: Tz, day: NaiveDate, time: NaiveTime) -> Timestamp {
    let local = day.and_time(time);
    let found = zone.from_local_datetime(&local).earliest();
    let found = found.or_else(|| zone.from_local_datetime(&(local + chrono::Duration::hours(1))).earliest());
    found.map_or_else(|| local.and_utc(), |instant| instant.to_utc())
}

/// The course of a trip that runs; none if there is no such trip in this school, or it does not run.
pub(crate) async fn course(platform: &Platform, school: SchoolId, trip: BusTripId) -> Result<Option<Course>, Problem> {
    let cached: Result<Option<Vec<u8>>, _> = cache::near(platform.redis()).get(key(school, trip)).await;
    if let Some(course) = cached.ok().flatten().and_then(|bytes| serde_json::from_slice::<Course>(&bytes).ok())
        && course.school_id == school
    {
        return Ok(Some(course));
    }
    let Some((course, TripState::Running)) = any_course(platform, school, trip).await? else { return Ok(None) };
    let filled: Result<(), _> =
        cache::near(platform.redis()).set(key(school, trip), serde_json::to_vec(&course)?, Some(Expiration::EX(TTL)), None, false).await;
    if let Err(error) = filled {
        warn!(%error, "a trip's course could not be cached");
    }
    Ok(Some(course))
}

/// The course of a trip, and how far it is; none if there is no such trip in this school.
pub(crate) async fn any_course(platform: &Platform, school: SchoolId, trip: BusTripId) -> Result<Option<(Course, TripState)>, Problem> {
    let mut transaction = reading(platform, school).await?;
    let connection = transaction.connection()?;
    let query = "SELECT t.state, jsonb_build_object('school_id', t.school_id, 'trip_id', t.id, 'route_id', t.route_id, 'route_name', r.name, 'vehicle_id', t.vehicle_id,
            'registration', v.registration, 'capacity', v.capacity, 'driver_staff_id', t.driver_staff_id, 'driver_user_id', s.user_id,
            'direction', t.direction, 'service_date', t.service_date,
            'started_at', t.started_at, 'ended_at', t.ended_at, 'calls', '[]'::jsonb, 'bells', '[]'::jsonb)
        FROM bus_trips t
        JOIN bus_routes r ON r.school_id = t.school_id AND r.id = t.route_id
        JOIN vehicles v ON v.school_id = t.school_id AND v.id = t.vehicle_id
        LEFT JOIN staff s ON s.school_id = t.school_id AND s.id = t.driver_staff_id AND s.status = 'active'
        WHERE t.school_id = $1 AND t.id = $2";
    let found: Option<(String, Json<Course>)> = sqlx::query_as(query)
        .bind(school.as_uuid())
        .bind(trip.as_uuid())
        .fetch_optional(&mut *connection)
        .await
        .map_err(StoreError::from)?;
    let Some((state, Json(mut course))) = found else { return Ok(None) };
    let zone = zone(&mut *connection, school).await?;
    course.bells = bells_of(&mut *connection, &course).await?;
    let stops = stops_of(connection, school, course.route_id).await?;
    let calls = timetable::run(&stops, course.direction).into_iter().filter_map(|stop| {
        let scheduled_at = instant(zone, course.service_date, stop.time(course.direction)?);
        Some(Call { stop_id: stop.id, name: stop.name, latitude: stop.latitude, longitude: stop.longitude, scheduled_at })
    });
    course.calls = calls.collect();
    Ok(Some((course, TripState::of(&state))))
}

/// Forgets a course: the trip is over, or its route has changed.
pub(crate) async fn forget_course(platform: &Platform, school: SchoolId, trip: BusTripId) {
    let gone: Result<(), _> = platform.redis().del(key(school, trip)).await;
    if let Err(error) = gone {
        warn!(%error, "a trip's course is forgotten by itself, in half a minute");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schools_clock_decides_and_a_missing_hour_is_no_hole() {
        let zone: Tz = "Europe/Berlin".parse().unwrap();
        let at = |day: &str, time: &str| instant(zone, day.parse().unwrap(), time.parse().unwrap()).to_rfc3339();
        assert_eq!(at("2026-07-01", "07:30:00"), "2026-07-01T05:30:00+00:00");
        // The clocks go forward from two to three, and back from three to two.
        assert_eq!(at("2026-03-29", "02:30:00"), "2026-03-29T01:30:00+00:00");
        assert_eq!(at("2026-10-25", "02:30:00"), "2026-10-25T00:30:00+00:00");
    }
}
