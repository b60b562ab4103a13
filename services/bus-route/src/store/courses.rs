//! What does not change while a trip runs, kept in Redis for half a minute at a time: a position comes every second, and must not ask PostgreSQL each time.
//!
//! The last that was read of a trip that runs is kept for hours beside it, with who has a seat on it: a bus does not stop because PostgreSQL is away. Nobody looks at it
//! while PostgreSQL answers, and whoever ends a trip removes it.

use chrono::{NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use domain::{BusRouteId, BusTripId, Partition, SchoolId, StudentId, Timestamp};
use fred::interfaces::KeysInterface;
use fred::types::scripts::Script;
use fred::types::{Expiration, SetOptions, Value};
use serde::{Deserialize, Serialize};
use service_kit::{Kind, Platform, Problem};
use sqlx::types::Json;
use store::StoreError;
use tracing::warn;

use super::alarms::bells_of;
use super::live::Live;
use super::{reading, rider_ids, stops_of_routes, zone};
use crate::model::eta::Call;
use crate::model::progress::Course;
use crate::model::timetable;
use crate::model::trip::TripState;

/// How long a change of a route's stops may stay unseen on a trip that runs, in seconds. Half of it differs from trip to trip: all buses start at about the same time, and
/// would otherwise be read again all at once.
const TTL: i64 = 30;

fn time_to_live(trip: BusTripId) -> i64 {
    let spread = TTL / 2;
    TTL - i64::try_from(trip.as_uuid().as_u128() % 1_000).unwrap_or(0) * spread / 1_000
}

/// How long the last that was read of a trip is kept: six hours, in seconds.
const KEPT: i64 = 6 * 60 * 60;

/// How long what was kept stands in for what can't be read before PostgreSQL is asked again, in seconds.
const STANDS_IN: i64 = 5;

/// `KEYS`: the course, what is kept of it. `ARGV`: the course, its time to live, what is kept, its time to live. Where something stands already, it is as good; or says
/// that what was read may be out of date, and then nothing is kept of it either.
const REMEMBER: &str = r"
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) then redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4]) end
";

fn key(school: SchoolId, trip: BusTripId) -> String {
    format!("bus:course:{}:{trip}", Partition::of(school))
}

fn kept_key(school: SchoolId, trip: BusTripId) -> String {
    format!("bus:course_kept:{}:{trip}", Partition::of(school))
}

/// The last that was read of a trip while it ran.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    course: Course,
    /// Who has a seat on it.
    riders: Vec<StudentId>,
}

/// The instant that the school's clock shows `time` on `day`. Of an hour that there is twice the first counts; one that there isn't is taken an hour later.
pub(crate) fn instant(zone: Tz, day: NaiveDate, time: NaiveTime) -> Timestamp {
    let local = day.and_time(time);
    let found = zone.from_local_datetime(&local).earliest();
    let found = found.or_else(|| zone.from_local_datetime(&(local + chrono::Duration::hours(1))).earliest());
    found.map_or_else(|| local.and_utc(), |instant| instant.to_utc())
}

/// How long whoever has read what is not so any more is kept from putting it into the cache, in seconds: it takes a query.
const FORGOTTEN: i64 = 5;

/// The course of a trip that runs; none if there is no such trip in this school, or it does not run.
pub(crate) async fn course(platform: &Platform, school: SchoolId, trip: BusTripId) -> Result<Option<Course>, Problem> {
    Ok(course_now(platform, school, trip).await?.and_then(|(course, state)| (state == TripState::Running).then_some(course)))
}

/// The course of a trip, and how far it is; none if there is no such trip in this school. What is remembered of a trip that runs will do; while PostgreSQL is away, also
/// what was read of it hours ago.
pub(crate) async fn course_now(platform: &Platform, school: SchoolId, trip: BusTripId) -> Result<Option<(Course, TripState)>, Problem> {
    let cached: Result<Option<Vec<u8>>, _> = cache::near(platform.redis()).get(key(school, trip)).await;
    match cached.ok().flatten().and_then(|bytes| decode(&bytes, school)) {
        Some(course) => Ok(Some((course, TripState::Running))),
        None => fill(platform, school, trip).await,
    }
}

/// The same, and how the trip goes, if that is remembered: one step into Redis.
pub(crate) async fn course_and_live(
    platform: &Platform,
    school: SchoolId,
    trip: BusTripId,
) -> Result<Option<(Course, TripState, Option<Live>)>, Problem> {
    let keys = vec![key(school, trip), super::live::key(school, trip)];
    let cached: Result<(Option<Vec<u8>>, Option<String>), _> = cache::near(platform.redis()).mget(keys).await;
    let (course, live) = cached.unwrap_or_default();
    let live = live.as_deref().and_then(super::live::parse);
    if let Some(course) = course.and_then(|bytes| decode(&bytes, school)) {
        return Ok(Some((course, TripState::Running, live)));
    }
    Ok(fill(platform, school, trip).await?.map(|(course, state)| (course, state, live)))
}

fn decode(bytes: &[u8], school: SchoolId) -> Option<Course> {
    serde_json::from_slice::<Course>(bytes).ok().filter(|course| course.school_id == school)
}

async fn fill(platform: &Platform, school: SchoolId, trip: BusTripId) -> Result<Option<(Course, TripState)>, Problem> {
    let found = match any_course(platform, school, trip).await {
        Err(problem) if problem.kind() == Kind::Unavailable => {
            let course = stand_in(platform, school, trip).await.ok_or(problem)?;
            return Ok(Some((course, TripState::Running)));
        }
        found => found?,
    };
    if let Some((course, TripState::Running)) = &found
        && let Err(error) = remember(platform, course).await
    {
        warn!(%error, "a trip's course could not be cached");
    }
    Ok(found)
}

