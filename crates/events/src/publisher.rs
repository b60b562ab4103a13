//! Publishing events that belong to no buffered write: straight to the stream and the channel.

use std::collections::BTreeMap;

use cache::key;
use domain::{EventEnvelope, Partition};
use fred::clients::Pool;
use fred::types::Value;
use fred::types::scripts::Script;
use thiserror::Error;

/// Appends to the stream and tells the channels in one step, so that neither happens without the other.
const PUBLISH: &str = r"#!lua
for i = 1, #ARGV, 2 do
  redis.call('XADD', KEYS[1], '*', 'e', ARGV[i + 1])
  redis.call('PUBLISH', ARGV[i], ARGV[i + 1])
end
return #ARGV / 2
";

/// How many events one step takes: Redis does nothing else meanwhile.
const STEP: usize = 100;

/// Why an event could not be published. It is then still in the outbox, or the caller's to repeat.
#[derive(Debug, Error)]
pub enum PublishError {
    /// Redis did not take it.
    #[error("redis: {0}")]
    Redis(#[from] fred::error::Error),
    /// It can't be written as JSON.
    #[error("the event can't be encoded: {0}")]
    Encode(#[from] serde_json::Error),
}

/// Publishes events. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    redis: Pool,
    script: Script,
}

impl Publisher {
    /// A publisher on `redis`.
    #[must_use]
    pub fn new(redis: Pool) -> Self {
        Self { redis, script: Script::from_lua(PUBLISH) }
    }

    /// Publishes `event` to its partition's stream and its kind's channel.
    pub async fn publish(&self, event: &EventEnvelope) -> Result<(), PublishError> {
        self.publish_all(std::slice::from_ref(event)).await
    }

    /// Publishes `events` to their partitions' streams, those of a partition in their order, and to their kinds' channels. A round trip takes a hundred of them:
    /// Redis writes each to its disk before it answers. After an error some are published and others are not.
    pub async fn publish_all(&self, events: &[EventEnvelope]) -> Result<(), PublishError> {
        let mut streams: BTreeMap<String, Vec<&EventEnvelope>> = BTreeMap::new();
        for event in events {
            streams.entry(key::events(Partition::of(event.school_id))).or_default().push(event);
        }
        for (stream, events) in streams {
            for step in events.chunks(STEP) {
                let mut arguments: Vec<Value> = Vec::with_capacity(2 * step.len());
                for event in step {
                    arguments.extend([event.kind.channel().into(), serde_json::to_string(event)?.into()]);
                }
                let _count: i64 = self.script.evalsha_with_reload(self.redis.next(), vec![stream.clone()], arguments).await?;
                for event in step {
                    metrics::counter!("events_published_total", "type" => event.kind.channel()).increment(1);
                }
            }
        }
        Ok(())
    }
}
