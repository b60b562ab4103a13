//! Auth over HTTP, on real stores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod accounts;
mod keys;
mod login;
mod roster;
mod sessions;
