//! The calendar over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod actions;
mod appointments;
mod bad_input;
mod contention;
mod database;
mod events;
mod feeds;
mod free;
mod holidays;
mod imports;
mod lesson_days;
mod months;
mod moved_lessons;
mod outages;
mod plans;
mod queues;
mod rotation;
mod school;
mod series;
mod timetable;
mod told;
mod visibility;
