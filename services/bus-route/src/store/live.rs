//! How running trips go, in Redis: one value a trip, which only moves forward, and a message to all processes with each move.
//!
//! The value is `<revision>\n<JSON>`. Whoever moves a trip on says which revision they have seen; the script that writes compares, and answers what is there if it is
//! another: then they take their positions into that. So positions that come in parallel, in whatever order, all count, and a late one never becomes the latest.

use domain::{BusTripId, Partition, SchoolId, StopId, Timestamp};
use fred::clients::Pool;
use fred::error::Error;
use fred::interfaces::KeysInterface;
use fred::types::scripts::Script;
use fred::types::{Expiration, SetOptions, Value};
use serde::{Deserialize, Serialize};
use service_kit::{Platform, Problem};
use store::StoreError;
use tracing::warn;
use uuid::Uuid;

use super::alarms::rung_for;
use super::{fixes_of, reading};
use crate::model::progress::{Course, Progress};

/// The channel on which every process hears how trips go.
pub(crate) const CHANNEL: &str = "bus:live";

/// How long after the last position it is known how a trip went: six hours, in milliseconds.
const TTL: i64 = 6 * 60 * 60 * 1000;

/// `KEYS`: the trip. `ARGV`: the revision that was seen, the new value, its time to live, channel, message. Answers false, or the value that is there.
const MOVE: &str = r"
local present = redis.call('GET', KEYS[1])
local revision = present and string.match(present, '^%d+') or '0'
if revision ~= ARGV[1] then return present or '' end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return false
";

/// How a trip goes, and which version of that it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Live {
    pub(crate) revision: u64,
    pub(crate) progress: Progress,
}

/// What processes tell each other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) school_id: SchoolId,
    pub(crate) trip_id: BusTripId,
    pub(crate) revision: u64,
    pub(crate) body: Box<serde_json::value::RawValue>,
}

pub(super) fn key(school: SchoolId, trip: BusTripId) -> String {
    format!("bus:trip:{}:{trip}", Partition::of(school))
}

pub(super) fn parse(value: &str) -> Option<Live> {
    let (revision, json) = value.split_once('\n')?;
    Some(Live { revision: revision.parse().ok()?, progress: serde_json::from_str(json).ok()? })
}

/// How a trip goes; none if Redis does not know.
pub(crate) async fn live(redis: &Pool, school: SchoolId, trip: BusTripId) -> Result<Option<Live>, Problem> {
    let value: Option<String> = cache::near(redis).get(key(school, trip)).await.map_err(away)?;
    Ok(value.as_deref().and_then(parse))
}

/// How trips go, in their order: one step into Redis for all that it knows.
pub(crate) async fn lives_of(platform: &Platform, courses: &[&Course]) -> Result<Vec<Live>, Problem> {
    if courses.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<String> = courses.iter().map(|course| key(course.school_id, course.trip_id)).collect();
    let values: Vec<Option<String>> = cache::near(platform.redis()).mget(keys).await.map_err(away)?;
    let mut lives = Vec::with_capacity(courses.len());
    for (course, value) in courses.iter().zip(values) {
        lives.push(match value.as_deref().and_then(parse) {
            Some(live) => live,
            None => begin_live(platform, course).await?,
        });
    }
    Ok(lives)
}

