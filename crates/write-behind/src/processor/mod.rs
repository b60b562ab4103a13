//! The batch processor: takes what Redis has acknowledged to PostgreSQL.
//!
//! One cycle of a service: look which logs hold something; take the lease of those partitions (an epoch in PostgreSQL fences whoever held it
//! before); let go of what is saved already (a crash between commit and settling leaves that); read and close a batch; save it and move
//! the watermarks in one transaction; settle. Every step may be cut off at any instant: the watermark, which commits with the rows, says where to go on.
//!
//! A backlog goes by in waves: while PostgreSQL saves one, the next is read and the last is settled. No more than [`ProcessorSettings::memory`] is read
//! at once, however long the backlog is.

mod backlog;
mod batch;
mod dead;
#[cfg(test)]
mod hooks;
mod housekeeping;
mod lease;
mod part;
mod save;
mod settle;
mod wave;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use domain::{Partition, ServiceName};
use fred::clients::Pool;
use store::{Postgres, StoreError};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};
use uuid::Uuid;

use crate::entity::Drain;
use crate::mechanism::{Mechanism, on};
use batch::Batch;
use lease::Lease;
use part::Pace;
use save::{GroupSaved, Unsaved};
use settle::Settling;
use wave::{Lanes, Wave};

/// So many writes in a cycle mean that more are waiting, however large a batch may be.
const FULL: u64 = 1_000;
/// How long one service may go on before the others get a turn, and before a processor that is to stop notices.
const TURN: Duration = Duration::from_secs(1);

/// How the batch processor works.
#[derive(Debug, Clone)]
pub struct ProcessorSettings {
    /// How long it rests when less than a batch was waiting.
    pub interval: Duration,
    /// Transactions at once.
    pub workers: usize,
    /// Log entries of one partition that one batch takes, and about how many rows one transaction holds.
    pub batch_size: u64,
    /// How often a batch is tried again before a run gives up.
    pub retries: usize,
    /// How long a partition stays with a processor that doesn't answer.
    pub lease: Duration,
    /// How long a saved row stays in Redis as a cached one.
    pub saved_ttl: Duration,
    /// How long events stay in their streams.
    pub event_retention: Duration,
    /// Bytes of rows that are in memory at once, roughly: as they are in Redis and decoded. What PostgreSQL's driver makes of them comes on top.
    pub memory: usize,
}

impl Default for ProcessorSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(500),
            workers: 10,
            batch_size: 1_000,
            retries: 3,
            lease: Duration::from_secs(15),
            saved_ttl: Duration::from_hours(2),
            event_retention: Duration::from_hours(72),
            memory: 32 * 1024 * 1024,
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows inserted or updated.
    pub saved: usize,
    /// Rows that PostgreSQL already had in that or a later version.
    pub superseded: usize,
    /// Rows that went to the dead letters.
    pub dead: usize,
    /// Log entries dealt with; several may be versions of one row.
    pub entries: u64,
    /// Partitions that another processor holds, or that stand still.
    pub skipped: usize,
}

impl Summary {
    const fn add(&mut self, other: Self) {
        self.saved += other.saved;
        self.superseded += other.superseded;
        self.dead += other.dead;
        self.entries += other.entries;
        self.skipped += other.skipped;
    }
}

