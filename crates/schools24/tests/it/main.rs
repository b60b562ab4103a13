//! The `schools24` binary as an operator meets it: real processes, killed at random instants.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod commands;
mod kill;
mod penalties;
mod process;
mod roster;
