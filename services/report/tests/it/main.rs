//! The grade book over HTTP, on real stores.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bad_input;
mod book;
mod changes;
mod concerns;
mod contention;
mod feeding;
mod honour;
mod import;
mod locking;
mod outcomes;
mod quizzes;
mod rules_at_once;
mod school;
mod visibility;
