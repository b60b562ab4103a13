//! The kit over real HTTP: a tiny demo service on a free port, and no store at all, except where a test brings one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, unreachable_pub)]

mod body;
mod config;
mod demo;
mod edge;
mod idempotency;
mod lists;
mod openapi;
mod process;
mod shutdown;
mod stores;
mod system;
mod tokens;
mod traces;
mod versions;
