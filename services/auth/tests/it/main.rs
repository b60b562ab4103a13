//! Auth over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod academics;
mod accounts;
mod hijack;
mod isolation;
mod keys;
mod login;
mod people;
mod register;
mod roster;
mod sessions;
