//! Fees over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bad_input;
mod books;
mod charges;
mod checks;
mod clock;
mod contention;
mod database;
mod discounts;
mod fine_runs;
mod given_back;
mod invoicing;
mod lists;
mod money;
mod odd_events;
mod optional_heads;
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
