//! Leases and watermarks: which processor may save a partition, and how far it has come.
//!
//! Both live in one row of `drain_watermarks`. Taking a lease raises the epoch; saving a batch moves the watermark only where the epoch is still
//! the same. A processor that was stopped beyond its lease and wakes up finds another epoch, and its whole transaction falls.

use std::time::Duration;

use cache::key;
use domain::{PARTITIONS, Partition, ServiceName};
use fred::interfaces::KeysInterface;
use fred::types::scripts::Script;
use sqlx::Row;
use tokio::time::Instant;
use tracing::{error, warn};
use uuid::Uuid;

use super::{DrainError, Processor};
use crate::mechanism::{Mechanism, on, text};
use crate::scripts;

/// What this processor knows of a partition that it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    pub(super) epoch: i64,
    /// The last write that PostgreSQL has.
    pub(super) sequence: u64,
    pub(super) until: Instant,
    /// The buffer whose writes are counted, as a hash of its name.
    layout: u64,
}

const TAKE: &str = "
WITH mine AS (
    SELECT service, partition FROM drain_watermarks
    WHERE service = $1 AND partition = ANY($2) AND halted IS NULL
      AND (holder = $3 OR lease_until IS NULL OR lease_until < now())
    ORDER BY partition
    FOR UPDATE SKIP LOCKED
)
UPDATE drain_watermarks AS w
SET epoch = CASE WHEN w.holder = $3 AND w.lease_until >= now() THEN w.epoch ELSE w.epoch + 1 END,
    holder = $3, lease_until = now() + make_interval(secs => $4), layout = CASE WHEN w.seq = 0 THEN $5 ELSE w.layout END, updated_at = now()
FROM mine
WHERE w.service = mine.service AND w.partition = mine.partition
RETURNING w.partition, w.epoch, w.seq, w.layout";

const HALT: &str = "
UPDATE drain_watermarks SET halted = $3, holder = NULL, lease_until = NULL, updated_at = now()
WHERE service = $1 AND partition = $2 AND epoch = $4";

impl Processor {
    /// Takes or renews the leases of `wanted`; returns those that this processor holds now and may work on.
    pub(super) async fn lease(&self, service: ServiceName, wanted: &[Partition]) -> Result<Vec<(Partition, Lease)>, DrainError> {
        let layout = self.layout().await?;
        let named = hash(&layout);
        let fresh_until = Instant::now() + self.settings.lease / 2;
        let mut held = Vec::with_capacity(wanted.len());
        let mut missing = Vec::new();
        {
            let leases = self.leases.lock().await;
            for partition in wanted {
                match leases.get(&(service, *partition)) {
                    // Another buffer than the one that was counted: ask PostgreSQL, which knows, and stops the partition.
                    Some(lease) if lease.until > fresh_until && (lease.layout == named || !on(Mechanism::LayoutCheckOfHeldLeases)) => {
                        held.push((*partition, *lease));
                    }
                    _ => missing.push(*partition),
                }
            }
        }
        if !missing.is_empty() {
            for (partition, lease, rows_layout) in self.take(service, &missing, &layout).await? {
                if rows_layout.as_deref() != Some(layout.as_str()) && on(Mechanism::LayoutCheck) {
                    let reason = format!(
                        "the watermark counts the writes of buffer {}, and Redis now holds buffer {layout}: it was emptied or exchanged",
                        rows_layout.unwrap_or_default()
                    );
                    self.halt(service, partition, lease.epoch, &reason).await?;
                    continue;
                }
                let last: Option<u64> = self.redis.get(key::sequence(service, partition)).await?;
                if last.unwrap_or(0) < lease.sequence && on(Mechanism::BehindWatermarkCheck) {
                    let reason = format!(
                        "PostgreSQL has write {}, and Redis knows only {}: it was restored from an older copy",
                        lease.sequence,
                        last.unwrap_or(0)
                    );
                    self.halt(service, partition, lease.epoch, &reason).await?;
                    continue;
                }
                self.leases.lock().await.insert((service, partition), lease);
                held.push((partition, lease));
            }
        }
        Ok(held)
    }

    async fn take(
        &self,
        service: ServiceName,
        partitions: &[Partition],
        layout: &str,
    ) -> Result<Vec<(Partition, Lease, Option<String>)>, DrainError> {
        let numbers: Vec<i32> = partitions.iter().map(|partition| i32::from(partition.number())).collect();
        let until = Instant::now() + self.settings.lease;
        let mut transaction = self.postgres.platform().await?;
        let rows = sqlx::query(text(TAKE))
            .bind(service.as_str())
            .bind(&numbers)
            .bind(&self.holder)
            .bind(self.settings.lease.as_secs_f64())
            .bind(layout)
            .fetch_all(transaction.connection()?)
            .await?;
        transaction.commit().await?;
        let mut taken = Vec::with_capacity(rows.len());
        for row in rows {
            let (number, epoch, sequence): (i32, i64, i64) = (row.try_get("partition")?, row.try_get("epoch")?, row.try_get("seq")?);
            let Some(partition) = u16::try_from(number).ok().and_then(Partition::from_number) else { continue };
            let counted: Option<String> = row.try_get("layout")?;
            let layout = hash(counted.as_deref().unwrap_or_default());
            let lease = Lease { epoch, sequence: u64::try_from(sequence).unwrap_or_default(), until, layout };
            taken.push((partition, lease, counted));
        }
        Ok(taken)
    }

    /// What a transaction that moved the watermark proves: the lease is ours, and extended since the transaction began.
    pub(super) async fn advanced(&self, service: ServiceName, partition: Partition, sequence: u64, since: Instant) {
        if let Some(lease) = self.leases.lock().await.get_mut(&(service, partition)) {
            lease.sequence = sequence;
            lease.until = since + self.settings.lease;
        }
    }

