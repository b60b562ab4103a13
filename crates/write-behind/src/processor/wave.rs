//! What is in memory at once: a wave of batches that are saved together, while the next wave is read.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use domain::{Partition, ServiceName};
use futures_util::future::join_all;

use super::batch::{Batch, Collected, Position};
use super::lease::Lease;
use super::save::Unsaved;
use super::{DrainError, Processor};
use crate::entity::Drain;
use crate::mechanism::{Mechanism, on};

/// Partitions that are read at once.
const READERS: usize = 4;

/// A partition whose log holds something.
#[derive(Debug)]
pub(super) struct Lane {
    partition: Partition,
    /// Where its last batch ends while that is on its way to PostgreSQL: the next one is read from there.
    under_way: Option<Position>,
    /// Its batch on the way may still grow: nothing can be read behind it.
    growing: bool,
    /// The lease under which its log was looked at from the first entry on.
    looked: Option<i64>,
}

/// Batches that are saved together, each group in one transaction.
#[derive(Debug, Default)]
pub(super) struct Wave {
    pub(super) groups: Vec<Vec<Batch>>,
    /// Entries that still fit into the last group.
    room: u64,
}

impl Wave {
    /// Puts small batches together, so that many quiet schools share a transaction, and leaves large ones alone.
    fn add(&mut self, batch: Batch, size: u64) {
        let entries = batch.entries();
        match self.groups.last_mut() {
            Some(group) if self.room >= entries => {
                self.room -= entries;
                group.push(batch);
            }
            _ => {
                self.room = size.saturating_sub(entries);
                self.groups.push(vec![batch]);
            }
        }
    }

    /// A partition's batch is not to be saved.
    pub(super) fn drop(&mut self, partition: Partition) {
        for group in &mut self.groups {
            group.retain(|batch| batch.partition != partition);
        }
        self.groups.retain(|group| !group.is_empty());
    }
}

/// The partitions that have something to save, in the order of their turns.
#[derive(Debug)]
pub(super) struct Lanes {
    queue: VecDeque<Lane>,
    /// Partitions that another processor holds, or that stand still.
    pub(super) skipped: usize,
    /// The first thing that went wrong with a partition while the others went on.
    pub(super) failure: Option<DrainError>,
}

