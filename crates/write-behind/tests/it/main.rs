//! The write buffer's guarantees, against real servers that are killed, stopped and emptied.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod acknowledged;
mod crashes;
mod dead_letters;
mod note;
mod outages;
mod processors;
mod stage;
