//! Consumers that must miss nothing: consumer groups over the event streams of all partitions.
//!
//! Delivery is at least once. A handler is idempotent by event id (a unique key in its table does it). What a crashed
//! consumer left unacknowledged is claimed by another after [`ConsumerSettings::claim_after`]; what fails again and again goes to
//! `events_dead:<group>` and the rest flows on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cache::key;
use domain::{EventEnvelope, EventKind, Partition};
use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::StreamsInterface;
use fred::types::Value;
use fred::types::streams::XReadValue;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, info_span, warn};
use uuid::Uuid;

use crate::{continue_trace, farewell};

type Entry = XReadValue<String, String, Vec<u8>>;

/// Why a handler did not take an event.
#[derive(Debug, Error)]
pub enum HandleError {
    /// A store is away: the event comes again, however often, until it is back.
    #[error("not now: {0}")]
    Unavailable(String),
    /// What only this event needs is away, such as one school's payment provider: it is tried again after [`ConsumerSettings::claim_after`], however often,
    /// and the events behind it go on meanwhile.
    #[error("later: {0}")]
    Later(String),
    /// The event itself is the trouble: tried a few times, then put aside.
    #[error("{0}")]
    Failed(String),
}

/// What happens with an event.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Handles `event`; may be called again with the same event.
    async fn handle(&self, event: &EventEnvelope) -> Result<(), HandleError>;
}

/// A group of consumers and what it does.
#[derive(Clone)]
pub struct Consumer {
    /// The group's name; all pods of a service share it, and each event goes to one of them.
    pub group: &'static str,
    /// The kinds it wants; others are acknowledged unread.
    pub kinds: &'static [EventKind],
    /// What it does.
    pub handler: Arc<dyn Handler>,
}

/// How consumers read.
#[derive(Debug, Clone, Copy)]
pub struct ConsumerSettings {
    /// How long one read waits for events. Also how long a stop may take.
    pub block: Duration,
    /// After how long another pod takes over what one left unacknowledged.
    pub claim_after: Duration,
    /// How often an event is tried before it is put aside.
    pub attempts: u64,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self { block: Duration::from_secs(1), claim_after: Duration::from_secs(30), attempts: 5 }
    }
}

/// Runs `consumer` on a connection of its own (its reads block) until cancelled.
pub async fn run_consumers(client: Client, consumer: Consumer, settings: ConsumerSettings, cancel: CancellationToken) {
    let name = Uuid::now_v7().to_string();
    let streams: Vec<String> = Partition::all().map(key::events).collect();
    let mut runner = Runner { client, consumer, settings, name, streams, failures: HashMap::new() };
    while !cancel.is_cancelled() {
        let outcome = tokio::select! {
            outcome = runner.run() => outcome,
            () = cancel.cancelled() => break,
        };
        if let Err(error) = outcome {
            warn!(%error, group = runner.consumer.group, "an event consumer lost Redis and tries again");
            tokio::select! { () = tokio::time::sleep(Duration::from_secs(1)) => {} () = cancel.cancelled() => {} }
        }
    }
    farewell(&runner.client).await;
}

struct Runner {
    client: Client,
    consumer: Consumer,
    settings: ConsumerSettings,
    name: String,
    streams: Vec<String>,
    failures: HashMap<String, u64>,
}

impl Runner {
    async fn run(&mut self) -> Result<(), Error> {
        self.create_groups().await?;
        info!(group = self.consumer.group, "event consumer reads");
        let mut claimed_at: Option<Instant> = None;
        loop {
            // Also right after the start: what a crashed predecessor left is the first thing to finish.
            if claimed_at.is_none_or(|at| at.elapsed() > self.settings.claim_after / 2) {
                self.claim_abandoned().await?;
                claimed_at = Some(Instant::now());
            }
            let ids: Vec<&str> = self.streams.iter().map(|_| ">").collect();
            let block = u64::try_from(self.settings.block.as_millis()).ok();
            let read: Value =
                self.client.xreadgroup(self.consumer.group, &self.name, Some(100), block, false, self.streams.clone(), ids).await?;
            // The server answers nil when nothing came while it waited; `xreadgroup_map` takes that for an answer that can't be read.
            if read.is_null() {
                continue;
            }
            let batch: HashMap<String, Vec<Entry>> = read.into_xread_response()?;
            for (stream, entries) in batch {
                self.take(&stream, entries).await?;
            }
        }
    }

