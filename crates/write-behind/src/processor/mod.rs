//! The batch processor: takes what Redis has acknowledged to PostgreSQL.
//!
//! One cycle of a service: look which logs hold something; take the lease of those partitions (an epoch in PostgreSQL fences whoever held it
//! before); let go of what is saved already (a crash between commit and settling leaves that); read and close a batch; save it and move
//! the watermarks in one transaction; settle. Every step may be cut off at any instant: the watermark, which commits with the rows, says where to go on.

mod batch;
mod housekeeping;
mod lease;
mod save;
mod settle;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use domain::{Partition, ServiceName};
use fred::clients::Pool;
use fred::interfaces::StreamsInterface;
use store::{Postgres, StoreError};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};
use uuid::Uuid;

use crate::entity::Drain;
use batch::Batch;
use lease::Lease;

/// How the batch processor works.
#[derive(Debug, Clone)]
pub struct ProcessorSettings {
    /// How long it rests when there was nothing to do.
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
        Self { redis, postgres, services, settings, holder: Uuid::now_v7().to_string(), leases: Mutex::default() }
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
            let outcome = self.cycle_all().await;
            if outcome.is_ok() && !examined {
                examined = true;
                self.examine_redis().await;
            }
            let rest = match outcome {
                Ok(summary) => {
                    waits = backoff();
                    if summary.entries > 0 { Duration::ZERO } else { self.settings.interval }
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
        let mut waits = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(200))
            .with_max_times(self.settings.retries)
            .with_jitter()
            .build();
        loop {
            match self.cycle_all().await {
                Ok(summary) => {
                    total.add(Summary { skipped: 0, ..summary });
                    if summary.entries == 0 {
                        total.skipped = summary.skipped;
                        break;
                    }
                }
                Err(error) => match waits.next() {
                    Some(wait) => {
                        warn!(%error, "the batch is tried again");
                        tokio::time::sleep(wait).await;
                    }
                    None => return Err(error),
                },
            }
        }
        self.tidy().await?;
        self.release().await;
        Ok(total)
    }

    async fn cycle_all(&self) -> Result<Summary, DrainError> {
        let mut total = Summary::default();
        let mut first_error = None;
        for (service, drains) in &self.services {
            let started = Instant::now();
            // One service in trouble does not hold up the others.
            match self.cycle(*service, drains).await {
                Ok(summary) => {
                    if summary.entries > 0 {
                        let name = service.as_str();
                        metrics::histogram!("batch_processor_duration", "service" => name).record(started.elapsed().as_secs_f64());
                        let (good, all) = (summary.saved + summary.superseded, summary.saved + summary.superseded + summary.dead);
                        #[allow(clippy::cast_precision_loss)]
                        metrics::gauge!("batch_processor_success_rate", "service" => name).set(if all == 0 {
                            1.0
                        } else {
                            good as f64 / all as f64
                        });
                        metrics::counter!("batch_processor_rows_total", "service" => name, "result" => "saved")
                            .increment(summary.saved as u64);
                        metrics::counter!("batch_processor_rows_total", "service" => name, "result" => "dead")
                            .increment(summary.dead as u64);
                        info!(
                            service = name,
                            saved = summary.saved,
                            superseded = summary.superseded,
                            dead = summary.dead,
                            ms = u64::try_from(started.elapsed().as_millis()).unwrap_or_default(),
                            "batch saved"
                        );
                    }
                    total.add(summary);
                }
                Err(error) => {
                    metrics::counter!("batch_processor_errors_total", "service" => service.as_str()).increment(1);
                    warn!(%error, service = service.as_str(), "a batch was not saved");
                    first_error.get_or_insert(error);
                }
            }
        }
        match first_error {
            Some(error) => Err(error),
            None => Ok(total),
        }
    }

