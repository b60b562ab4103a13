//! Publishing an event that belongs to no buffered write: straight to the stream and the channel.

use cache::key;
use domain::{EventEnvelope, Partition};
use fred::clients::Pool;
use fred::types::Value;
use fred::types::scripts::Script;
use thiserror::Error;

/// Appends to the stream and tells the channel in one step, so that neither happens without the other.
const PUBLISH: &str = r"#!lua
redis.call('XADD', KEYS[1], '*', 'e', ARGV[2])
return redis.call('PUBLISH', ARGV[1], ARGV[2])
";

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
        let body = serde_json::to_string(event)?;
        let stream = key::events(Partition::of(event.school_id));
        let arguments: Vec<Value> = vec![event.kind.channel().into(), body.into()];
        let _listeners: i64 = self.script.evalsha_with_reload(self.redis.next(), vec![stream], arguments).await?;
        metrics::counter!("events_published_total", "type" => event.kind.channel()).increment(1);
        Ok(())
    }
}
