//! How running trips go, in Redis: one value a trip, which only moves forward, and a message to all processes with each move.
//!
//! The value is `<revision>\n<JSON>`. Whoever moves a trip on says which revision they have seen; the script that writes compares, and answers what is there if it is
//! another: then they take their positions into that. So positions that come in parallel, in whatever order, all count, and a late one never becomes the latest.

use domain::{BusTripId, Partition, SchoolId, StopId, Timestamp};
use fred::clients::Pool;
use fred::error::Error;
use fred::interfaces::KeysInterface;
use fred::types::Value;
use fred::types::scripts::Script;
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

fn key(school: SchoolId, trip: BusTripId) -> String {
    format!("bus:trip:{}:{trip}", Partition::of(school))
}

fn parse(value: &str) -> Option<Live> {
    let (revision, json) = value.split_once('\n')?;
    Some(Live { revision: revision.parse().ok()?, progress: serde_json::from_str(json).ok()? })
}

/// How a trip goes; none if Redis does not know.
pub(crate) async fn live(redis: &Pool, school: SchoolId, trip: BusTripId) -> Result<Option<Live>, Problem> {
    let value: Option<String> = cache::near(redis).get(key(school, trip)).await.map_err(away)?;
    Ok(value.as_deref().and_then(parse))
}

/// How a trip goes, worked out from what is stored if Redis does not know: a late position must not become the latest for want of a memory.
pub(crate) async fn begin_live(platform: &Platform, course: &Course) -> Result<Live, Problem> {
    let (school, trip) = (course.school_id, course.trip_id);
    if let Some(live) = live(platform.redis(), school, trip).await? {
        return Ok(live);
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
    progress.delay_told =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM bus_alerts WHERE school_id = $1 AND trip_id = $2 AND kind = 'delay')")
            .bind(school.as_uuid())
            .bind(trip.as_uuid())
            .fetch_one(&mut *connection)
            .await
            .map_err(StoreError::from)?;
    progress.rung = rung_for(connection, course).await?;
    Ok(Live { revision: 0, progress })
}

/// Writes `next` if the trip is still at revision `seen`, and tells everybody; else answers how the trip goes now.
pub(crate) async fn move_live(
    redis: &Pool,
    course: &Course,
    seen: u64,
    next: &Live,
    body: &impl Serialize,
) -> Result<Result<(), Option<Live>>, Problem> {
    let value = format!("{}\n{}", next.revision, serde_json::to_string(&next.progress)?);
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
