//! Saving a group of batches: rows, dead letters and watermarks in one transaction.

use std::collections::HashSet;
use std::sync::Arc;

use domain::{DeadLetterId, Partition, SchoolId, ServiceName};
use sqlx::PgConnection;
use store::StoreError;
use tokio::time::Instant;
use uuid::Uuid;

use super::batch::{Batch, RowKey};
use super::{DrainError, Processor};
use crate::entity::{Decoded, Drain, Image, SaveError};

/// What became of a group.
#[derive(Debug, Default)]
pub(super) struct GroupSaved {
    pub(super) applied: usize,
    pub(super) superseded: usize,
    pub(super) dead: Vec<Dead>,
}

impl GroupSaved {
    /// The rows of a partition that went to the dead letters: they stay visible in Redis until somebody decides.
    pub(super) fn parked(&self, partition: Partition) -> HashSet<RowKey> {
        let here = self.dead.iter().filter(|dead| dead.partition == partition);
        here.map(|dead| RowKey { entity: dead.entity.clone(), id: dead.row }).collect()
    }
}

/// A record that can't be saved.
#[derive(Debug)]
pub(super) struct Dead {
    pub(super) partition: Partition,
    pub(super) sequence: u64,
    pub(super) entity: String,
    pub(super) row: Uuid,
    pub(super) reason: String,
    sqlstate: Option<String>,
    school: Option<SchoolId>,
    version: Option<i32>,
    json: Option<serde_json::Value>,
    raw: Option<Vec<u8>>,
}

/// A row on its way, with what a dead letter would need to know.
struct Candidate {
    partition: Partition,
    sequence: u64,
    image: Image,
    decoded: Decoded,
}

impl Candidate {
    fn dead(&self, entity: &str, reason: String, sqlstate: Option<String>) -> Dead {
        Dead {
            partition: self.partition,
            sequence: self.sequence,
            entity: entity.to_owned(),
            row: self.image.id,
            reason,
            sqlstate,
            school: Some(self.decoded.school),
            version: Some(self.decoded.version.get()),
            json: Some(self.decoded.json.clone()),
            raw: Some(self.image.bytes.clone()),
        }
    }
}

/// Moves all watermarks of the group, each only where epoch and position are what this processor believes.
const ADVANCE: &str = "
UPDATE drain_watermarks AS w
SET seq = u.new_seq, lease_until = now() + make_interval(secs => $6), updated_at = now()
FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[]) AS u(partition, epoch, old_seq, new_seq)
WHERE w.service = $1 AND w.partition = u.partition AND w.epoch = u.epoch AND w.seq = u.old_seq AND w.halted IS NULL";

const BURY: &str = "
INSERT INTO dead_letters (id, school_id, service, partition, seq, entity, row_id, row_version, reason, sqlstate, payload, raw)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

impl Processor {
    pub(super) async fn save(&self, service: ServiceName, group: &[Batch], drains: &[Arc<dyn Drain>]) -> Result<GroupSaved, DrainError> {
        let mut saved = GroupSaved::default();
        let mut by_drain: Vec<Vec<Candidate>> = drains.iter().map(|_| Vec::new()).collect();
        for batch in group {
            sort_out(batch, drains, &mut by_drain, &mut saved.dead);
        }
        let started = Instant::now();
        let mut transaction = self.postgres.platform().await?;
        let connection = transaction.connection()?;
        // Constraints that wait for the commit would fail the whole batch there: check each row when it is written.
        sqlx::raw_sql("SET CONSTRAINTS ALL IMMEDIATE").execute(&mut *connection).await?;
        self.advance(connection, service, group).await?;
        for (drain, mut candidates) in drains.iter().zip(by_drain) {
            // The order of acknowledgement within a partition, so that a bisected batch is saved in order too.
            candidates.sort_by_key(|candidate| (candidate.partition, candidate.sequence));
            save_or_bury(connection, drain.as_ref(), &candidates, &mut saved).await?;
        }
        for dead in &saved.dead {
            bury(connection, service, dead).await?;
        }
        transaction.commit().await?;
        metrics::histogram!("db_write_latency", "service" => service.as_str()).record(started.elapsed().as_secs_f64());
        metrics::counter!("dead_letters_total", "service" => service.as_str()).increment(saved.dead.len() as u64);
        for batch in group {
            self.advanced(service, batch.partition, batch.last).await;
        }
        Ok(saved)
    }

    async fn advance(&self, connection: &mut PgConnection, service: ServiceName, group: &[Batch]) -> Result<(), DrainError> {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let partitions: Vec<i32> = group.iter().map(|batch| i32::from(batch.partition.number())).collect();
        let epochs: Vec<i64> = group.iter().map(|batch| batch.epoch).collect();
        let from: Vec<i64> = group.iter().map(|batch| signed(batch.first - 1)).collect();
        let to: Vec<i64> = group.iter().map(|batch| signed(batch.last)).collect();
        let moved = sqlx::query(ADVANCE)
            .bind(service.as_str())
            .bind(&partitions)
            .bind(&epochs)
            .bind(&from)
            .bind(&to)
            .bind(self.settings.lease.as_secs_f64())
            .execute(connection)
            .await?
            .rows_affected();
        if moved == group.len() as u64 { Ok(()) } else { Err(DrainError::Fenced) }
    }
}