/// How a trip goes, worked out from what is stored if Redis does not know: a late position must not become the latest for want of a memory.
pub(crate) async fn begin_live(platform: &Platform, course: &Course) -> Result<Live, Problem> {
    let (school, trip) = (course.school_id, course.trip_id);
    if let Some(live) = live(platform.redis(), school, trip).await? {
        return Ok(live);
    }
    if course.started_at.is_none() {
        return Ok(Live { revision: 0, progress: Progress::new(trip) });
    }
    let fixes = fixes_of(platform, course).await?;
    let mut transaction = reading(platform, school).await?;
    let connection = transaction.connection()?;
    let visits: Vec<(Uuid, Timestamp)> =
        sqlx::query_as("SELECT stop_id, arrived_at FROM bus_stop_visits WHERE school_id = $1 AND trip_id = $2 ORDER BY arrived_at")
            .bind(school.as_uuid())
            .bind(trip.as_uuid())
            .fetch_all(&mut *connection)
            .await
            .map_err(StoreError::from)?;
    let visits: Vec<(StopId, Timestamp)> = visits.into_iter().map(|(stop, at)| (stop.into(), at)).collect();
    let mut progress = Progress::replay(course, fixes, &visits);
    let delay: Option<Option<i32>> = sqlx::query_scalar(
        "SELECT delay_seconds FROM bus_alerts WHERE school_id = $1 AND trip_id = $2 AND kind = 'delay' AND resolved_at IS NULL",
    )
    .bind(school.as_uuid())
    .bind(trip.as_uuid())
    .fetch_optional(&mut *connection)
    .await
    .map_err(StoreError::from)?;
    (progress.delay_told, progress.told_delay) = (delay.is_some(), delay.flatten().map(i64::from));
    progress.rung = rung_for(connection, course).await?;
    let live = Live { revision: 0, progress };
    keep(platform.redis(), course, &live).await;
    Ok(live)
}

/// Keeps what was worked out, unless the trip has moved on meanwhile: the next who asks need not work it out.
async fn keep(redis: &Pool, course: &Course, live: &Live) {
    let Ok(value) = encode(live) else { return };
    let key = key(course.school_id, course.trip_id);
    let kept: Result<(), _> = cache::near(redis).set(key, value, Some(Expiration::PX(TTL)), Some(SetOptions::NX), false).await;
    if let Err(error) = kept {
        warn!(%error, "how a trip goes was worked out and could not be kept");
    }
}

fn encode(live: &Live) -> Result<String, serde_json::Error> {
    Ok(format!("{}\n{}", live.revision, serde_json::to_string(&live.progress)?))
}

/// Writes `next` if the trip is still at revision `seen`, and tells everybody; else answers how the trip goes now.
pub(crate) async fn move_live(
    redis: &Pool,
    course: &Course,
    seen: u64,
    next: &Live,
    body: &impl Serialize,
) -> Result<Result<(), Option<Live>>, Problem> {
    let value = encode(next)?;
    let body = serde_json::value::to_raw_value(body)?;
    let message = Message { school_id: course.school_id, trip_id: course.trip_id, revision: next.revision, body };
    let arguments: Vec<Value> =
        vec![seen.to_string().into(), value.into(), TTL.into(), CHANNEL.into(), serde_json::to_string(&message)?.into()];
    let keys = vec![key(course.school_id, course.trip_id)];
    let present: Option<String> = script().evalsha_with_reload(&cache::near(redis), keys, arguments).await.map_err(away)?;
    Ok(match present {
        None => Ok(()),
        Some(present) => Err(parse(&present)),
    })
}

fn script() -> Script {
    use std::sync::OnceLock;
    static SCRIPT: OnceLock<Script> = OnceLock::new();
    SCRIPT.get_or_init(|| Script::from_lua(MOVE)).clone()
}

// By value: it is what `map_err` hands over.
#[allow(clippy::needless_pass_by_value)]
fn away(error: Error) -> Problem {
    warn!(%error, "how a trip goes could not be read or written");
    Problem::unavailable(std::time::Duration::from_secs(1), "Where the buses are")
}

fn generation_key(school: SchoolId) -> String {
    format!("bus:generation:{}:{school}", Partition::of(school))
}

/// Who may watch which bus may have changed: seats, trips.
pub(crate) async fn rights_changed(platform: &Platform, school: SchoolId) {
    let moved: Result<u64, _> = platform.redis().incr(generation_key(school)).await;
    if let Err(error) = moved {
        warn!(%error, "listeners look at their rights by themselves, in half a minute");
    }
}

/// A number that is another one when who may watch which bus may have changed: seats, trips, guardians.
pub(crate) async fn generation(redis: &Pool, school: SchoolId) -> Result<String, Error> {
    let keys = vec![generation_key(school), directory::generation_key(school)];
    let (seats, people): (Option<u64>, Option<u64>) = redis.mget(keys).await?;
    Ok(format!("{}.{}", seats.unwrap_or(0), people.unwrap_or(0)))
}
