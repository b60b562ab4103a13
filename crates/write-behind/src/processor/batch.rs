//! A part of a partition's log and the values that its pointers name, and how it is closed.
//!
//! A batch must be closed: if a value is newer than the last pointer read, the log is read on to that write. How far is not ours to choose. After an
//! outage the first pointer may name a row whose last change is the newest entry of all, and then the whole backlog is one batch, saved in one
//! transaction. What we choose is how much of it is in memory: of rows that wait, and of rows that were saved, a batch holds their names only.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

use cache::{codec, key};
use domain::{Partition, ServiceName};
use fred::interfaces::{KeysInterface, StreamsInterface};
use fred::types::Value;
use fred::types::scripts::Script;
use uuid::Uuid;

use super::{DrainError, Processor};
use crate::entity::Drain;
use crate::mechanism::{Mechanism, on};

/// Pointers that one command reads: what the driver makes of them for a moment is many times their size.
const PAGE: u64 = 1_000;
/// Values that one command reads, if they are small.
const VALUES: usize = 500;

/// The row that a pointer names: entity and id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct RowKey {
    /// Borrowed from its drain handler where there is one: a long log names the same few a hundred thousand times.
    pub(super) entity: Cow<'static, str>,
    pub(super) id: Uuid,
}

/// What the log and Redis say about a row of the batch.
#[derive(Debug)]
pub(super) struct RowImage {
    /// The number of the row's last write in the batch.
    pub(super) sequence: u64,
    /// The whole value; none if it is gone from Redis, which never happens to an unsaved row unless somebody deletes it.
    pub(super) bytes: Option<Vec<u8>>,
}

/// Where a batch begins: behind write `after` of a partition that is held under `epoch`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) partition: Partition,
    pub(super) epoch: i64,
    pub(super) after: u64,
}

/// How much more may be read into memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) bytes: usize,
    pub(super) rows: usize,
}

impl Room {
    const fn is_left(self) -> bool {
        self.bytes > 0 && self.rows > 0
    }
}

/// The writes `first..=last` of a partition, as the last image of each row.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) partition: Partition,
    pub(super) epoch: i64,
    pub(super) first: u64,
    pub(super) last: u64,
    /// Rows whose values are in memory.
    pub(super) rows: HashMap<RowKey, RowImage>,
    /// Rows whose values are to be read, in the order in which the log names them first.
    waiting: VecDeque<RowKey>,
    known: HashMap<RowKey, Known>,
    /// Bytes that were read into memory so far.
    pub(super) weight: usize,
}

/// What is known of a row of the batch, whether its value is in memory or not.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Up to which write the row's value is read, or to be read.
    sequence: u64,
    waiting: bool,
}

impl Batch {
    pub(super) fn at(position: Position) -> Self {
        let Position { partition, epoch, after } = position;
        let (rows, waiting, known) = Default::default();
        Self { partition, epoch, first: after + 1, last: after, rows, waiting, known, weight: 0 }
    }

    pub(super) const fn entries(&self) -> u64 {
        self.last + 1 - self.first
    }

