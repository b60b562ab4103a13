//! What the stores hold once everything is healed and saved: read from PostgreSQL, Redis and MongoDB directly, and from the services over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, Row};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::arena::{Arena, School};
use crate::history::{Entity, Seen, State};
use crate::workload::show_all;

/// A row of a table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Saved {
    pub(crate) entity: Entity,
    pub(crate) school: Uuid,
    pub(crate) seen: Seen,
}

/// An open dead letter.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Letter {
    pub(crate) entity: Entity,
    pub(crate) row: Uuid,
    pub(crate) version: u32,
    /// None if it could not even be decoded.
    pub(crate) state: Option<State>,
    pub(crate) reason: String,
}

/// Something that reached PostgreSQL, in the order of the commits.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Commit {
    /// Its transaction's place in the order of commits; equal within a transaction.
    pub(crate) order: u64,
    /// Saved by a service itself, while Redis was away.
    pub(crate) detour: bool,
    pub(crate) school: Uuid,
    pub(crate) entity: Entity,
    pub(crate) act: Act,
    pub(crate) row: Uuid,
    pub(crate) version: u32,
    pub(crate) state: State,
}

/// What happened to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Act {
    Saved,
    Deleted,
    Buried,
}

/// A partition in both stores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Books {
    pub(crate) partition: u16,
    /// PostgreSQL's watermark.
    pub(crate) watermark: u64,
    pub(crate) halted: Option<String>,
    /// Redis: the last write, the last one that is known to be saved, and what is left in the log.
    pub(crate) sequence: u64,
    pub(crate) settled: u64,
    pub(crate) waiting: u64,
}

/// A row in the activity log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Activity {
    pub(crate) event: String,
    pub(crate) action: String,
    pub(crate) row: Uuid,
}

/// What a service shows of a row; none where it knows no such row.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shown {
    pub(crate) process: usize,
    pub(crate) entity: Entity,
    pub(crate) row: Uuid,
    pub(crate) seen: Option<Seen>,
}

/// All of it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Evidence {
    pub(crate) rows: Vec<Saved>,
    pub(crate) letters: Vec<Letter>,
    pub(crate) commits: Vec<Commit>,
    pub(crate) books: Vec<Books>,
    /// Rows that some list of unsaved rows still names.
    pub(crate) unsaved: Vec<Uuid>,
    /// Rows whose value in Redis would never expire.
    pub(crate) unexpiring: Vec<Uuid>,
    pub(crate) shown: Vec<Shown>,
    pub(crate) activity: Vec<Activity>,
    /// Events of these schools that were put aside.
    pub(crate) dead_events: u64,
    /// What was not done in time.
    pub(crate) late: Vec<String>,
}

/// How long a backlog may take to be saved once everything is healed. The batch processor backs off up to 15 s, and a client of Redis up to 5 s.
const DRAIN: Duration = Duration::from_secs(40);
/// How long events may take to reach the activity log: a process that was killed leaves some to be claimed.
const DELIVERY: Duration = Duration::from_secs(30);

/// Everything of the schools' partitions, and the homework service's in particular.
const LOOK: &str = r"
local answer = { books = {}, unsaved = {}, unexpiring = {} }
for index = 1, #ARGV do
  local p = '{p' .. ARGV[index] .. '}'
  local number = function(key) return tonumber(redis.call('GET', key .. p) or '0') end
  table.insert(answer.books, { partition = tonumber(ARGV[index]), sequence = number('write_seq:homework:'), settled = number('write_settled:homework:'),
    waiting = redis.call('XLEN', 'write_log:homework:' .. p) })
end
local hex = function(bytes) return (string.gsub(bytes, '.', function(c) return string.format('%02x', string.byte(c)) end)) end
local scan = function(pattern, each)
  local cursor = '0'
  repeat
    local page = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do each(key) end
  until cursor == '0'
