//! Events on a real Redis.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod consumer;
mod outbox;
mod subscription;
