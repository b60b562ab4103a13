//! Reads and writes that the resources of people and academics share.
//!
//! - [`rows`] — one row: find, lock, insert, save, remove, with versions;
//! - [`listing`] — a page of rows;
//! - [`rules`] — what a violated constraint means to a client;
//! - [`reach`] — whose rows a caller may see;
//! - [`occupancy`] — how full a class gets;
//! - [`references`] — whether what is pointed at is there;
//! - [`users`] — how a person becomes a member of a school.

pub(crate) mod listing;
pub(crate) mod occupancy;
pub(crate) mod reach;
pub(crate) mod references;
pub(crate) mod rows;
pub mod rules;
pub(crate) mod users;
