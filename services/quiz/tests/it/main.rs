//! Quizzes over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod admission;
mod bad_input;
mod bank;
mod behaviours;
mod clock;
mod contention;
mod crash;
mod grading;
mod outages;
mod school;
mod statistics;
mod steps;
mod tour;
mod types;
mod visibility;