    /// Whether all values are read. One that isn't may turn out to be newer than the last pointer, and the batch longer.
    pub(super) fn is_complete(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes note of a pointer. A value that is newer than the pointer covers it.
    pub(super) fn point(&mut self, row: RowKey, sequence: u64) {
        match self.known.entry(row.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(Known { sequence, waiting: true });
                self.waiting.push_back(row);
            }
            Entry::Occupied(mut entry) if entry.get().sequence < sequence => {
                let known = entry.get_mut();
                known.sequence = sequence;
                if !std::mem::replace(&mut known.waiting, true) {
                    self.waiting.push_back(row);
                }
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Takes in the value of the row that has waited longest. Returns the number of the write that left it.
    fn take_in(&mut self, bytes: Option<Vec<u8>>) -> u64 {
        let Some(row) = self.waiting.pop_front() else { return 0 };
        let written = bytes.as_deref().and_then(|bytes| codec::header(bytes).ok()).map_or(0, |(header, _)| header.sequence);
        let known = self.known.entry(row.clone()).or_insert(Known { sequence: written, waiting: false });
        known.sequence = known.sequence.max(written);
        known.waiting = false;
        self.rows.insert(row, RowImage { sequence: known.sequence, bytes });
        written
    }
}

/// Acknowledged writes are missing from the log: the partition must stop.
#[derive(Debug)]
pub(super) struct Gap {
    pub(super) partition: Partition,
    pub(super) epoch: i64,
    pub(super) reason: String,
}

/// What a look at a partition's log brought.
#[derive(Debug)]
pub(super) enum Collected {
    /// Closed, as far as its values are read.
    Batch(Batch),
    /// The log has no more.
    Nothing,
    /// Entries that PostgreSQL should have already come first.
    Leftovers,
    Gap(Gap),
}

impl Processor {
    /// Reads the next batch. `whole` looks at the log from its first entry, which may be one that a predecessor has saved and not settled.
    pub(super) async fn collect(
        &self,
        service: ServiceName,
        position: Position,
        whole: bool,
        room: Room,
        drains: &[Arc<dyn Drain>],
    ) -> Result<Collected, DrainError> {
        let mut batch = Batch::at(position);
        let wanted = self.settings.batch_size.max(1);
        while batch.entries() < wanted {
            let from = if whole && batch.entries() == 0 { 0 } else { batch.last + 1 };
            let page = self.read_log(service, position.partition, from, None, (wanted - batch.entries()).min(PAGE), drains).await?;
            if page.first().is_some_and(|(sequence, _)| *sequence <= position.after) {
                return Ok(Collected::Leftovers);
            }
            let complete = (page.len() as u64) < PAGE;
            if let Err(gap) = note(&mut batch, page) {
                return Ok(Collected::Gap(gap));
            }
            if complete {
                break;
            }
        }
        if batch.entries() == 0 {
            return Ok(Collected::Nothing);
        }
        Ok(match self.load(service, &mut batch, room, drains).await? {
            Ok(()) => Collected::Batch(batch),
            Err(gap) => Collected::Gap(gap),
        })
    }

    /// Reads values into memory, in the order of the log, as many as there is room for and at least one; if one is newer than the last pointer,
    /// reads the log on to that write.
    pub(super) async fn load(
        &self,
        service: ServiceName,
        batch: &mut Batch,
        mut room: Room,
        drains: &[Arc<dyn Drain>],
    ) -> Result<Result<(), Gap>, DrainError> {
        while room.is_left() && !batch.is_complete() {
            let newest = self.read_values(batch, &mut room).await?;
            while newest > batch.last && on(Mechanism::ClosedBatches) {
                let page = self.read_log(service, batch.partition, batch.last + 1, Some(newest), PAGE, drains).await?;
                if page.is_empty() && on(Mechanism::LogEndCheck) {
                    let reason = format!("the log ends at {} although write {newest} was acknowledged", batch.last);
                    return Ok(Err(gap(batch, reason)));
                }
                if page.is_empty() {
                    break;
                }
                if let Err(gap) = note(batch, page) {
                    return Ok(Err(gap));
                }
            }
        }
        Ok(Ok(()))
    }

    /// Reads values into memory, whatever they are newer than.
    pub(super) async fn read_slice(&self, batch: &mut Batch, mut room: Room) -> Result<(), DrainError> {
        while room.is_left() && !batch.is_complete() {
            self.read_values(batch, &mut room).await?;
        }
        Ok(())
    }

    /// Reads the values of the rows that have waited longest. Returns the number of the newest write among them.
    async fn read_values(&self, batch: &mut Batch, room: &mut Room) -> Result<u64, DrainError> {
        let rows = batch.waiting.iter().take(VALUES.min(room.rows));
        let mut keys: Vec<String> = rows.map(|row| key::value(&row.entity, batch.partition, row.id)).collect();
        let heads: Vec<Value> = Script::from_lua(HEADS).evalsha_with_reload(self.redis.next(), keys.clone(), Vec::<Value>::new()).await?;
        let (fitting, weight) = fitting(&heads, room.bytes);
        keys.truncate(fitting.max(1));
        room.bytes = room.bytes.saturating_sub(weight);
        room.rows = room.rows.saturating_sub(keys.len());
        batch.weight += weight;
        let values: Vec<Option<Vec<u8>>> = self.redis.mget(keys).await?;
        Ok(values.into_iter().map(|bytes| batch.take_in(bytes)).max().unwrap_or(0))
    }

    /// Pointers from write `from` on: the number of the write and the row, unless the entry is no pointer.
    pub(super) async fn read_log(
        &self,
        service: ServiceName,
        partition: Partition,
        from: u64,
        to: Option<u64>,
        count: u64,
        drains: &[Arc<dyn Drain>],
    ) -> Result<Vec<(u64, Option<RowKey>)>, DrainError> {
        let end = to.map_or_else(|| "+".to_owned(), |to| format!("{to}-0"));
        // As the driver's plain values: a map for each entry would cost more than everything else that is done with it.
        let entries: Vec<Value> = self.redis.xrange(key::log(service, partition), format!("{from}-0"), end, Some(count)).await?;
        Ok(entries.into_iter().filter_map(|entry| pointer(entry, drains)).collect())
    }
}

/// What is known of values before they are read. `KEYS`: values. Answers for each its first bytes and its length.
const HEADS: &str = r"#!lua flags=no-writes
local heads = {}
for row = 1, #KEYS do
  heads[2 * row - 1] = redis.call('GETRANGE', KEYS[row], 0, 39)
  heads[2 * row] = redis.call('STRLEN', KEYS[row])
end
return heads
";

/// What a row costs in memory besides its bytes: names, places, what the driver allocates for it.
const OVERHEAD: usize = 512;

/// How many of some values fit into the room that is left, as they are and decoded, and how much room they take; at least the first.
fn fitting(heads: &[Value], room: usize) -> (usize, usize) {
    let (mut rows, mut weight) = (0, 0);
    for pair in heads.chunks_exact(2) {
        let [head, length] = pair else { continue };
        let decoded = head.as_bytes().and_then(|head| codec::header(head).ok()).map_or(0, |(header, _)| header.original_len);
        let sizes = [length.as_usize(), usize::try_from(decoded).ok(), Some(OVERHEAD)];
        let size: usize = sizes.into_iter().flatten().sum();
        if rows > 0 && weight + size > room {
            break;
        }
        rows += 1;
        weight += size;
    }
    (rows, weight)
}

/// Puts a page of the log behind what the batch knows.
fn note(batch: &mut Batch, page: Vec<(u64, Option<RowKey>)>) -> Result<(), Gap> {
    for (sequence, row) in page {
        if sequence != batch.last + 1 && on(Mechanism::GapCheck) {
            let reason = format!("after write {} the log goes on with {sequence}", batch.last);
            return Err(gap(batch, reason));
        }
        if row.is_none() && on(Mechanism::PointerCheck) {
            return Err(gap(batch, format!("write {sequence} is no pointer")));
        }
        batch.last = sequence;
        if let Some(row) = row {
            batch.point(row, sequence);
        }
    }
    Ok(())
}

fn gap(batch: &Batch, reason: String) -> Gap {
    Gap { partition: batch.partition, epoch: batch.epoch, reason }
}

/// An entry as XRANGE gives it: `[id, [field, value, …]]`.
pub(super) fn pointer(entry: Value, drains: &[Arc<dyn Drain>]) -> Option<(u64, Option<RowKey>)> {
    let Value::Array(entry) = entry else { return None };
    let mut entry = entry.into_iter();
    let sequence = sequence_of(&entry.next()?.into_bytes_str()?);
    let Some(Value::Array(fields)) = entry.next() else { return Some((sequence, None)) };
    let (mut entity, mut id) = (None, None);
    for pair in fields.chunks_exact(2) {
        let [field, value] = pair else { continue };
        match field.as_bytes() {
            Some(b"e") => entity = value.as_bytes().and_then(|name| named(name, drains)),
            Some(b"i") => id = value.as_bytes().and_then(|id| Uuid::from_slice(id).ok()),
            _ => {}
        }
    }
    Some((sequence, entity.zip(id).map(|(entity, id)| RowKey { entity, id })))
}

fn named(name: &[u8], drains: &[Arc<dyn Drain>]) -> Option<Cow<'static, str>> {
    let known = drains.iter().map(|drain| drain.entity()).find(|entity| entity.as_bytes() == name);
    known.map(Cow::Borrowed).or_else(|| String::from_utf8(name.to_vec()).ok().map(Cow::Owned))
}

pub(super) fn sequence_of(id: &str) -> u64 {
    id.split_once('-').and_then(|(sequence, _)| sequence.parse().ok()).unwrap_or(0)
}
