//! Attendance over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bad_input;
mod codes;
mod contention;
mod database;
mod figures;
mod leave;
mod locks;
mod outages;
mod school;
mod tour;
mod uploads;
mod visibility;
mod workbook;
