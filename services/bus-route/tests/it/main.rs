//! Buses over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod alarms;
mod boardings;
mod called_off;
mod database;
mod feeds;
mod fees;
mod fleet;
mod forgotten;
mod leavers;
mod listening;
mod positions;
mod problems;
mod riders;
mod school;
mod seats;
mod stops;
mod trips;
mod visibility;
