//! Writing rows into their tables: in statements of a bounded size, halved where a record among them is bad, until it stands alone.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::{Partition, ServiceName};
use sqlx::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;

use super::DrainError;
use super::batch::RowKey;
use super::dead::{self, Dead, Fault};
use super::save::{GroupSaved, SavedRow};
use crate::entity::{Drain, Rows, SaveError};
use crate::mechanism::{Mechanism, on};

/// Rows that one statement writes at most: a backlog of hours must not make one that runs into its time limit.
const STATEMENT: usize = 1_000;
/// A statement that takes less than this may be followed by a larger one.
const QUICK: Duration = Duration::from_secs(2);

/// How many rows a statement writes. It falls when PostgreSQL is so slow that statements run into their time limit, and rises again.
#[derive(Debug)]
pub(super) struct Pace(AtomicUsize);

impl Default for Pace {
    fn default() -> Self {
        Self(AtomicUsize::new(STATEMENT))
    }
}

impl Pace {
    fn rows(&self) -> usize {
        self.0.load(Ordering::Relaxed).clamp(1, STATEMENT)
    }

    fn too_slow(&self, rows: usize) {
        self.0.store((rows / 2).max(1), Ordering::Relaxed);
    }

    fn managed(&self, rows: usize, took: Duration) {
        if took < QUICK && rows >= self.rows() && rows < STATEMENT {
            self.0.store((rows * 2).min(STATEMENT), Ordering::Relaxed);
        }
    }
}

/// A row on its way into its table.
#[derive(Debug)]
pub(super) struct Held {
    /// Which batch of the group it came with.
    pub(super) batch: usize,
    pub(super) partition: Partition,
    /// The number of its last write in the batch.
    pub(super) sequence: u64,
    pub(super) row: RowKey,
    pub(super) bytes: Option<Vec<u8>>,
}

/// A row that was refused and may be taken once others are there.
struct Refused {
    held: Held,
    fault: Fault,
    /// How many rows had been taken by then: if no more are by the end, there is no use in trying again.
    applied: usize,
}

/// A group being saved.
pub(super) struct Saving<'a> {
    drains: &'a [Arc<dyn Drain>],
    pace: &'a Pace,
    /// For each drain handler the rows to be written next.
    held: Vec<Vec<Held>>,
    refused: Vec<Refused>,
    buried: usize,
    saved: GroupSaved,
}

impl<'a> Saving<'a> {
    pub(super) fn new(drains: &'a [Arc<dyn Drain>], batches: usize, pace: &'a Pace) -> Self {
        let held = drains.iter().map(|_| Vec::new()).collect();
        let rows = std::iter::repeat_with(Vec::new).take(batches).collect();
        Self { drains, pace, held, refused: Vec::new(), buried: 0, saved: GroupSaved { rows, ..GroupSaved::default() } }
    }

    /// Hands a row to its drain handler; what can't be anybody's is dead.
    pub(super) fn hold(&mut self, held: Held) {
        if held.bytes.is_none() && !on(Mechanism::GoneValuesAreBuried) {
            return;
        }
        if let Some(fault) = dead::damage(&held) {
            return self.saved.dead.push(Dead::new(held, None, fault));
        }
        let mut handlers = self.drains.iter().zip(self.held.iter_mut());
        match handlers.find(|(drain, _)| drain.entity() == held.row.entity) {
            Some((_, rows)) => rows.push(held),
            None if !on(Mechanism::UnknownEntitiesAreBuried) => {}
            None => {
                let fault = Fault::new(format!("no handler for {:?} in this release", held.row.entity));
                self.saved.dead.push(Dead::new(held, None, fault));
            }
        }
    }

    /// Writes what is held, one drain handler after the other: that is the order of the foreign keys.
    pub(super) async fn write(&mut self, connection: &mut PgConnection) -> Result<(), DrainError> {
        if !self.refused.is_empty() {
            // A later version of a row takes the place of one that was refused.
            let newer: HashSet<&RowKey> = self.held.iter().flatten().map(|held| &held.row).collect();
            self.refused.retain(|refused| !newer.contains(&refused.held.row));
        }
        for (number, drain) in self.drains.iter().enumerate() {
            let held = self.held.get_mut(number).map(std::mem::take).unwrap_or_default();
            if !held.is_empty() {
                self.write_entity(connection, drain.as_ref(), held).await?;
            }
        }
        Ok(())
    }

    /// Tries once more what was refused before others were there; what is refused still is dead.
    pub(super) async fn write_again(&mut self, connection: &mut PgConnection) -> Result<(), DrainError> {
        while !self.refused.is_empty() {
            for Refused { held, fault, applied } in std::mem::take(&mut self.refused) {
                if applied < self.saved.applied {
                    self.hold(held);
                } else {
                    let drain = self.drains.iter().find(|drain| drain.entity() == held.row.entity);
                    self.saved.dead.push(Dead::new(held, drain.map(AsRef::as_ref), fault));
                }
            }
            self.write(connection).await?;
        }
        Ok(())
    }

