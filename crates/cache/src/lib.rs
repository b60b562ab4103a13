//! The compressed cache: how a value becomes bytes in Redis and back, how keys are named, and how a read finds its
//! value with one query to PostgreSQL however many ask at once.
//!
//! - [`codec`] — a value's bytes: a fixed header, then MessagePack, compressed when that pays;
//! - [`key`] — every key of the fleet is built here, so that no two parts disagree on a name;
//! - [`Flights`] — one flight per key: a thousand readers that miss together cause one load;
//! - [`Cache`] — cached reads of what is committed in PostgreSQL, with jittered expiry;
//! - [`Leaderboard`] — sorted sets with ties.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod codec;
mod flights;
pub mod key;
mod leaderboard;
mod read;

pub use codec::{Codec, DecodeError, Header};
pub use flights::Flights;
pub use leaderboard::{Leaderboard, Place};
pub use read::{Cache, CacheError, record_lookup};
