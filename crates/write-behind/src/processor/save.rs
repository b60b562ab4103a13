//! Saving a group of batches: rows, dead letters and watermarks in one transaction.
//!
//! The watermarks are moved first: that checks that nobody has taken over, and nobody can until the transaction ends. Values that did not fit into
//! memory with the rest are read while the transaction is open, and a batch that grows by that moves its watermark once more.

use std::sync::Arc;

use domain::ServiceName;
use sqlx::PgConnection;
use tokio::time::Instant;

use super::batch::{Batch, Gap, RowKey};
use super::dead::Dead;
use super::part::{Held, Saving};
use super::{DrainError, Processor};
use crate::entity::Drain;
use crate::mechanism::{Mechanism, on, text};

/// A row that PostgreSQL has now.
#[derive(Debug)]
pub(super) struct SavedRow {
    pub(super) row: RowKey,
    /// The number of the write that was saved.
    pub(super) sequence: u64,
    /// The lists that may forget it.
    pub(super) scopes: Vec<String>,
}

/// What became of a group.
#[derive(Debug, Default)]
pub(super) struct GroupSaved {
    pub(super) applied: usize,
    pub(super) superseded: usize,
    /// Rows that went to the dead letters: they stay visible in Redis until somebody decides.
    pub(super) dead: Vec<Dead>,
    /// For each batch of the group, the rows that may be let go of.
    pub(super) rows: Vec<Vec<SavedRow>>,
}

/// Why a group was not saved.
#[derive(Debug)]
pub(super) enum Unsaved {
    /// A store refused.
    Failed(DrainError),
    /// The log lacks acknowledged writes.
    Gap(Gap),
}

impl<E: Into<DrainError>> From<E> for Unsaved {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Moves all watermarks of the group, each only where epoch and position are what this processor believes.
const ADVANCE: &str = "
UPDATE drain_watermarks AS w
SET seq = u.new_seq, lease_until = now() + make_interval(secs => $6), updated_at = now()
FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[]) AS u(partition, epoch, old_seq, new_seq)
WHERE w.service = $1 AND w.partition = u.partition AND w.epoch = u.epoch AND w.seq = u.old_seq AND w.halted IS NULL";

/// Where a watermark stands, and where it goes.
struct Step {
    partition: i32,
    epoch: i64,
    from: i64,
    to: i64,
}

impl Step {
    fn of(batch: &Batch, from: u64) -> Self {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Self { partition: batch.partition.number().into(), epoch: batch.epoch, from: signed(from), to: signed(batch.last) }
    }
}

impl Processor {
    /// Saves the batches of `group`, which may grow. What was read into memory is not there any more afterwards.
    pub(super) async fn save(&self, service: ServiceName, group: &mut [Batch], drains: &[Arc<dyn Drain>]) -> Result<GroupSaved, Unsaved> {
        let mut saving = Saving::new(drains, group.len(), &self.pace);
        saving.take(group);
        let started = Instant::now();
        let steps = group.iter().map(|batch| Step::of(batch, batch.first - 1)).collect();
        let mut transaction = self.postgres.platform().await?;
        self.advance(transaction.connection()?, service, steps).await?;
        #[cfg(test)]
        if !on(Mechanism::WatermarkInSameTransaction) {
            transaction.commit().await?;
            transaction = self.postgres.platform().await?;
        }
        let connection = transaction.connection()?;
        // Constraints that wait for the commit would fail the whole batch there: check each row when it is written.
        if on(Mechanism::ImmediateConstraints) {
            sqlx::raw_sql("SET CONSTRAINTS ALL IMMEDIATE").execute(&mut *connection).await?;
        }
        let moved: Vec<u64> = group.iter().map(|batch| batch.last).collect();
        saving.write(connection).await?;
        saving.bury(connection, service).await?;
        while let Some(batch) = group.iter_mut().find(|batch| !batch.is_complete()) {
            if let Err(gap) = self.load(service, batch, self.slice(), drains).await? {
                return Err(Unsaved::Gap(gap));
            }
            saving.take(group);
            saving.write(connection).await?;
            saving.bury(connection, service).await?;
        }
        saving.write_again(connection).await?;
        saving.bury(connection, service).await?;
        let grown = group.iter().zip(moved).filter(|(batch, moved)| batch.last > *moved);
        let grown: Vec<Step> = grown.map(|(batch, moved)| Step::of(batch, moved)).collect();
        if !grown.is_empty() {
            self.advance(connection, service, grown).await?;
        }
        transaction.commit().await?;
        let saved = saving.finish();
        metrics::histogram!("db_write_latency", "service" => service.as_str()).record(started.elapsed().as_secs_f64());
        metrics::counter!("dead_letters_total", "service" => service.as_str()).increment(saved.dead.len() as u64);
        for batch in group {
            // PostgreSQL's time within a transaction stands still, and so the lease runs from when it began.
            self.advanced(service, batch.partition, batch.last, started).await;
        }
        Ok(saved)
    }

    async fn advance(&self, connection: &mut PgConnection, service: ServiceName, steps: Vec<Step>) -> Result<(), DrainError> {
        let moved = sqlx::query(text(ADVANCE))
            .bind(service.as_str())
            .bind(steps.iter().map(|step| step.partition).collect::<Vec<_>>())
            .bind(steps.iter().map(|step| step.epoch).collect::<Vec<_>>())
            .bind(steps.iter().map(|step| step.from).collect::<Vec<_>>())
            .bind(steps.iter().map(|step| step.to).collect::<Vec<_>>())
            .bind(self.settings.lease.as_secs_f64())
            .execute(connection)
            .await?
            .rows_affected();
        if moved == steps.len() as u64 { Ok(()) } else { Err(DrainError::Fenced) }
    }
}

impl Saving<'_> {
    /// Takes over what the batches have in memory, sorted by drain handler and by order of acknowledgement within a partition.
    fn take(&mut self, group: &mut [Batch]) {
        for (number, batch) in group.iter_mut().enumerate() {
            for (row, image) in batch.rows.drain() {
                self.hold(Held { batch: number, partition: batch.partition, sequence: image.sequence, row, bytes: image.bytes });
            }
        }
    }
}