async fn remember(platform: &Platform, course: &Course) -> anyhow::Result<()> {
    let (school, trip) = (course.school_id, course.trip_id);
    let mut transaction = reading(platform, school).await?;
    let riders = rider_ids(transaction.connection()?, school, course.route_id, course.direction, course.service_date).await?;
    let kept = serde_json::to_vec(&Kept { course: course.clone(), riders })?;
    let course = serde_json::to_vec(course)?;
    let arguments: Vec<Value> = vec![Value::Bytes(course.into()), time_to_live(trip).into(), Value::Bytes(kept.into()), KEPT.into()];
    let keys = vec![key(school, trip), kept_key(school, trip)];
    let _: Value = script().evalsha_with_reload(&cache::near(platform.redis()), keys, arguments).await?;
    Ok(())
}

fn script() -> Script {
    use std::sync::OnceLock;
    static SCRIPT: OnceLock<Script> = OnceLock::new();
    SCRIPT.get_or_init(|| Script::from_lua(REMEMBER)).clone()
}

async fn kept(platform: &Platform, school: SchoolId, trip: BusTripId) -> Option<Kept> {
    let bytes: Result<Option<Vec<u8>>, _> = cache::near(platform.redis()).get(kept_key(school, trip)).await;
    let kept: Kept = serde_json::from_slice(&bytes.ok().flatten()?).ok()?;
    (kept.course.school_id == school).then_some(kept)
}

/// What is kept of a trip, and for a moment in its place: not each of a bus's requests must find out by itself that PostgreSQL is away.
async fn stand_in(platform: &Platform, school: SchoolId, trip: BusTripId) -> Option<Course> {
    let course = kept(platform, school, trip).await?.course;
    let (value, expires) = (serde_json::to_vec(&course).ok()?, Some(Expiration::EX(STANDS_IN)));
    let stands: Result<(), _> = cache::near(platform.redis()).set(key(school, trip), value, expires, Some(SetOptions::NX), false).await;
    match stands {
        Ok(()) => warn!(%trip, "PostgreSQL is away: a trip runs on by what was known of it"),
        Err(error) => warn!(%error, %trip, "PostgreSQL is away, and what is kept of a trip could not take its place"),
    }
    Some(course)
}

/// Whether the student had a seat on the trip when it was read last: while PostgreSQL is away and can't say who is a student of the school.
pub(crate) async fn had_a_seat(platform: &Platform, school: SchoolId, trip: BusTripId, student: StudentId) -> bool {
    kept(platform, school, trip).await.is_some_and(|kept| kept.riders.contains(&student))
}

/// The course of a trip, and how far it is; none if there is no such trip in this school.
pub(crate) async fn any_course(platform: &Platform, school: SchoolId, trip: BusTripId) -> Result<Option<(Course, TripState)>, Problem> {
    Ok(courses_of(platform, school, &[trip]).await?.pop())
}

/// The courses of trips, and how far they are, by their ids; what is no trip of this school is left out. However many there are, it is four queries.
pub(crate) async fn courses_of(platform: &Platform, school: SchoolId, trips: &[BusTripId]) -> Result<Vec<(Course, TripState)>, Problem> {
    if trips.is_empty() {
        return Ok(Vec::new());
    }
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
        WHERE t.school_id = $1 AND t.id = ANY ($2) ORDER BY t.id";
    let found: Vec<(String, Json<Course>)> = sqlx::query_as(query)
        .bind(school.as_uuid())
        .bind(trips.iter().map(|trip| trip.as_uuid()).collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await
        .map_err(StoreError::from)?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let zone = zone(&mut *connection, school).await?;
    let mut bells = bells_of(&mut *connection, school, found.iter().map(|(_, Json(course))| course)).await?;
    let routes: Vec<BusRouteId> = found.iter().map(|(_, Json(course))| course.route_id).collect();
    let stops = stops_of_routes(connection, school, &routes).await?;
    let complete = |(state, Json(mut course)): (String, Json<Course>)| {
        let calls = timetable::run(stops.get(&course.route_id).map(Vec::as_slice).unwrap_or_default(), course.direction)
            .into_iter()
            .filter_map(|stop| {
                let scheduled_at = instant(zone, course.service_date, stop.time(course.direction)?);
                Some(Call { stop_id: stop.id, name: stop.name, latitude: stop.latitude, longitude: stop.longitude, scheduled_at })
            });
        course.calls = calls.collect();
        course.bells = bells.remove(&course.trip_id).unwrap_or_default();
        (course, TripState::of(&state))
    };
    Ok(found.into_iter().map(complete).collect())
}

/// Forgets a course: the trip is over, or its route has changed. Something that is no course stands in its place for a moment, or somebody who read the tables before the
/// change could put the old one back after it.
pub(crate) async fn forget_course(platform: &Platform, school: SchoolId, trip: BusTripId) {
    let redis = platform.redis();
    let gone = async {
        redis.set::<(), _, _>(key(school, trip), "", Some(Expiration::EX(FORGOTTEN)), None, false).await?;
        // After that nothing takes its place, so this is the last of it.
        redis.del::<i64, _>(kept_key(school, trip)).await
    };
    if let Err(error) = gone.await {
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
