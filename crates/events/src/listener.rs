//! Hearing events as they happen. Pub/sub is at-most-once: a listener that was away has missed them, and must be built to bear that.

use std::sync::Arc;

use domain::{EventEnvelope, EventKind};
use fred::clients::SubscriberClient;
use fred::error::Error;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Calls `hear` with every event of `kinds` until cancelled. Subscriptions come back by themselves after a reconnect.
pub async fn listen(
    subscriber: SubscriberClient,
    kinds: &[EventKind],
    cancel: CancellationToken,
    hear: Arc<dyn Fn(EventEnvelope) + Send + Sync>,
) -> Result<(), Error> {
    let mut messages = subscriber.message_rx();
    let _manager = subscriber.manage_subscriptions();
    let channels: Vec<&str> = kinds.iter().map(|kind| kind.channel()).collect();
    // Waits for the first connection, however long that takes: the process serves meanwhile.
    tokio::select! {
        outcome = subscriber.subscribe(channels) => outcome?,
        () = cancel.cancelled() => return Ok(()),
    }
    loop {
        let message = tokio::select! {
            message = messages.recv() => message,
            () = cancel.cancelled() => break,
        };
        match message {
            Ok(message) => match message.value.as_bytes().map(serde_json::from_slice::<EventEnvelope>) {
                Some(Ok(event)) => hear(event),
                Some(Err(error)) => warn!(%error, channel = %message.channel, "a message that is no event"),
                None => warn!(channel = %message.channel, "a message without a body"),
            },
            Err(RecvError::Lagged(missed)) => warn!(missed, "a listener was too slow and missed events"),
            Err(RecvError::Closed) => break,
        }
    }
    subscriber.quit().await
}
