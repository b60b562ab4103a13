//! Resources that commit in PostgreSQL before the answer, as every service serves them: a row with its version, lists by cursor, references that are
//! checked before anything is written, constraints that speak.
//!
//! - [`Desk`] — where a request stands: who calls, which transaction, what follows a commit;
//! - [`rows`] — one row: find, lock, insert, save, remove, with versions;
//! - [`Listing`] — a page of rows;
//! - [`References`] — whether what a request points at is there;
//! - [`Rule`] — what a violated constraint means to a client.
//!
//! A service names itself once (`impl Keeper`), its tables stand in `tables.rs`, and a resource's file then holds only what is its own. What is
//! buffered does not come here: see `write-behind`.

mod desk;
mod listing;
mod references;
pub mod rows;
mod rules;
mod tables;

pub use desk::{Desk, Keeper};
pub use listing::Listing;
pub use references::References;
pub use rows::Table;
pub use rules::{Rule, refuse};
