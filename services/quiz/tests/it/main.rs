//! Quizzes over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bad_input;
mod bank;
mod clock;
mod contention;
mod grading;
mod outages;
mod school;
mod tour;
mod visibility;
