//! Reads and writes that the resources of people and academics share, beyond what `records` does for every service.
//!
//! - [`rules`] — what a violated constraint means to a client;
//! - [`reach`] — whose rows a caller may see;
//! - [`occupancy`] — how full a class gets;
//! - [`users`] — how a person becomes a member of a school.

pub(crate) mod occupancy;
pub(crate) mod reach;
pub mod rules;
pub(crate) mod users;
