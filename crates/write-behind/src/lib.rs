//! The write buffer and its guarantees: a write is acknowledged when Redis has it on disk, and reaches PostgreSQL in batches.
//!
//! ```text
//! handler ── WRITE (one Lua script, one round trip) ──► Redis
//!              value      write_buffer:homework:{p17}:<id>   the compressed row, no expiry while unsaved
//!              pointer    write_log:homework:{p17}           stream, entry n-0 for the n-th write of the partition
//!              lists      unsaved:homework:{p17}:class:<id>  what a list must merge in
//!              answer     write_ops:homework:{p17}:<day>     what a repetition is told
//!              event      events:{p17} and the channel
//! batch processor ── reads the log from the watermark, keeps the last version of each row,
//!                    upserts them and moves the watermark in one PostgreSQL transaction ── SETTLE ──► Redis
//! ```
//!
//! A school maps to one of 64 partitions, and all of its keys share the partition's hash tag. The log carries *pointers*: ten changes of
//! a row cost one value. A batch is closed before it is saved: if a value is newer than the last pointer read, the log is read on
//! to that pointer, so that PostgreSQL only ever holds a prefix of what was acknowledged.
//!
//! - [`WriteBuffer`] — what services use: write, find, merge unsaved rows into lists;
//! - [`Buffered`], [`Drain`] — what an entity must know to be buffered and saved;
//! - [`Processor`] — the batch processor, resident or once;
//! - [`dead_letters`] — what could not be saved: list, show, correct and replay, discard.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

// The tests are part of the crate, so that they can switch its mechanisms off; they use it by its name, like anybody else.
#[cfg(test)]
extern crate self as write_behind;
#[cfg(test)]
#[path = "../tests/it/main.rs"]
mod it;
#[cfg(test)]
use it::{note, stage};

mod buffer;
pub mod dead_letters;
mod entity;
mod error;
mod mechanism;
mod merge;
mod operation;
mod processor;
mod scripts;

pub use buffer::{BufferSettings, Found, WriteBuffer, WriteMode, Written};
pub use entity::{Buffered, Decoded, Drain, DrainOf, Image, Rows, SaveError, Saved};
pub use error::{ReadError, WriteError};
pub use merge::merge;
pub use operation::{Absence, Idempotency, Operation, natural_id};
pub use processor::{DrainError, Processor, ProcessorSettings, Summary};