end
scan('unsaved:*', function(key) for _, id in ipairs(redis.call('SMEMBERS', key)) do table.insert(answer.unsaved, hex(id)) end end)
scan('write_buffer:*', function(key)
  if redis.call('PTTL', key) == -1 then table.insert(answer.unexpiring, string.sub(key, -36)) end
end)
return cjson.encode(answer)";

#[derive(Debug, Deserialize)]
struct Look {
    books: Vec<RedisBooks>,
    // Lua has one kind of table: an empty list comes as an object.
    unsaved: Value,
    unexpiring: Value,
}

#[derive(Debug, Deserialize)]
struct RedisBooks {
    partition: u16,
    sequence: u64,
    settled: u64,
    waiting: u64,
}

fn ids(list: &Value) -> Vec<Uuid> {
    list.as_array().into_iter().flatten().filter_map(|id| id.as_str()?.parse().ok()).collect()
}

async fn look(arena: &Arena, partitions: &[u16]) -> anyhow::Result<Look> {
    let numbers: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    let mut arguments = vec![LOOK, "0"];
    arguments.extend(numbers.iter().map(String::as_str));
    let text: String = arena.redis("EVAL", &arguments).await?;
    serde_json::from_str(&text).with_context(|| format!("what Redis says can't be read: {text}"))
}

fn partitions(schools: &[School]) -> Vec<u16> {
    let mut partitions: Vec<u16> = schools.iter().map(|school| school.partition().number()).collect();
    partitions.sort_unstable();
    partitions.dedup();
    partitions
}

async fn books(connection: &mut PgConnection, partitions: &[u16], redis: &[RedisBooks]) -> anyhow::Result<Vec<Books>> {
    let numbers: Vec<i32> = partitions.iter().map(|number| i32::from(*number)).collect();
    let rows = sqlx::query("SELECT partition, seq, halted FROM drain_watermarks WHERE service = 'homework' AND partition = ANY($1)")
        .bind(numbers)
        .fetch_all(connection)
        .await?;
    let mut books = Vec::new();
    for row in rows {
        let (partition, watermark): (i32, i64) = (row.try_get(0)?, row.try_get(1)?);
        let partition = u16::try_from(partition)?;
        let redis = redis.iter().find(|books| books.partition == partition).context("a partition that Redis was not asked about")?;
        books.push(Books {
            partition,
            watermark: u64::try_from(watermark)?,
            halted: row.try_get(2)?,
            sequence: redis.sequence,
            settled: redis.settled,
            waiting: redis.waiting,
        });
    }
    Ok(books)
}

