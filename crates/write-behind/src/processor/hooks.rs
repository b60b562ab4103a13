//! A batch processor that tests stop where they want it to stop.

use domain::{Partition, ServiceName};

use super::batch::{Batch, Collected, Position};
use super::lease::Lease;
use super::save::Unsaved;
use super::{DrainError, Processor, Summary};

/// Leases in the hands of a processor that stands still.
pub struct Held(Vec<(Partition, Lease)>);

/// Batches in the hands of a processor that stands still.
pub struct TakenBatch(Vec<Batch>);

impl Processor {
    /// One cycle; the leases stay with the processor.
    pub async fn cycle_for_test(&self) -> Result<Summary, DrainError> {
        let (summary, outcome) = self.cycle_all().await;
        outcome.map(|()| summary)
    }

    /// Takes the leases of what there is to do, and stops before it reads anything.
    pub async fn lease_for_test(&self, service: ServiceName) -> Result<Held, DrainError> {
        let dirty = self.dirty(service).await?;
        Ok(Held(self.lease(service, &dirty).await?))
    }

    /// Goes on from there, with what it believes to hold.
    pub async fn work_for_test(&self, service: ServiceName, held: Held) -> Result<(), DrainError> {
        for (partition, lease) in held.0 {
            match self.collect(service, position(partition, &lease), false, self.slice(), self.drains(service)).await? {
                Collected::Batch(batch) => self.commit_batch_for_test(service, TakenBatch(vec![batch])).await?,
                Collected::Gap(gap) => self.halt(service, gap.partition, gap.epoch, &gap.reason).await?,
                Collected::Nothing | Collected::Leftovers => {}
            }
        }
        Ok(())
    }

    /// Reads the batches of `service`, and stops before it saves them.
    pub async fn take_batch_for_test(&self, service: ServiceName) -> Result<TakenBatch, DrainError> {
        let mut taken = Vec::new();
        for (partition, lease) in self.lease_for_test(service).await?.0 {
            let collected = self.collect(service, position(partition, &lease), false, self.slice(), self.drains(service)).await?;
            if let Collected::Batch(batch) = collected {
                taken.push(batch);
            }
        }
        Ok(TakenBatch(taken))
    }

    /// Commits what was taken, and stops before it settles it.
    pub async fn commit_batch_for_test(&self, service: ServiceName, mut taken: TakenBatch) -> Result<(), DrainError> {
        match self.save(service, &mut taken.0, self.drains(service)).await {
            Ok(_) | Err(Unsaved::Gap(_)) => Ok(()),
            Err(Unsaved::Failed(error)) => Err(error),
        }
    }
}

const fn position(partition: Partition, lease: &Lease) -> Position {
    Position { partition, epoch: lease.epoch, after: lease.sequence }
}
