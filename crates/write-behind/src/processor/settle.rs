//! Letting go of what PostgreSQL has: rows may expire, lists forget them, the log is trimmed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cache::key;
use domain::{Partition, ServiceName};
use fred::interfaces::{KeysInterface, StreamsInterface};
use fred::types::Value;
use fred::types::scripts::Script;
use fred::types::streams::XReadValue;
use sqlx::Row;
use uuid::Uuid;

use super::batch::{RowImage, RowKey, row_of};
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
    pub(super) async fn settle_leftovers(
        &self,
        service: ServiceName,
        partition: Partition,
        watermark: u64,
        drains: &[Arc<dyn Drain>],
    ) -> Result<(), DrainError> {
        loop {
            let entries: Vec<XReadValue<String, String, Vec<u8>>> =
                self.redis.xrange_values(key::log(service, partition), "-", format!("{watermark}-0"), Some(1_000)).await?;
            let Some((last, _)) = entries.last() else { return Ok(()) };
            let upto = super::batch::sequence_of(last);
            let keys: HashSet<RowKey> = entries.iter().filter_map(|(_, fields)| row_of(fields)).collect();
            let mut rows = HashMap::with_capacity(keys.len());
            for row in keys {
                let bytes: Option<Vec<u8>> = self.redis.get(key::value(&row.entity, partition, row.id)).await?;
                rows.insert(row, RowImage { sequence: 0, bytes });
            }
            let parked = self.parked(service, partition).await?;
            self.settle(service, partition, upto, &rows, &parked, drains).await?;
        }
    }

    async fn parked(&self, service: ServiceName, partition: Partition) -> Result<HashSet<RowKey>, DrainError> {
        let mut transaction = self.postgres.platform().await?;
        let rows = sqlx::query("SELECT entity, row_id FROM dead_letters WHERE service = $1 AND partition = $2 AND state = 'open'")
            .bind(service.as_str())
            .bind(i32::from(partition.number()))
            .fetch_all(transaction.connection()?)
            .await?;
        let mut parked = HashSet::with_capacity(rows.len());
        for row in rows {
            parked.insert(RowKey { entity: row.try_get(0)?, id: row.try_get(1)? });
        }
        Ok(parked)
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