    /// Whatever went wrong with these partitions, what is known of their leases may be stale: PostgreSQL is asked again.
    pub(super) async fn doubt(&self, service: ServiceName, partitions: impl Iterator<Item = Partition>) {
        let mut leases = self.leases.lock().await;
        for partition in partitions {
            leases.remove(&(service, partition));
        }
    }

    /// Names the buffer that Redis holds: layout version, partitions, and an id made when it was empty. A Redis that lost its data gets a new id.
    async fn layout(&self) -> Result<String, DrainError> {
        // A Redis whose disk is full refuses everything that might write, and what it holds must be saved all the more.
        let known: Option<String> = self.redis.get(key::LAYOUT).await?;
        if let Some(known) = known {
            return Ok(known);
        }
        let fresh = format!("1:{PARTITIONS}:{}", Uuid::now_v7().simple());
        let script = Script::from_lua(text(scripts::LAYOUT));
        Ok(script.evalsha_with_reload(self.redis.next(), vec![key::LAYOUT], vec![fresh]).await?)
    }

    /// Stops a partition until an operator has looked: going on would skip acknowledged writes. Writes into Redis go on and stay there.
    ///
    /// Only by its holder: one that stalled and wakes up sees a log that another has trimmed, which is no gap.
    pub(super) async fn halt(&self, service: ServiceName, partition: Partition, epoch: i64, reason: &str) -> Result<(), DrainError> {
        self.leases.lock().await.remove(&(service, partition));
        let mut transaction = self.postgres.platform().await?;
        let halted = sqlx::query(text(HALT))
            .bind(service.as_str())
            .bind(i32::from(partition.number()))
            .bind(reason)
            .bind(epoch)
            .execute(transaction.connection()?)
            .await?;
        transaction.commit().await?;
        if halted.rows_affected() > 0 {
            error!(service = service.as_str(), partition = partition.number(), reason, "ALERT: the batch processor stops this partition");
            metrics::counter!("batch_processor_halted_total", "service" => service.as_str()).increment(1);
        }
        Ok(())
    }

    /// Partitions that stand still, and why.
    pub async fn halted(&self) -> Result<Vec<(String, i32, String)>, DrainError> {
        let mut transaction = self.postgres.platform().await?;
        let rows =
            sqlx::query("SELECT service, partition, halted FROM drain_watermarks WHERE halted IS NOT NULL ORDER BY service, partition")
                .fetch_all(transaction.connection()?)
                .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }

    /// Lets halted partitions go on with what Redis holds now, from its first entry: an operator has decided that what Redis lost is lost.
    /// Entries that PostgreSQL has already are recognised by their versions. Returns how many partitions go on.
    pub async fn accept_loss(&self) -> Result<u64, DrainError> {
        let layout = self.layout().await?;
        let mut resumed = 0;
        for (name, number, _) in self.halted().await? {
            let (Ok(service), Some(partition)) = (name.parse::<ServiceName>(), u16::try_from(number).ok().and_then(Partition::from_number))
            else {
                continue;
            };
            let watermark = i64::try_from(self.resumption(service, partition).await?).unwrap_or(i64::MAX);
            let mut transaction = self.postgres.platform().await?;
            let done = sqlx::query("UPDATE drain_watermarks SET halted = NULL, seq = $3, layout = $4, epoch = epoch + 1, updated_at = now() WHERE service = $1 AND partition = $2 AND halted IS NOT NULL")
                .bind(service.as_str())
                .bind(number)
                .bind(watermark)
                .bind(&layout)
                .execute(transaction.connection()?)
                .await?;
            transaction.commit().await?;
            warn!(service = service.as_str(), partition = number, watermark, "a halted partition goes on");
            resumed += done.rows_affected();
        }
        Ok(resumed)
    }

    /// The write behind which a halted partition goes on: the one before its first entry if the log is whole from there. If it is not, its last write:
    /// what is left of the log are leftovers then, whose rows are saved as they are.
    async fn resumption(&self, service: ServiceName, partition: Partition) -> Result<u64, DrainError> {
        let last: Option<u64> = self.redis.get(key::sequence(service, partition)).await?;
        let (mut first, mut next) = (None, 0);
        loop {
            let page = self.read_log(service, partition, next, None, 1_000, self.drains(service)).await?;
            if page.is_empty() {
                break;
            }
            for (sequence, row) in page {
                if row.is_none() || (first.is_some() && sequence != next) {
                    return Ok(last.unwrap_or(0));
                }
                first.get_or_insert(sequence);
                next = sequence + 1;
            }
        }
        Ok(match first {
            Some(first) if next > last.unwrap_or(0) => first.saturating_sub(1),
            _ => last.unwrap_or(0),
        })
    }

    /// Gives the leases back, so that a successor needn't wait for them to run out.
    pub(super) async fn release(&self) {
        self.leases.lock().await.clear();
        let released = async {
            let mut transaction = self.postgres.platform().await?;
            sqlx::query("UPDATE drain_watermarks SET lease_until = NULL, holder = NULL WHERE holder = $1")
                .bind(&self.holder)
                .execute(transaction.connection()?)
                .await?;
            transaction.commit().await
        };
        match tokio::time::timeout(Duration::from_secs(2), released).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "leases were not given back and run out by themselves"),
            Err(_) => warn!("leases were not given back in time and run out by themselves"),
        }
    }
}

/// A buffer's name as a number, so that a lease stays `Copy`.
fn hash(layout: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    layout.hash(&mut hasher);
    hasher.finish()
}
