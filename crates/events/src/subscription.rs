//! The one way to listen to channels of Redis: a connection of its own that is subscribed for as long as somebody wants to hear.
//!
//! Pub/sub is at-most-once: what is published while nobody is subscribed is lost. Whoever hears is told of each such [`Heard::Gap`], and may look up what it
//! has missed: what a look-up after the gap doesn't find yet is heard.

use std::time::Duration;

use fred::clients::SubscriberClient;
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::types::{Message, Value};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::farewell;

/// How long Redis may take to confirm a subscription.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after a subscription that was refused the next one is tried.
const AGAIN: Duration = Duration::from_secs(1);

/// What somebody hears who listens.
#[derive(Debug, Clone)]
pub enum Heard {
    /// A message.
    Message(Message),
    /// Messages may be missing before this: the subscription is new, at first or after the connection broke, or they came faster than they were heard.
    Gap,
}

/// Connects `client`, subscribes to `channels`, and calls `hear` with all that comes, until cancelled. Redis may be away at first and at any time: the
/// subscription is made anew with each connection.
///
/// `client` must not be connected yet: its first connection is waited for like any other.
pub async fn subscription(
    client: SubscriberClient,
    channels: impl IntoIterator<Item = &'static str>,
    cancel: CancellationToken,
    mut hear: impl FnMut(Heard),
) {
    let channels: Vec<&'static str> = channels.into_iter().collect();
    // Both before there is a connection: nothing that it brings is missed.
    let mut messages = client.message_rx();
    let mut connections = client.reconnect_rx();
    drop(client.connect());
    let mut is_subscribed = false;
    loop {
        tokio::select! {
            message = messages.recv() => {
                match message {
                    Ok(message) => hear(Heard::Message(message)),
                    Err(RecvError::Lagged(missed)) => {
                        warn!(missed, ?channels, "messages came faster than they were heard");
                        hear(Heard::Gap);
                    }
                    Err(RecvError::Closed) => break,
                }
                continue;
            }
            connected = connections.recv() => if let Err(RecvError::Closed) = connected { break },
            // Without a connection there is nothing to try; the next one is announced.
            () = sleep(AGAIN), if !is_subscribed => if !client.is_connected() { continue },
            () = cancel.cancelled() => break,
        }
        // Here, after each connection, and not by the client itself: its way asks for empty lists of channels too, and takes Redis's refusals of those for answers
        // to other commands.
        is_subscribed = tokio::select! {
            is_subscribed = subscribe(&client, &channels) => is_subscribed,
            () = cancel.cancelled() => break,
        };
        if is_subscribed {
            hear(Heard::Gap);
        }
    }
    farewell(&client).await;
}

/// Whether Redis has confirmed the subscription.
async fn subscribe(client: &SubscriberClient, channels: &[&'static str]) -> bool {
    let asked = async {
        client.subscribe(channels.to_vec()).await?;
        // The client takes a subscription for made as soon as it is asked for. Redis answers in order: with this it is.
        client.ping::<Value>(None).await
    };
    let asked = timeout(PATIENCE, asked).await;
    match &asked {
        Ok(Ok(_)) => return true,
        Ok(Err(error)) => warn!(%error, ?channels, "nothing is heard for a moment"),
        Err(_) => warn!(?channels, "nothing is heard for a moment: Redis does not answer"),
    }
    if client.is_connected() {
        // What else it answers would be taken for answers to the next try.
        let _ = timeout(PATIENCE, client.force_reconnection()).await;
    }
    false
}
