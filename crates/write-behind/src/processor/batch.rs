//! Reading a batch from a partition's log, and closing it.

use std::collections::{HashMap, HashSet};

use cache::{codec, key};
use domain::{Partition, ServiceName};
use fred::interfaces::{KeysInterface, StreamsInterface};
use fred::types::streams::XReadValue;
use uuid::Uuid;

use super::lease::Lease;
use super::{DrainError, Processor};

/// The row that a pointer names: entity and id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RowKey {
    pub(super) entity: String,
    pub(super) id: Uuid,
}

/// What the log and Redis say about a row of the batch.
#[derive(Debug, Clone)]
pub(super) struct RowImage {
    /// The number of the row's last write in the batch.
    pub(super) sequence: u64,
    /// The whole value; none if it is gone from Redis, which never happens to an unsaved row unless somebody deletes it.
    pub(super) bytes: Option<Vec<u8>>,
}

/// The writes `first..=last` of a partition, as the last image of each row.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) partition: Partition,
    pub(super) epoch: i64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) rows: HashMap<RowKey, RowImage>,
}

impl Batch {
    pub(super) const fn entries(&self) -> u64 {
        self.last + 1 - self.first
    }
}

type Entry = XReadValue<String, String, Vec<u8>>;

impl Processor {
    /// The next batch after the lease's watermark; none if there is nothing; an inner error if entries are missing, which stops the partition.
    pub(super) async fn collect(
        &self,
        service: ServiceName,
        partition: Partition,
        lease: &Lease,
    ) -> Result<Option<Result<Batch, String>>, DrainError> {
        let first = lease.sequence + 1;
        let mut batch = Batch { partition, epoch: lease.epoch, first, last: lease.sequence, rows: HashMap::new() };
        let mut goal = None;
        loop {
            let entries = self.read_log(service, partition, batch.last + 1, goal).await?;
            if entries.is_empty() {
                // A value may be newer than the log only if the log lost its end.
                return Ok(match goal {
                    Some(goal) => Some(Err(format!("the log ends at {} although write {goal} was acknowledged", batch.last))),
                    None if batch.entries() == 0 => None,
                    None => Some(Ok(batch)),
                });
            }
            let mut fresh = HashSet::new();
            for (id, fields) in entries {
                let sequence = sequence_of(&id);
                if sequence != batch.last + 1 {
                    return Ok(Some(Err(format!("after write {} the log goes on with {sequence}", batch.last))));
                }
                batch.last = sequence;
                let Some(row) = row_of(&fields) else { return Ok(Some(Err(format!("write {sequence} is no pointer")))) };
                // Only what the values read so far do not cover yet must be read (again).
                let known = batch.rows.entry(row.clone()).or_insert(RowImage { sequence: 0, bytes: None });
                if known.sequence < sequence {
                    fresh.insert(row);
                }
                known.sequence = known.sequence.max(sequence);
            }
            let newest = self.read_values(partition, &mut batch, fresh.into_iter().collect()).await?;
            if newest <= batch.last {
                return Ok(Some(Ok(batch)));
            }
            goal = Some(newest);
        }
    }

    async fn read_log(&self, service: ServiceName, partition: Partition, from: u64, to: Option<u64>) -> Result<Vec<Entry>, DrainError> {
        let end = to.map_or_else(|| "+".to_owned(), |to| format!("{to}-0"));
        let count = if to.is_some() { None } else { Some(self.settings.batch_size.max(1)) };
        Ok(self.redis.xrange_values(key::log(service, partition), format!("{from}-0"), end, count).await?)
    }

    /// Reads the values of `rows` into the batch; returns the number of the newest write among them.
    async fn read_values(&self, partition: Partition, batch: &mut Batch, rows: Vec<RowKey>) -> Result<u64, DrainError> {
        let mut newest = 0;
        for chunk in rows.chunks(500) {
            let keys: Vec<String> = chunk.iter().map(|row| key::value(&row.entity, partition, row.id)).collect();
            let values: Vec<Option<Vec<u8>>> = self.redis.mget(keys).await?;
            for (row, bytes) in chunk.iter().zip(values) {
                let written = bytes.as_deref().and_then(|bytes| codec::header(bytes).ok()).map(|(header, _)| header.sequence);
                if let Some(image) = batch.rows.get_mut(row) {
                    // The value covers every pointer up to its own number: the log need not be asked for those again.
                    image.sequence = image.sequence.max(written.unwrap_or(0));
                    image.bytes = bytes;
                }
                newest = newest.max(written.unwrap_or(0));
            }
        }
        Ok(newest)
    }
}

pub(super) fn sequence_of(id: &str) -> u64 {
    id.split_once('-').and_then(|(sequence, _)| sequence.parse().ok()).unwrap_or(0)
}

pub(super) fn row_of(fields: &HashMap<String, Vec<u8>>) -> Option<RowKey> {
    let entity = String::from_utf8(fields.get("e")?.clone()).ok()?;
    let id = Uuid::from_slice(fields.get("i")?).ok()?;
    Some(RowKey { entity, id })
}
