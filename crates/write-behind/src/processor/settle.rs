//! Letting go of what PostgreSQL has: rows may expire, lists forget them, the log is trimmed.

use std::collections::HashMap;
use std::sync::Arc;

use cache::key;
use domain::{Partition, ServiceName};
use fred::types::Value;
use fred::types::scripts::Script;
use sqlx::Row;
use uuid::Uuid;

use super::batch::{Batch, Position, Room, RowImage, RowKey};
use super::lease::Lease;
use super::save::{SavedRow, Unsaved};
use super::{DrainError, Processor};
use crate::entity::Drain;
use crate::mechanism::{Mechanism, on, text};
use crate::scripts;

/// Rows that one script call settles: enough to save round trips, few enough not to hold Redis up.
const CHUNK: usize = 200;
/// Log entries that are settled together after a predecessor's end.
const LEFT: u64 = 1_000;

/// What of a partition may be let go of: these rows, and the log up to `watermark`.
#[derive(Debug)]
pub(super) struct Settling {
    pub(super) partition: Partition,
    pub(super) watermark: u64,
    pub(super) rows: Vec<SavedRow>,
}

impl Processor {
    /// Settles the rows of saved batches. Rows that went to the dead letters are not among them and stay as they are.
    pub(super) async fn settle_all(&self, service: ServiceName, settling: Vec<Settling>) -> Result<(), DrainError> {
        let settled = settling.iter().map(|settling| self.settle(service, settling));
        futures_util::future::join_all(settled).await.into_iter().collect()
    }

    async fn settle(&self, service: ServiceName, settling: &Settling) -> Result<(), DrainError> {
        let Settling { partition, watermark, ref rows } = *settling;
        let script = Script::from_lua(text(scripts::SETTLE));
        let mut chunks = rows.chunks(CHUNK).peekable();
        loop {
            let chunk = chunks.next().unwrap_or_default();
            let last = chunks.peek().is_none();
            let mut keys = vec![key::settled(service, partition), key::log(service, partition)];
            let mut arguments: Vec<Value> = vec![watermark.to_string().into(), i64::from(last).into(), count(chunk.len())];
            for SavedRow { row, scopes, .. } in chunk {
                keys.push(key::value(&row.entity, partition, row.id));
                keys.extend(scopes.iter().map(|scope| key::unsaved(&row.entity, partition, scope)));
                arguments.extend([Value::Bytes(row.id.as_bytes().to_vec().into()), self.ttl(service, row).into(), count(scopes.len())]);
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
    ) -> Result<(), Unsaved> {
        let (epoch, watermark) = (lease.epoch, lease.sequence);
        loop {
            let entries = self.read_log(service, partition, 0, Some(watermark), LEFT, drains).await?;
            let Some((upto, _)) = entries.last() else { return Ok(()) };
            let upto = *upto;
            let mut batch = Batch::at(Position { partition, epoch, after: watermark });
            for row in entries.into_iter().filter_map(|(_, row)| row) {
                // Whatever the value holds is what was acknowledged last, so far as it is known.
                batch.point(row, 0);
            }
            let mut settling = Settling { partition, watermark: upto, rows: Vec::new() };
            while !batch.is_complete() {
                self.read_slice(&mut batch, self.slice()).await?;
                let buried = self.buried(service, partition, &batch).await?;
                let (rows, mut unproven) = (std::mem::take(&mut batch.rows), HashMap::new());
                for (row, image) in rows {
                    if buried.get(&row).is_some_and(|dead| image.sequence <= *dead) && on(Mechanism::BuriedStayBuried) {
                        continue;
                    }
                    if image.sequence > 0 && image.sequence <= watermark && on(Mechanism::LeftoversAreSavedAgain) {
                        unproven.insert(row, image);
                    } else {
                        // Written again, or read back from PostgreSQL: the script sees which.
                        settling.rows.push(SavedRow { scopes: scopes(&row, &image, drains), sequence: image.sequence, row });
                    }
                }
                if !unproven.is_empty() {
                    let mut again = Batch::at(Position { partition, epoch, after: watermark });
                    again.rows = unproven;
                    let saved = self.save(service, std::slice::from_mut(&mut again), drains).await?;
                    settling.rows.extend(saved.rows.into_iter().flatten());
                }
            }
            self.settle(service, &settling).await?;
        }
    }

    /// The rows of `batch` with an open dead letter, and the number of the write that it holds.
    async fn buried(&self, service: ServiceName, partition: Partition, batch: &Batch) -> Result<HashMap<RowKey, u64>, DrainError> {
        let ids: Vec<Uuid> = batch.rows.keys().map(|row| row.id).collect();
        let mut transaction = self.postgres.platform().await?;
        let rows = sqlx::query(
            "SELECT entity, row_id, max(seq) FROM dead_letters
             WHERE service = $1 AND partition = $2 AND state = 'open' AND row_id = ANY($3) GROUP BY 1, 2",
        )
        .bind(service.as_str())
        .bind(i32::from(partition.number()))
        .bind(ids)
        .fetch_all(transaction.connection()?)
        .await?;
        let mut buried = HashMap::with_capacity(rows.len());
        for row in rows {
            let (entity, sequence): (String, i64) = (row.try_get(0)?, row.try_get(2)?);
            buried.insert(RowKey { entity: entity.into(), id: row.try_get(1)? }, u64::try_from(sequence).unwrap_or_default());
        }
        Ok(buried)
    }

    /// How much of one partition is read at once.
    pub(super) fn slice(&self) -> Room {
        let rows = usize::try_from(self.settings.batch_size.max(1)).unwrap_or(usize::MAX);
        Room { bytes: (self.settings.memory / 8).max(1), rows }
    }

    /// Time to live in milliseconds, spread by up to a tenth so that a morning's rows do not expire together. The spread comes from the id's random end.
    fn ttl(&self, service: ServiceName, row: &RowKey) -> i64 {
        let drain = self.drains(service).iter().find(|drain| drain.entity() == row.entity);
        let kept = drain.and_then(|drain| drain.kept()).map_or(self.settings.saved_ttl, |kept| kept.min(self.settings.saved_ttl));
        let ttl = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX / 2);
        let [.., end] = *row.id.as_bytes();
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