    async fn create_groups(&self) -> Result<(), Error> {
        for stream in &self.streams {
            // From the beginning: what happened before the group first ran is not missed either.
            let created: Result<(), Error> = self.client.xgroup_create(stream, self.consumer.group, "0", true).await;
            match created {
                Err(error) if !error.details().starts_with("BUSYGROUP") => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    async fn claim_abandoned(&mut self) -> Result<(), Error> {
        let idle = u64::try_from(self.settings.claim_after.as_millis()).unwrap_or(u64::MAX);
        for stream in self.streams.clone() {
            let (_, entries): (String, Vec<Entry>) =
                self.client.xautoclaim_values(&stream, self.consumer.group, &self.name, idle, "0-0", Some(100), false).await?;
            self.take(&stream, entries).await?;
        }
        Ok(())
    }

    async fn take(&mut self, stream: &str, entries: Vec<Entry>) -> Result<(), Error> {
        let mut done = Vec::with_capacity(entries.len());
        for (id, fields) in entries {
            if self.settle(stream, &id, fields).await? {
                done.push(id);
            }
        }
        if done.is_empty() { Ok(()) } else { self.client.xack(stream, self.consumer.group, done).await }
    }

    /// Whether the entry is done with.
    async fn settle(&mut self, stream: &str, id: &str, fields: HashMap<String, Vec<u8>>) -> Result<bool, Error> {
        let body = fields.get("e").map(Vec::as_slice).unwrap_or_default();
        let event = match serde_json::from_slice::<EventEnvelope>(body) {
            Ok(event) => event,
            // A kind of a later release is no fault of ours to report.
            Err(error) => {
                warn!(%error, stream, id, group = self.consumer.group, "an event that can't be read is put aside");
                self.put_aside(body, &error.to_string()).await?;
                return Ok(true);
            }
        };
        if !self.consumer.kinds.contains(&event.kind) {
            return Ok(true);
        }
        let span =
            info_span!("event", otel.kind = "consumer", "type" = event.kind.channel(), event = %event.id, group = self.consumer.group);
        continue_trace(&span, event.traceparent.as_deref());
        loop {
            let outcome = self.consumer.handler.handle(&event).instrument(span.clone()).await;
            let result = if outcome.is_ok() { "ok" } else { "error" };
            metrics::counter!("events_consumed_total", "type" => event.kind.channel(), "group" => self.consumer.group, "result" => result)
                .increment(1);
            match outcome {
                Ok(()) => {
                    self.failures.remove(id);
                    return Ok(true);
                }
                Err(HandleError::Unavailable(reason)) => {
                    warn!(parent: &span, reason, "an event waits for its store");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                // Not acknowledged: whoever claims what was left behind takes it up.
                Err(HandleError::Later(reason)) => {
                    warn!(parent: &span, reason, "an event is left for later");
                    return Ok(false);
                }
                Err(HandleError::Failed(reason)) => {
                    let failures = self.failures.entry(id.to_owned()).or_default();
                    *failures += 1;
                    if *failures >= self.settings.attempts {
                        self.failures.remove(id);
                        error!(parent: &span, reason, "an event is put aside");
                        self.put_aside(body, &reason).await?;
                        return Ok(true);
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn put_aside(&self, body: &[u8], reason: &str) -> Result<(), Error> {
        metrics::counter!("events_dead_total", "group" => self.consumer.group).increment(1);
        let fields: Vec<(&str, &[u8])> = vec![("e", body), ("reason", reason.as_bytes())];
        self.client.xadd(key::dead_events(self.consumer.group), false, None::<()>, "*", fields).await
    }
}
