//! Fees over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bad_input;
mod books;
mod charges;
mod clock;
mod contention;
mod database;
mod invoicing;
mod money;
mod payloads;
mod payments;
mod random;
mod runs;
mod rush;
mod school;
mod shared;
mod stand_in;
mod visibility;
mod webhooks;
