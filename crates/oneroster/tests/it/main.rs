//! The crate from outside: whole zips in, rosters or reports out.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod archives;
mod contoso;
mod faults;
mod links;
mod properties;
mod size;
mod small;
mod support;