/// Waits until everything that was acknowledged is saved, and settled in Redis. Says what is not, when time is up.
pub(crate) async fn until_drained(arena: &Arena, schools: &[School]) -> anyhow::Result<Option<String>> {
    let partitions = partitions(schools);
    let started = Instant::now();
    let mut connection = arena.superuser().await?;
    loop {
        let look = look(arena, &partitions).await?;
        let books = books(&mut connection, &partitions, &look.books).await?;
        let open: Vec<&Books> = books
            .iter()
            .filter(|books| books.waiting > 0 || books.watermark != books.sequence || books.settled != books.sequence)
            .collect();
        if open.is_empty() {
            return Ok(None);
        }
        // A partition that stands still waits for an operator, however long.
        if started.elapsed() > DRAIN || open.iter().all(|books| books.halted.is_some()) {
            return Ok(Some(format!("not saved after {} s: {open:?}", started.elapsed().as_secs())));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// What is known of the rows of `schools`. `events` are how often each action must be in the activity log at least.
pub(crate) async fn gather(arena: &Arena, schools: &[School], events: &BTreeMap<(String, Uuid), usize>) -> anyhow::Result<Evidence> {
    let mut evidence = Evidence::default();
    let mut connection = arena.superuser().await?;
    let ids: Vec<Uuid> = schools.iter().map(|school| school.id).collect();
    for entity in Entity::ALL {
        evidence.rows.extend(rows(&mut connection, entity, &ids).await?);
    }
    evidence.letters = letters(&mut connection, &ids).await?;
    evidence.commits = commits(&mut connection, &ids).await?;
    let partitions = partitions(schools);
    let look = look(arena, &partitions).await?;
    evidence.books = books(&mut connection, &partitions, &look.books).await?;
    (evidence.unsaved, evidence.unexpiring) = (self::ids(&look.unsaved), self::ids(&look.unexpiring));
    drop(connection);

    let mut asked: Vec<(Entity, Uuid, String)> = Vec::new();
    for school in schools {
        let Some(token) = school.teachers.first() else { continue };
        let rows = evidence.rows.iter().filter(|row| row.school == school.id).map(|row| (row.entity, row.seen.row));
        let commits = evidence.commits.iter().filter(|commit| commit.school == school.id).map(|commit| (commit.entity, commit.row));
        asked.extend(rows.chain(commits).map(|(entity, row)| (entity, row, token.clone())));
    }
    asked.sort_unstable();
    asked.dedup_by_key(|(entity, row, _)| (*entity, *row));
    let shown = show_all(arena, &asked).await?;
    evidence.shown = shown.into_iter().map(|(process, entity, row, seen)| Shown { process, entity, row, seen }).collect();
    activity(arena, schools, events, &mut evidence).await?;
    Ok(evidence)
}

async fn rows(connection: &mut PgConnection, entity: Entity, schools: &[Uuid]) -> anyhow::Result<Vec<Saved>> {
    let query = format!("SELECT to_jsonb(t) FROM {} t WHERE school_id = ANY($1) ORDER BY id", entity.table());
    let rows: Vec<Json<Value>> = sqlx::query_scalar(sqlx::AssertSqlSafe(query)).bind(schools).fetch_all(connection).await?;
    rows.into_iter()
        .map(|Json(row)| {
            let seen = seen(entity, &row)?;
            Ok(Saved { entity, school: uuid(&row, "school_id")?, seen })
        })
        .collect()
}

fn uuid(row: &Value, name: &str) -> anyhow::Result<Uuid> {
    let text = row.get(name).and_then(Value::as_str).with_context(|| format!("a row without {name}: {row}"))?;
    Ok(text.parse()?)
}

fn seen(entity: Entity, row: &Value) -> anyhow::Result<Seen> {
    let version = row.get("version").and_then(Value::as_u64).with_context(|| format!("a row without a version: {row}"))?;
    Ok(Seen { row: uuid(row, "id")?, version: u32::try_from(version)?, state: entity.state(row) })
}

async fn letters(connection: &mut PgConnection, schools: &[Uuid]) -> anyhow::Result<Vec<Letter>> {
    let query = "SELECT entity, row_id, row_version, payload, reason FROM dead_letters
                 WHERE (school_id = ANY($1) OR school_id IS NULL) AND state = 'open' ORDER BY created_at, id";
    let rows = sqlx::query(query).bind(schools).fetch_all(connection).await?;
    let mut letters = Vec::new();
    for row in rows {
        let entity: Option<String> = row.try_get(0)?;
        let payload: Option<Json<Value>> = row.try_get(3)?;
        let Some(entity) = Entity::named(entity.as_deref().unwrap_or_default()) else { bail!("a dead letter of an unknown entity") };
        letters.push(Letter {
            entity,
            row: row.try_get::<Option<Uuid>, _>(1)?.unwrap_or_default(),
            version: u32::try_from(row.try_get::<Option<i32>, _>(2)?.unwrap_or_default())?,
            state: payload.map(|Json(payload)| entity.state(&payload)),
            reason: row.try_get(4)?,
        });
    }
    Ok(letters)
}

async fn commits(connection: &mut PgConnection, schools: &[Uuid]) -> anyhow::Result<Vec<Commit>> {
    let query = "SELECT dense_rank() OVER (ORDER BY pg_xact_commit_timestamp(transaction::xid), transaction::text::numeric), role, act, source, content
                 FROM chaos.audit WHERE (content ->> 'school_id')::uuid = ANY($1) ORDER BY 1, number";
    let rows = sqlx::query(query).bind(schools).fetch_all(connection).await?;
    let mut commits = Vec::new();
    for row in rows {
        let (order, role, act, source, Json(content)): (i64, String, String, String, Json<Value>) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        let (school, detour) = (uuid(&content, "school_id")?, role != "schools24_batch");
        let order = u64::try_from(order)?;
        let commit = if source == "dead_letters" {
            let name = content.get("entity").and_then(Value::as_str).unwrap_or_default();
            let entity = Entity::named(name).with_context(|| format!("a dead letter of the unknown entity {name}"))?;
            let payload = content.get("payload").cloned().unwrap_or_default();
            let version = content.get("row_version").and_then(Value::as_u64).unwrap_or_default();
            let (row, version, state) = (uuid(&content, "row_id")?, u32::try_from(version)?, entity.state(&payload));
            Commit { order, detour, school, entity, act: Act::Buried, row, version, state }
        } else {
            let entity = Entity::named(&source).with_context(|| format!("the unknown table {source}"))?;
            let Seen { row, version, state } = seen(entity, &content)?;
            let act = if act == "DELETE" { Act::Deleted } else { Act::Saved };
            Commit { order, detour, school, entity, act, row, version, state }
        };
        commits.push(commit);
    }
    Ok(commits)
}

/// Waits until the log has what it must have at least, and nothing of these schools is under way any more; then reads all of it.
async fn activity(
    arena: &Arena,
    schools: &[School],
    events: &BTreeMap<(String, Uuid), usize>,
    evidence: &mut Evidence,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let log = arena.mongo().await?.collection::<Document>("activity_logs");
    let ids: Vec<String> = schools.iter().map(|school| school.id.to_string()).collect();
    let numbers: Vec<String> = partitions(schools).iter().map(ToString::to_string).collect();
    let mut arguments = vec![UNDER_WAY, "0"];
    arguments.extend(numbers.iter().map(String::as_str));
    loop {
        let under_way: u64 = arena.redis("EVAL", &arguments).await?;
        let found: Vec<Document> = log.find(doc! { "school_id": { "$in": &ids } }).await?.try_collect().await?;
        evidence.activity = found.iter().map(entry).collect::<anyhow::Result<_>>()?;
        let count = |key: &(String, Uuid)| evidence.activity.iter().filter(|entry| entry.action == key.0 && entry.row == key.1).count();
        let missing = events.iter().filter(|(key, least)| count(key) < **least).count();
        if under_way == 0 && missing == 0 {
            break;
        }
        // Once nothing is under way, what is missing stays missing.
        let waited = started.elapsed();
        if waited > DELIVERY || (under_way == 0 && waited > Duration::from_secs(3)) {
            if under_way > 0 {
                evidence.late.push(format!("{under_way} events are still under way after {} s", waited.as_secs()));
            }
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    evidence.dead_events = arena.redis("XLEN", &["events_dead:activity-log"]).await?;
    Ok(())
}

/// Events that the activity log's group has not been given, or not finished with, in the schools' partitions.
const UNDER_WAY: &str = r"
local open = 0
for index = 1, #ARGV do
  local stream = 'events:{p' .. ARGV[index] .. '}'
  if redis.call('EXISTS', stream) == 1 then
    local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
      local facts = {}
      for field = 1, #group, 2 do facts[group[field]] = group[field + 1] end
      open = open + facts['pending']
      if newest[1] and newest[1][1] ~= facts['last-delivered-id'] then open = open + 1 end
    end
  end
end
return open";

fn entry(document: &Document) -> anyhow::Result<Activity> {
    let entity = document.get_document("entity")?;
    Ok(Activity {
        event: document.get_str("event_id")?.to_owned(),
        action: document.get_str("action")?.to_owned(),
        row: entity.get_str("id")?.parse()?,
    })
}