impl Lanes {
    pub(super) fn new(dirty: Vec<Partition>) -> Self {
        let lane = |partition| Lane { partition, under_way: None, growing: false, looked: None };
        Self { queue: dirty.into_iter().map(lane).collect(), skipped: 0, failure: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// No partition gets another turn.
    pub(super) fn close(&mut self) {
        self.queue.clear();
    }

    /// A batch has arrived.
    pub(super) fn arrived(&mut self, batch: &Batch) {
        for lane in self.queue.iter_mut().filter(|lane| lane.partition == batch.partition) {
            // Unless one that was read behind it is on its way now.
            if lane.growing || lane.under_way.is_some_and(|position| position.after <= batch.last) {
                lane.under_way = None;
                lane.growing = false;
            }
        }
    }

    /// A partition has no more turns.
    pub(super) fn drop(&mut self, partition: Partition) {
        self.queue.retain(|lane| lane.partition != partition);
    }
}

impl Processor {
    /// Reads the next wave: at most `workers` groups and half of the memory that there is, for the other half is on its way to PostgreSQL. Each
    /// partition gives one batch at most, or two transactions would race for its order.
    pub(super) async fn read_wave(&self, service: ServiceName, lanes: &mut Lanes, drains: &[Arc<dyn Drain>]) -> Result<Wave, DrainError> {
        let mut wave = Wave::default();
        let leases = self.renew(service, lanes).await?;
        let slice = self.slice();
        let mut room = (self.settings.memory / 2).max(slice.bytes);
        let mut waiting = lanes.queue.len();
        while waiting > 0 && room >= slice.bytes {
            // Each may become a group of its own.
            let at_once = waiting.min(READERS).min(room / slice.bytes).min(self.settings.workers.max(1) - wave.groups.len());
            if at_once == 0 {
                break;
            }
            waiting -= at_once;
            let turn: Vec<Lane> = lanes.queue.drain(..at_once).collect();
            let read = join_all(turn.iter().map(|lane| self.read_lane(service, lane, leases.get(&lane.partition), drains))).await;
            for (mut lane, read) in turn.into_iter().zip(read) {
                match read {
                    Ok(Turn::Batch(batch, trouble)) => {
                        lanes.failure = lanes.failure.take().or(trouble);
                        room = room.saturating_sub(batch.weight);
                        lane.looked = Some(batch.epoch);
                        lane.growing = !batch.is_complete();
                        lane.under_way = Some(Position { partition: lane.partition, epoch: batch.epoch, after: batch.last });
                        if batch.entries() >= self.settings.batch_size {
                            lanes.queue.push_back(lane);
                        }
                        wave.add(*batch, self.settings.batch_size);
                    }
                    Ok(Turn::Later) => lanes.queue.push_back(lane),
                    Ok(Turn::Nothing) => {}
                    Ok(Turn::Halted) => lanes.skipped += 1,
                    // What was read already is saved all the same, and so are the others, unless nothing can be read any more.
                    Err(error) => {
                        if error.is_of_a_store() {
                            lanes.close();
                            waiting = 0;
                        }
                        lanes.failure.get_or_insert(error);
                    }
                }
            }
        }
        Ok(wave)
    }

    /// Takes or renews the leases of the partitions that have nothing on its way; a save renews those that have.
    async fn renew(&self, service: ServiceName, lanes: &mut Lanes) -> Result<HashMap<Partition, Lease>, DrainError> {
        let wanted: Vec<Partition> = lanes.queue.iter().filter(|lane| lane.under_way.is_none()).map(|lane| lane.partition).collect();
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let leases: HashMap<Partition, Lease> = self.lease(service, &wanted).await?.into_iter().collect();
        lanes.skipped += wanted.len() - leases.len();
        lanes.queue.retain(|lane| lane.under_way.is_some() || leases.contains_key(&lane.partition));
        Ok(leases)
    }

    async fn read_lane(
        &self,
        service: ServiceName,
        lane: &Lane,
        lease: Option<&Lease>,
        drains: &[Arc<dyn Drain>],
    ) -> Result<Turn, DrainError> {
        if lane.growing {
            return Ok(Turn::Later);
        }
        let mut trouble = None;
        let collected = match (lane.under_way, lease) {
            (Some(position), _) => self.collect(service, position, false, self.slice(), drains).await?,
            (None, Some(lease)) => {
                let position = Position { partition: lane.partition, epoch: lease.epoch, after: lease.sequence };
                // Only once: later it may be our own batch that is being settled.
                let whole = lane.looked != Some(lease.epoch) && on(Mechanism::LeftoversAreSettled);
                match self.collect(service, position, whole, self.slice(), drains).await? {
                    Collected::Leftovers => {
                        match self.settle_leftovers(service, lane.partition, lease, drains).await {
                            Ok(()) => {}
                            // A Redis whose disk is full lets go of nothing, but what came after can be read and saved.
                            Err(Unsaved::Failed(error @ DrainError::Redis(_))) => trouble = Some(error),
                            Err(Unsaved::Failed(error)) => {
                                self.doubt(service, std::iter::once(lane.partition)).await;
                                return Err(error);
                            }
                            Err(Unsaved::Gap(gap)) => return self.stop(service, &gap).await,
                        }
                        self.collect(service, position, false, self.slice(), drains).await?
                    }
                    collected => collected,
                }
            }
            (None, None) => return Ok(Turn::Nothing),
        };
        match collected {
            Collected::Batch(batch) => Ok(Turn::Batch(Box::new(batch), trouble)),
            Collected::Nothing | Collected::Leftovers => trouble.map_or(Ok(Turn::Nothing), Err),
            Collected::Gap(gap) => self.stop(service, &gap).await,
        }
    }

    async fn stop(&self, service: ServiceName, gap: &super::batch::Gap) -> Result<Turn, DrainError> {
        self.halt(service, gap.partition, gap.epoch, &gap.reason).await?;
        Ok(Turn::Halted)
    }
}

/// What a partition's turn brought.
enum Turn {
    /// And what went wrong without standing in its way.
    Batch(Box<Batch>, Option<DrainError>),
    /// Its batch on the way has to arrive first.
    Later,
    Nothing,
    Halted,
}