/// Decodes the rows of a batch and hands each to its drain handler; what can't be decoded is dead.
fn sort_out(batch: &Batch, drains: &[Arc<dyn Drain>], by_drain: &mut [Vec<Candidate>], dead: &mut Vec<Dead>) {
    for (row, image) in &batch.rows {
        let mut bury = |reason: String| {
            dead.push(Dead {
                partition: batch.partition,
                sequence: image.sequence,
                entity: row.entity.clone(),
                row: row.id,
                reason,
                sqlstate: None,
                school: None,
                version: None,
                json: None,
                raw: image.bytes.clone(),
            });
        };
        let Some(bytes) = &image.bytes else {
            bury("the value is gone from Redis".to_owned());
            continue;
        };
        // A value that was filled in or put back does not hold what was acknowledged.
        let written = cache::codec::header(bytes).map_or(0, |(header, _)| header.sequence);
        if written < image.sequence {
            bury(format!("the value in Redis is of write {written}, and write {} is gone", image.sequence));
            continue;
        }
        let handler = drains.iter().zip(by_drain.iter_mut()).find(|(drain, _)| drain.entity() == row.entity);
        let Some((drain, candidates)) = handler else {
            bury(format!("no handler for {:?} in this release", row.entity));
            continue;
        };
        match drain.decode(bytes) {
            Ok(decoded) => candidates.push(Candidate {
                partition: batch.partition,
                sequence: image.sequence,
                image: Image { id: row.id, bytes: bytes.clone() },
                decoded,
            }),
            Err(error) => bury(error.to_string()),
        }
    }
}

/// Saves `candidates` in one go; if a record among them is bad, halves them until it stands alone.
async fn save_or_bury(
    connection: &mut PgConnection,
    drain: &dyn Drain,
    candidates: &[Candidate],
    saved: &mut GroupSaved,
) -> Result<(), DrainError> {
    // Statements of a bounded size: a backlog of hours must not make one that runs into its time limit.
    let mut rest: Vec<&[Candidate]> = candidates.chunks(1_000).rev().collect();
    while let Some(part) = rest.pop() {
        if part.is_empty() {
            continue;
        }
        let images: Vec<&Image> = part.iter().map(|candidate| &candidate.image).collect();
        sqlx::raw_sql("SAVEPOINT part").execute(&mut *connection).await?;
        match drain.save(connection, &images).await {
            Ok(outcome) => {
                sqlx::raw_sql("RELEASE SAVEPOINT part").execute(&mut *connection).await?;
                saved.applied += outcome.applied;
                saved.superseded += outcome.superseded;
                for (index, reason) in outcome.clashes {
                    saved.dead.extend(part.get(index).map(|candidate| candidate.dead(drain.entity(), reason, None)));
                }
            }
            Err(SaveError::Store(error)) if !is_the_records_fault(&error) => return Err(error.into()),
            Err(error) => {
                sqlx::raw_sql("ROLLBACK TO SAVEPOINT part").execute(&mut *connection).await?;
                match part {
                    [alone] => {
                        let sqlstate = if let SaveError::Store(error) = &error { error.sqlstate() } else { None };
                        saved.dead.push(alone.dead(drain.entity(), with_causes(&error), sqlstate));
                    }
                    several => {
                        let (front, back) = several.split_at(several.len() / 2);
                        rest.push(back);
                        rest.push(front);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Anything else (a missing column, a missing right) would strike every record alike: then the log waits, and nothing is buried.
const fn is_the_records_fault(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::UniqueViolation { .. }
            | StoreError::ForeignKeyViolation { .. }
            | StoreError::CheckViolation { .. }
            | StoreError::ExclusionViolation { .. }
            | StoreError::InvalidData(_)
    )
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

async fn bury(connection: &mut PgConnection, service: ServiceName, dead: &Dead) -> Result<(), DrainError> {
    sqlx::query(BURY)
        .bind(DeadLetterId::generate().as_uuid())
        .bind(dead.school.map(SchoolId::as_uuid))
        .bind(service.as_str())
        .bind(i32::from(dead.partition.number()))
        .bind(i64::try_from(dead.sequence).unwrap_or(i64::MAX))
        .bind(&dead.entity)
        .bind(dead.row)
        .bind(dead.version)
        .bind(&dead.reason)
        .bind(&dead.sqlstate)
        .bind(&dead.json)
        .bind(&dead.raw)
        .execute(connection)
        .await?;
    Ok(())
}
