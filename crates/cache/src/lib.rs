//! The compressed cache: how a value becomes bytes in Redis and back, how keys are named, and how a read finds its
//! value with one query to PostgreSQL however many ask at once.
//!
//! - [`codec`] — a value's bytes: a header, then MessagePack, packed with a dictionary, and compressed when that pays;
//! - [`key`] — every key of the fleet is built here, so that no two parts disagree on a name;
//! - [`Guard`] — something remembered, confirmed by the step into Redis that follows anyway;
//! - [`near`] — the Redis connection of the thread at hand;
//! - [`Flights`] — one flight per key: a thousand readers that miss together cause one load;
//! - [`Cache`] — cached reads of what is committed in PostgreSQL, with jittered expiry;
//! - [`Generations`] — cached values that a change makes stale at once;
//! - [`Leaderboard`] — sorted sets with ties.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod codec;
mod flights;
mod generations;
mod guard;
pub mod key;
mod leaderboard;
mod near;
mod read;

pub use codec::{Codec, DecodeError, Header};
pub use flights::Flights;
pub use generations::Generations;
pub use guard::{Guard, Verdict};
pub use leaderboard::{Leaderboard, Place};
pub use near::{near, settle};
pub use read::{Cache, CacheError, record_lookup};
