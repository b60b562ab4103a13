//! Events: how services tell each other what happened.
//!
//! Every event takes two ways at once. On the pub/sub channel named after its kind (`homework:assigned`) it reaches whoever listens *now*:
//! cache invalidation, live dashboards, revoked sessions. In its partition's stream (`events:{p17}`) it waits for whoever *must not miss it*:
//! a [`Consumer`] reads the streams as a consumer group, is idempotent by event id, and catches up after being away.
//!
//! An event is written atomically with what it tells: a buffered write appends it in the write script; a write that commits in
//! PostgreSQL puts it in the [`outbox`] in the same transaction, from where the relay publishes it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod consumer;
mod envelope;
mod listener;
pub mod outbox;
mod publisher;
mod subscription;

pub use consumer::{Consumer, ConsumerSettings, HandleError, Handler, run_consumers};
pub use envelope::{continue_trace, envelope, traceparent};
pub use listener::listen;
pub use publisher::{PublishError, Publisher};
pub use subscription::{Heard, subscription};

/// How long a farewell may take: a connection that is just being made, or that waits for an answer, may never take it.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(1);

async fn farewell(client: &impl fred::interfaces::ClientLike) {
    let _ = tokio::time::timeout(FAREWELL, client.quit()).await;
}
