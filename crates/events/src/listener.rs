//! Hearing events as they happen. Pub/sub is at-most-once: a listener that was away has missed them, and must be built to bear that.

use domain::{EventEnvelope, EventKind};
use fred::clients::SubscriberClient;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{Heard, subscription};

/// Calls `hear` with every event of `kinds` that happens while there is a connection, until cancelled. `subscriber` must not be connected yet.
pub async fn listen(subscriber: SubscriberClient, kinds: &[EventKind], cancel: CancellationToken, mut hear: impl FnMut(EventEnvelope)) {
    let channels = kinds.iter().map(|kind| kind.channel());
    let heard = |heard| {
        let Heard::Message(message) = heard else { return };
        match message.value.as_bytes().map(serde_json::from_slice::<EventEnvelope>) {
            Some(Ok(event)) => hear(event),
            Some(Err(error)) => warn!(%error, channel = %message.channel, "a message that is no event"),
            None => warn!(channel = %message.channel, "a message without a body"),
        }
    };
    subscription(subscriber, channels, cancel, heard).await;
}