    async fn cycle(&self, service: ServiceName, drains: &[Arc<dyn Drain>]) -> Result<Summary, DrainError> {
        let dirty = self.dirty(service).await?;
        if dirty.is_empty() {
            return Ok(Summary::default());
        }
        let leased = self.lease(service, &dirty).await?;
        let mut summary = Summary { skipped: dirty.len() - leased.len(), ..Summary::default() };
        let mut batches = Vec::new();
        for (partition, lease) in leased {
            self.settle_leftovers(service, partition, &lease, drains).await?;
            match self.collect(service, partition, &lease).await? {
                Some(Ok(batch)) => batches.push(batch),
                Some(Err(gap)) => {
                    self.halt(service, partition, lease.epoch, &gap).await?;
                    summary.skipped += 1;
                }
                None => {}
            }
        }
        let span = info_span!("drain", service = service.as_str(), batches = batches.len());
        let workers = self.settings.workers.max(1);
        let mut groups = group(batches, self.settings.batch_size).into_iter();
        loop {
            let wave: Vec<Vec<Batch>> = groups.by_ref().take(workers).collect();
            if wave.is_empty() {
                return Ok(summary);
            }
            let saves = wave.iter().map(|group| self.save_and_settle(service, group, drains));
            for outcome in futures_util::future::join_all(saves).instrument(span.clone()).await {
                summary.add(outcome?);
            }
        }
    }

    async fn save_and_settle(&self, service: ServiceName, group: &[Batch], drains: &[Arc<dyn Drain>]) -> Result<Summary, DrainError> {
        let saved = match self.save(service, group, drains).await {
            Ok(saved) => saved,
            Err(error) => {
                // Whatever went wrong, what is known of these leases may be stale: ask PostgreSQL again.
                let mut leases = self.leases.lock().await;
                for batch in group {
                    leases.remove(&(service, batch.partition));
                }
                return Err(error);
            }
        };
        for dead in &saved.dead {
            error!(service = service.as_str(), entity = dead.entity, row = %dead.row, reason = dead.reason, "a record can't be saved and went to the dead letters");
        }
        for batch in group {
            self.settle(service, batch.partition, batch.last, &batch.rows, &saved.parked(batch.partition), drains).await?;
        }
        let entries = group.iter().map(Batch::entries).sum();
        Ok(Summary { saved: saved.applied, superseded: saved.superseded, dead: saved.dead.len(), entries, skipped: 0 })
    }

    /// Reads a batch of `service` and stops there, as a processor does that is stopped at this instant.
    #[doc(hidden)]
    pub async fn take_batch_for_test(&self, service: ServiceName) -> Result<TakenBatch, DrainError> {
        let dirty = self.dirty(service).await?;
        let mut batches = Vec::new();
        for (partition, lease) in self.lease(service, &dirty).await? {
            batches.extend(self.collect(service, partition, &lease).await?.and_then(Result::ok));
        }
        Ok(TakenBatch(batches))
    }

    /// Commits what was taken, and stops before settling it.
    #[doc(hidden)]
    pub async fn commit_batch_for_test(&self, service: ServiceName, taken: TakenBatch) -> Result<(), DrainError> {
        let drains = self.services.iter().find(|(name, _)| *name == service).map(|(_, drains)| drains.as_slice());
        self.save(service, &taken.0, drains.unwrap_or_default()).await.map(drop)
    }

    /// The partitions whose logs hold something.
    async fn dirty(&self, service: ServiceName) -> Result<Vec<Partition>, DrainError> {
        let pipeline = self.redis.next().pipeline();
        for partition in Partition::all() {
            let () = pipeline.xlen(cache::key::log(service, partition)).await?;
        }
        let lengths: Vec<u64> = pipeline.all().await?;
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!("write_buffer_backlog", "service" => service.as_str()).set(lengths.iter().sum::<u64>() as f64);
        Ok(Partition::all().zip(lengths).filter(|(_, length)| *length > 0).map(|(partition, _)| partition).collect())
    }
}

/// A batch in the hands of a processor that stands still.
#[doc(hidden)]
pub struct TakenBatch(Vec<Batch>);

/// Puts small batches together, so that many quiet schools share a transaction, and leaves large ones alone.
fn group(batches: Vec<Batch>, size: u64) -> Vec<Vec<Batch>> {
    let mut groups: Vec<Vec<Batch>> = Vec::new();
    let mut room = 0;
    for batch in batches {
        let entries = batch.entries();
        match groups.last_mut() {
            Some(group) if room >= entries => {
                room -= entries;
                group.push(batch);
            }
            _ => {
                room = size.saturating_sub(entries);
                groups.push(vec![batch]);
            }
        }
    }
    groups
}