    /// Keeps the dead so far, within the same transaction.
    pub(super) async fn bury(&mut self, connection: &mut PgConnection, service: ServiceName) -> Result<(), DrainError> {
        let fresh = self.saved.dead.get_mut(self.buried..).unwrap_or_default();
        dead::bury(connection, service, fresh).await?;
        fresh.iter_mut().for_each(Dead::lighten);
        self.buried = self.saved.dead.len();
        Ok(())
    }

    /// What became of all of it.
    pub(super) fn finish(self) -> GroupSaved {
        let mut saved = self.saved;
        if !saved.dead.is_empty() && on(Mechanism::ParkedRowsStayVisible) {
            // A batch that grew may have saved a row and then buried a later version of it: what Redis holds is the parked one, which must stay.
            let parked: HashMap<Uuid, u64> = saved.dead.iter().map(|dead| (dead.row, dead.sequence)).collect();
            for rows in &mut saved.rows {
                rows.retain(|row| parked.get(&row.row.id).is_none_or(|parked| *parked < row.sequence));
            }
        }
        saved
    }

    async fn write_entity(&mut self, connection: &mut PgConnection, drain: &dyn Drain, mut held: Vec<Held>) -> Result<(), DrainError> {
        // The order of acknowledgement within a partition, so that a bisected batch is saved in order too.
        if on(Mechanism::OrderWithinBatch) {
            held.sort_unstable_by_key(|held| (held.partition, held.sequence));
        }
        let mut rows = drain.rows();
        let mut places = Vec::with_capacity(held.len());
        for held in held {
            match rows.push(held.bytes.as_deref().unwrap_or_default()) {
                Ok(()) => places.push(Some(held)),
                Err(_) if !on(Mechanism::UnreadableValuesAreBuried) => {}
                Err(error) => self.saved.dead.push(Dead::new(held, None, Fault::new(error.to_string()))),
            }
        }
        let mut rest = Vec::from([Range { start: 0, end: places.len() }]);
        while let Some(mut part) = rest.pop() {
            let limit = self.pace.rows();
            if part.len() > limit {
                rest.push(part.start + limit..part.end);
                part.end = part.start + limit;
            }
            self.write_part(connection, drain, rows.as_ref(), &mut places, part, &mut rest).await?;
        }
        Ok(())
    }

    async fn write_part(
        &mut self,
        connection: &mut PgConnection,
        drain: &dyn Drain,
        rows: &dyn Rows,
        places: &mut [Option<Held>],
        part: Range<usize>,
        rest: &mut Vec<Range<usize>>,
    ) -> Result<(), DrainError> {
        sqlx::raw_sql("SAVEPOINT part").execute(&mut *connection).await?;
        let started = Instant::now();
        let error = match rows.save(connection, part.clone()).await {
            Ok(outcome) => {
                sqlx::raw_sql("RELEASE SAVEPOINT part").execute(&mut *connection).await?;
                self.pace.managed(part.len(), started.elapsed());
                self.saved.applied += outcome.applied;
                self.saved.superseded += outcome.superseded;
                for (index, reason) in outcome.clashes {
                    if let Some(held) = places.get_mut(part.start + index).and_then(Option::take) {
                        self.saved.dead.push(Dead::new(held, Some(drain), Fault::new(reason)));
                    }
                }
                for index in part {
                    let Some(held) = places.get_mut(index).and_then(Option::take) else { continue };
                    if let Some(saved) = self.saved.rows.get_mut(held.batch) {
                        saved.push(SavedRow { row: held.row, sequence: held.sequence, scopes: rows.scopes(index) });
                    }
                }
                return Ok(());
            }
            Err(error) => error,
        };
        let SaveError::Store(cause) = &error else { return Err(unreadable(&error)) };
        let timed_out = cause.sqlstate().as_deref() == Some("57014") && part.len() > 1;
        if !timed_out && !dead::is_the_records(cause) && on(Mechanism::OnlyRecordsFaults) {
            let SaveError::Store(cause) = error else { return Err(unreadable(&error)) };
            return Err(cause.into());
        }
        sqlx::raw_sql("ROLLBACK TO SAVEPOINT part").execute(&mut *connection).await?;
        if timed_out {
            self.pace.too_slow(part.len());
        }
        if part.len() > 1 && on(Mechanism::Bisection) {
            let middle = part.start + part.len() / 2;
            rest.push(middle..part.end);
            rest.push(part.start..middle);
            return Ok(());
        }
        for index in part {
            let Some(held) = places.get_mut(index).and_then(Option::take) else { continue };
            let fault = Fault::of(&error);
            if !on(Mechanism::ParkedRowsStayVisible)
                && let Some(saved) = self.saved.rows.get_mut(held.batch)
            {
                saved.push(SavedRow { row: held.row.clone(), sequence: held.sequence, scopes: rows.scopes(index) });
            }
            if dead::depends_on_others(cause) && on(Mechanism::RefusedAreTriedAgain) {
                self.refused.push(Refused { held, fault, applied: self.saved.applied });
            } else {
                self.saved.dead.push(Dead::new(held, Some(drain), fault));
            }
        }
        Ok(())
    }
}

/// Rows are decoded before they are saved, so this doesn't happen.
fn unreadable(error: &SaveError) -> DrainError {
    DrainError::Store(sqlx::Error::Protocol(error.to_string()).into())
}
