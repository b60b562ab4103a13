//! Letting go of what PostgreSQL has: rows may expire, lists forget them, the log is trimmed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cache::{codec, key};
use domain::{Partition, ServiceName};
use fred::interfaces::{KeysInterface, StreamsInterface};
use fred::types::Value;
use fred::types::scripts::Script;
use fred::types::streams::XReadValue;
use sqlx::Row;
use uuid::Uuid;

use super::batch::{Batch, RowImage, RowKey, row_of};
use super::lease::Lease;
use super::{DrainError, Processor};
use crate::entity::Drain;
use crate::scripts;

/// Rows that one script call settles: enough to save round trips, few enough not to hold Redis up.
const CHUNK: usize = 200;

impl Processor {
    /// Settles the rows of a saved batch up to `watermark`. Rows in `parked` went to the dead letters and stay as they are.
    pub(super) async fn settle(
        &self,
        service: ServiceName,
        partition: Partition,
        watermark: u64,
        rows: &HashMap<RowKey, RowImage>,
        parked: &HashSet<RowKey>,
        drains: &[Arc<dyn Drain>],
    ) -> Result<(), DrainError> {
        let script = Script::from_lua(scripts::SETTLE);
        let free: Vec<(&RowKey, &RowImage)> = rows.iter().filter(|(row, _)| !parked.contains(row)).collect();
        let mut chunks = free.chunks(CHUNK).peekable();
        loop {
            let chunk = chunks.next().unwrap_or_default();
            let last = chunks.peek().is_none();
            let mut keys = vec![key::settled(service, partition), key::log(service, partition)];
            let mut arguments: Vec<Value> = vec![watermark.to_string().into(), i64::from(last).into(), count(chunk.len())];
            for (row, image) in chunk {
                keys.push(key::value(&row.entity, partition, row.id));
                let scopes = scopes(row, image, drains);
                keys.extend(scopes.iter().map(|scope| key::unsaved(&row.entity, partition, scope)));
                arguments.extend([Value::Bytes(row.id.as_bytes().to_vec().into()), self.ttl(row.id).into(), count(scopes.len())]);
            }
            let _: String = script.evalsha_with_reload(self.redis.next(), keys, arguments).await?;
            if last {
                return Ok(());
            }
        }
    }

    /// Settles what a predecessor saved but did not live to settle: log entries up to the watermark.
    ///
    /// It does not take their word for it. A Redis that fell back to an older copy hands numbers out again, so an entry at or below the watermark may
    /// be a write that PostgreSQL never saw: the rows are saved again, which changes nothing where they are there already.
    pub(super) async fn settle_leftovers(
        &self,
        service: ServiceName,
        partition: Partition,
        lease: &Lease,
        drains: &[Arc<dyn Drain>],
    ) -> Result<(), DrainError> {
        let watermark = lease.sequence;
        loop {
            let entries: Vec<XReadValue<String, String, Vec<u8>>> =
                self.redis.xrange_values(key::log(service, partition), "-", format!("{watermark}-0"), Some(1_000)).await?;
            let Some((last, _)) = entries.last() else { return Ok(()) };
            let upto = super::batch::sequence_of(last);
            let keys: HashSet<RowKey> = entries.iter().filter_map(|(_, fields)| row_of(fields)).collect();
            let buried = self.buried(service, partition).await?;
            let (mut rows, mut unproven, mut parked) = (HashMap::new(), HashMap::new(), HashSet::new());
            for row in keys {
                let bytes: Option<Vec<u8>> = self.redis.get(key::value(&row.entity, partition, row.id)).await?;
                let sequence = bytes.as_deref().and_then(|bytes| codec::header(bytes).ok()).map_or(0, |(header, _)| header.sequence);
                if buried.get(&row).is_some_and(|dead| sequence <= *dead) {
                    parked.insert(row.clone());
                } else if sequence > 0 && sequence <= watermark {
                    unproven.insert(row.clone(), RowImage { sequence, bytes: bytes.clone() });
                }
                rows.insert(row, RowImage { sequence, bytes });
            }
            if !unproven.is_empty() {
                let batch = Batch { partition, epoch: lease.epoch, first: watermark + 1, last: watermark, rows: unproven };
                let saved = self.save(service, &[batch], drains).await?;
                parked.extend(saved.parked(partition));
            }
            self.settle(service, partition, upto, &rows, &parked, drains).await?;
        }
    }

    /// The rows with an open dead letter, and the number of the write that it holds.
    async fn buried(&self, service: ServiceName, partition: Partition) -> Result<HashMap<RowKey, u64>, DrainError> {
        let mut transaction = self.postgres.platform().await?;
        let rows = sqlx::query(
            "SELECT entity, row_id, max(seq) FROM dead_letters WHERE service = $1 AND partition = $2 AND state = 'open' GROUP BY 1, 2",
        )
        .bind(service.as_str())
        .bind(i32::from(partition.number()))
        .fetch_all(transaction.connection()?)
        .await?;
        let mut buried = HashMap::with_capacity(rows.len());
        for row in rows {
            let sequence: i64 = row.try_get(2)?;
            buried.insert(RowKey { entity: row.try_get(0)?, id: row.try_get(1)? }, u64::try_from(sequence).unwrap_or_default());
        }
        Ok(buried)
    }

    /// Time to live in milliseconds, spread by up to a tenth so that a morning's rows do not expire together. The spread comes from the id's random end.
    fn ttl(&self, id: Uuid) -> i64 {
        let ttl = i64::try_from(self.settings.saved_ttl.as_millis()).unwrap_or(i64::MAX / 2);
        let [.., end] = *id.as_bytes();
        (ttl - ttl / 10 * i64::from(end) / 255).max(1)
    }
}

fn scopes(row: &RowKey, image: &RowImage, drains: &[Arc<dyn Drain>]) -> Vec<String> {
    let Some(bytes) = &image.bytes else { return Vec::new() };
    let drain = drains.iter().find(|drain| drain.entity() == row.entity);
    drain.and_then(|drain| drain.decode(bytes).ok()).map(|decoded| decoded.scopes).unwrap_or_default()
}

fn count(number: usize) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