/// Why a run stopped. Nothing is lost: the log is still there.
#[derive(Debug, Error)]
pub enum DrainError {
    /// PostgreSQL is away or refused something that is not a record's fault.
    #[error("postgresql: {0}")]
    Store(#[from] StoreError),
    /// Redis is away.
    #[error("redis: {0}")]
    Redis(#[from] fred::error::Error),
    /// Another processor has taken over a partition of the batch.
    #[error("fenced: another batch processor has taken over")]
    Fenced,
}

impl DrainError {
    /// Whether a store is away: then there is no use in going on with other partitions.
    const fn is_of_a_store(&self) -> bool {
        matches!(self, Self::Redis(_) | Self::Store(StoreError::Unavailable(_)))
    }
}

impl From<sqlx::Error> for DrainError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The batch processor of any number of services.
pub struct Processor {
    redis: Pool,
    postgres: Postgres,
    services: Vec<(ServiceName, Vec<Arc<dyn Drain>>)>,
    settings: ProcessorSettings,
    /// Names this process in the lease table.
    holder: String,
    leases: Mutex<HashMap<(ServiceName, Partition), Lease>>,
    pace: Pace,
    /// When each service's backlog was last looked at closely.
    looked: Mutex<HashMap<ServiceName, Instant>>,
}

impl Processor {
    /// A processor for `drains`, whose order within a service is the order in which foreign keys want them saved. `postgres` acts as the batch role.
    #[must_use]
    pub fn new(redis: Pool, postgres: Postgres, drains: Vec<Arc<dyn Drain>>, settings: ProcessorSettings) -> Self {
        let mut services: Vec<(ServiceName, Vec<Arc<dyn Drain>>)> = Vec::new();
        for drain in drains {
            match services.iter_mut().find(|(service, _)| *service == drain.service()) {
                Some((_, drains)) => drains.push(drain),
                None => services.push((drain.service(), vec![drain])),
            }
        }
        let (leases, pace, looked) = Default::default();
        Self { redis, postgres, services, settings, holder: Uuid::now_v7().to_string(), leases, pace, looked }
    }

    /// Runs until cancelled; trouble with a store is waited out.
    pub async fn run_resident(&self, cancel: CancellationToken) {
        info!(services = self.services.len(), "batch processor runs");
        for (service, _) in &self.services {
            // Known to Prometheus from the start: an alert on their increase must see the first one.
            for counter in ["batch_processor_halted_total", "batch_processor_errors_total", "dead_letters_total"] {
                metrics::counter!(counter, "service" => service.as_str()).increment(0);
            }
        }
        let mut examined = false;
        let backoff = || {
            ExponentialBuilder::new()
                .with_min_delay(Duration::from_millis(200))
                .with_max_delay(Duration::from_secs(15))
                .without_max_times()
                .with_jitter()
                .build()
        };
        let mut waits = backoff();
        let mut tidied: Option<Instant> = None;
        while !cancel.is_cancelled() {
            let (summary, outcome) = self.cycle_all().await;
            if summary.entries > 0 {
                waits = backoff();
            }
            if outcome.is_ok() && !examined {
                examined = true;
                self.examine_redis().await;
            }
            let rest = match outcome {
                Ok(()) => {
                    waits = backoff();
                    // Less than a batch was waiting: what comes now had better gather, or each trickle costs its own statements and syncs.
                    if summary.entries >= self.settings.batch_size.min(FULL) { Duration::ZERO } else { self.settings.interval }
                }
                Err(error) => {
                    warn!(%error, "the batch processor waits and tries again");
                    waits.next().unwrap_or(Duration::from_secs(15))
                }
            };
            if tidied.is_none_or(|at| at.elapsed() > Duration::from_mins(10)) {
                tidied = Some(Instant::now());
                if let Err(error) = self.tidy().await {
                    warn!(%error, "old events and answers stay a while longer");
                }
            }
            tokio::select! { () = tokio::time::sleep(rest) => {} () = cancel.cancelled() => {} }
        }
        self.release().await;
        info!("batch processor has stopped");
    }

    /// Saves everything that waits now, then returns. Trouble is tried again [`ProcessorSettings::retries`] times.
    pub async fn run_once(&self) -> Result<Summary, DrainError> {
        let mut total = Summary::default();
        let backoff = || {
            ExponentialBuilder::new().with_min_delay(Duration::from_millis(200)).with_max_times(self.settings.retries).with_jitter().build()
        };
        let mut waits = backoff();
        loop {
            let (summary, outcome) = self.cycle_all().await;
            total.add(Summary { skipped: 0, ..summary });
            if summary.entries > 0 {
                waits = backoff();
            }
            match outcome {
                Ok(()) if summary.entries == 0 => {
                    total.skipped = summary.skipped;
                    break;
                }
                Ok(()) => {}
                Err(error) => {
                    let Some(wait) = waits.next() else {
                        // Whoever comes next needn't wait for them.
                        self.release().await;
                        return Err(error);
                    };
                    warn!(%error, "the batch is tried again");
                    tokio::time::sleep(wait).await;
                }
            }
        }
        self.tidy().await?;
        self.release().await;
        Ok(total)
    }

    /// What was done, and the first thing that went wrong: the one does not exclude the other.
    async fn cycle_all(&self) -> (Summary, Result<(), DrainError>) {
        let mut total = Summary::default();
        let mut first_error = None;
        for (service, drains) in &self.services {
            let started = Instant::now();
            // One service in trouble does not hold up the others.
            let (summary, outcome) = self.cycle(*service, drains).await;
            if summary.entries > 0 {
                tell(*service, summary, started.elapsed());
            }
            total.add(summary);
            if let Err(error) = outcome {
                metrics::counter!("batch_processor_errors_total", "service" => service.as_str()).increment(1);
                warn!(%error, service = service.as_str(), "a batch was not saved");
                first_error.get_or_insert(error);
                if !on(Mechanism::TroubleStaysInItsService) {
                    break;
                }
            }
        }
        (total, first_error.map_or(Ok(()), Err))
    }

    async fn cycle(&self, service: ServiceName, drains: &[Arc<dyn Drain>]) -> (Summary, Result<(), DrainError>) {
        let started = Instant::now();
        let mut summary = Summary::default();
        let mut lanes = match self.dirty(service).await {
            Ok(dirty) if dirty.is_empty() => return (summary, Ok(())),
            Ok(dirty) => Lanes::new(dirty),
            Err(error) => return (summary, Err(error)),
        };
        let (mut wave, mut settling, mut failure) = (Wave::default(), Vec::new(), None);
        while !(wave.groups.is_empty() && settling.is_empty() && lanes.is_empty()) {
            if started.elapsed() > TURN {
                lanes.close();
            }
            let span = info_span!("drain", service = service.as_str(), groups = wave.groups.len());
            let step = futures_util::future::join3(
                self.save_wave(service, wave.groups, drains),
                self.read_wave(service, &mut lanes, drains),
                self.settle_all(service, std::mem::take(&mut settling)),
            );
            let (saved, next, settled) = step.instrument(span).await;
            wave = next.unwrap_or_else(|error| {
                lanes.close();
                failure.get_or_insert(error);
                Wave::default()
            });
            if let Err(error) = settled {
                // What is not settled now is found at the start of the next cycle. Saving goes on: a Redis whose disk is full can still be read.
                failure.get_or_insert(error);
            }
            for (group, outcome) in saved {
                match outcome {
                    Ok(saved) => {
                        summary.add(note(service, &group, &saved));
                        for (batch, rows) in group.iter().zip(saved.rows) {
                            lanes.arrived(batch);
                            settling.push(Settling { partition: batch.partition, watermark: batch.last, rows });
                        }
                    }
                    Err(unsaved) => {
                        if let Err(error) = self.give_up(service, &group, unsaved, &mut lanes, &mut wave).await {
                            failure.get_or_insert(error);
                        }
                    }
                }
            }
        }
        summary.skipped = lanes.skipped;
        (summary, failure.or(lanes.failure).map_or(Ok(()), Err))
    }

    async fn save_wave(
        &self,
        service: ServiceName,
        groups: Vec<Vec<Batch>>,
        drains: &[Arc<dyn Drain>],
    ) -> Vec<(Vec<Batch>, Result<GroupSaved, Unsaved>)> {
        let saves = groups.into_iter().map(|mut group| async move {
            let outcome = self.save(service, &mut group, drains).await;
            (group, outcome)
        });
        futures_util::future::join_all(saves).await
    }

    /// A group was not saved: what was read behind its batches is worth nothing now, and if a store is away there is no use in going on.
    async fn give_up(
        &self,
        service: ServiceName,
        group: &[Batch],
        unsaved: Unsaved,
        lanes: &mut Lanes,
        wave: &mut Wave,
    ) -> Result<(), DrainError> {
        self.doubt(service, group.iter().map(|batch| batch.partition)).await;
        for batch in group {
            lanes.drop(batch.partition);
            wave.drop(batch.partition);
        }
        match unsaved {
            Unsaved::Gap(gap) => {
                lanes.skipped += 1;
                self.halt(service, gap.partition, gap.epoch, &gap.reason).await
            }
            Unsaved::Failed(error) => {
                if error.is_of_a_store() {
                    lanes.close();
                    *wave = Wave::default();
                }
                Err(error)
            }
        }
    }

    fn drains(&self, service: ServiceName) -> &[Arc<dyn Drain>] {
        self.services.iter().find(|(name, _)| *name == service).map(|(_, drains)| drains.as_slice()).unwrap_or_default()
    }
}

/// What a saved group adds to a run, told to the operator where it went wrong.
fn note(service: ServiceName, group: &[Batch], saved: &GroupSaved) -> Summary {
    for dead in &saved.dead {
        error!(service = service.as_str(), entity = dead.entity, row = %dead.row, reason = dead.reason, "a record can't be saved and went to the dead letters");
    }
    let entries = group.iter().map(Batch::entries).sum();
    Summary { saved: saved.applied, superseded: saved.superseded, dead: saved.dead.len(), entries, skipped: 0 }
}

/// Tells what a cycle has done.
fn tell(service: ServiceName, summary: Summary, took: Duration) {
    let name = service.as_str();
    let (good, all) = (summary.saved + summary.superseded, summary.saved + summary.superseded + summary.dead);
    metrics::histogram!("batch_processor_duration", "service" => name).record(took.as_secs_f64());
    #[allow(clippy::cast_precision_loss)]
    metrics::gauge!("batch_processor_success_rate", "service" => name).set(if all == 0 { 1.0 } else { good as f64 / all as f64 });
    metrics::counter!("batch_processor_rows_total", "service" => name, "result" => "saved").increment(summary.saved as u64);
    metrics::counter!("batch_processor_rows_total", "service" => name, "result" => "dead").increment(summary.dead as u64);
    info!(
        service = name,
        saved = summary.saved,
        superseded = summary.superseded,
        dead = summary.dead,
        ms = u64::try_from(took.as_millis()).unwrap_or_default(),
        "batch saved"
    );
}
