//! What the store promises, tried out on real servers.
//!
//! `TEST_POSTGRES_URL` is the superuser's URL of a scratch cluster, `TEST_MONGODB_URI` that of a scratch MongoDB. Each test makes a
//! database of its own and drops it.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::too_many_lines)]
// The servers under test are named by the environment.
#![allow(clippy::disallowed_methods)]

mod catalogue;
mod errors;
mod grants;
mod invariants;
mod migrations;
mod mongo;
mod support;
mod tenancy;
mod transactions;
