//! The write buffer's guarantees, against real servers that are killed, stopped and emptied.
//!
//! These modules belong to the crate's own tests (`src/lib.rs`), so that `mechanisms` can switch off, one at a time, what the others rely on.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub(crate) mod acknowledged;
mod crashes;
pub(crate) mod dead_letters;
mod extremes;
mod extremes_backlog;
mod extremes_clock;
mod extremes_disk;
mod extremes_gauges;
mod extremes_poison;
mod extremes_refusing;
mod extremes_slow;
pub(crate) mod fencing;
pub(crate) mod guards;
pub(crate) mod losses;
mod mechanisms;
pub(crate) mod note;
pub(crate) mod outages;
mod page;
pub(crate) mod processors;
pub(crate) mod reads;
pub(crate) mod repetitions;
pub(crate) mod saving;
pub(crate) mod stage;
mod wire;
