//! The store room and the library over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bad_input;
mod by_id;
mod closing;
mod consumption;
mod contention;
mod counting;
mod database;
mod imports;
mod keepers;
mod killed;
mod lending;
mod outline;
mod random_walk;
mod retries;
mod scanning;
mod school;
mod splits;
mod stock;
mod time;
mod visibility;
