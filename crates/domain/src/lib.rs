//! The nouns that every part of Schools24 agrees on: typed ids, value types, roles and permissions, event types.
//!
//! No I/O lives here and nothing here may grow heavy: every crate waits for this one to compile.
//! A value type is valid by construction: what can't be parsed can't be built.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod clock;
mod event;
mod fault;
mod id;
mod money;
mod partition;
mod patch;
mod points;
mod role;
mod service;
mod text;
mod version;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use event::{Actor, EventEnvelope, EventKind};
pub use fault::{Fault, Faults};
pub use id::*;
pub use money::{Amount, Currency, InvalidAmount, UnknownCurrency};
pub use partition::{PARTITIONS, Partition};
pub use patch::Patch;
pub use points::{InvalidPoints, Points};
pub use role::{Permission, Role, UnknownRole};
pub use service::{ServiceName, UnknownService};
pub use text::{Email, InvalidEmail, InvalidText, Text};
pub use version::{InvalidVersion, Version};
