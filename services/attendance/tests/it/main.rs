//! Attendance over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod alerts;
mod bad_input;
mod calendar;
mod codes;
mod contention;
mod database;
mod figures;
mod killed;
mod leave;
mod locks;
mod memory;
mod outages;
mod school;
mod self_registration;
mod timetable;
mod tour;
mod uploads;
mod visibility;
mod workbook;
