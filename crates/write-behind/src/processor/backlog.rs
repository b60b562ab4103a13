//! What waits to be saved: how much, and since when. An alert looks at these, so they are told while PostgreSQL is away too.

use std::time::Duration;

use cache::{codec, key};
use domain::{Clock, Partition, ServiceName, SystemClock};
use fred::interfaces::{KeysInterface, StreamsInterface};
use fred::types::Value;
use tokio::time::Instant;

use super::batch::pointer;
use super::{DrainError, Processor};

/// How often the oldest write is looked for.
const LOOK: Duration = Duration::from_secs(1);

impl Processor {
    /// The partitions whose logs hold something.
    pub(super) async fn dirty(&self, service: ServiceName) -> Result<Vec<Partition>, DrainError> {
        let pipeline = self.redis.next().pipeline();
        for partition in Partition::all() {
            let () = pipeline.xlen(key::log(service, partition)).await?;
        }
        let lengths: Vec<u64> = pipeline.all().await?;
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!("write_buffer_backlog", "service" => service.as_str()).set(lengths.iter().sum::<u64>() as f64);
        let dirty: Vec<Partition> =
            Partition::all().zip(lengths).filter(|(_, length)| *length > 0).map(|(partition, _)| partition).collect();
        let now = Instant::now();
        let due = self.looked.lock().await.insert(service, now).is_none_or(|at| now - at >= LOOK) || dirty.is_empty();
        if due {
            let age = self.oldest(service, &dirty).await?;
            metrics::gauge!("write_buffer_oldest_seconds", "service" => service.as_str()).set(age.as_secs_f64());
        }
        Ok(dirty)
    }

    /// How long ago the oldest write was acknowledged that is not known to be saved.
    async fn oldest(&self, service: ServiceName, dirty: &[Partition]) -> Result<Duration, DrainError> {
        if dirty.is_empty() {
            return Ok(Duration::ZERO);
        }
        let pipeline = self.redis.next().pipeline();
        for partition in dirty {
            let () = pipeline.xrange(key::log(service, *partition), "-", "+", Some(1)).await?;
        }
        let firsts: Vec<Value> = pipeline.all().await?;
        let pipeline = self.redis.next().pipeline();
        let mut asked = 0;
        for (partition, first) in dirty.iter().zip(firsts) {
            let Value::Array(entries) = first else { continue };
            let Some((_, Some(row))) = entries.into_iter().next().and_then(|entry| pointer(entry, self.drains(service))) else { continue };
            let () = pipeline.getrange(key::value(&row.entity, *partition, row.id), 0, 39).await?;
            asked += 1;
        }
        if asked == 0 {
            return Ok(Duration::ZERO);
        }
        let heads: Vec<Value> = pipeline.all().await?;
        let headers = heads.iter().filter_map(|head| codec::header(head.as_bytes()?).ok());
        let written = headers.map(|(header, _)| header.written_at_ms).filter(|written| *written > 0);
        let now = u64::try_from(SystemClock.now().timestamp_millis()).unwrap_or_default();
        Ok(written.min().map_or(Duration::ZERO, |oldest| Duration::from_millis(now.saturating_sub(oldest))))
    }
}
