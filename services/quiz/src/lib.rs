//! Quizzes and exams: a question bank, papers, attempts that are answered against the clock, marks, reviews and statistics.
//!
//! Routes: [`routes::questions`], [`routes::categories`], [`routes::exchange`] (the bank), [`routes::quizzes`], [`routes::slots`], [`routes::overrides`] (setting), [`routes::attempts`],
//! [`routes::answers`] (sitting), [`routes::review`], [`routes::grading`], [`routes::regrade`], [`routes::results`], [`routes::statistics`],
//! [`routes::leaderboard`] (what came of it).
//!
//! Stores: `quizzes`, `quiz_slots`, `quiz_overrides`, `quiz_override_members`, `question_categories` and `quiz_preferences` commit in PostgreSQL before the answer;
//! `quiz_attempts` and `quiz_answers` are buffered: acknowledged by Redis as `write_buffer:quiz_attempt:…` and `write_buffer:quiz_answer:…`, saved by the batch
//! processor. Questions (`questions`) and statistics (`quiz_analytics`) are documents of MongoDB. Cached in Redis: a quiz with its slots and overrides
//! (`quiz_sheet:…`, with a generation that a change moves on), versions of questions (`question:…`, which never change), `leaderboard:quiz:…`.
//!
//! Events: `quiz:assigned` when it is published, `quiz:changed` when what others keep of it changes, `quiz:submitted`, `quiz:graded` when what counts is known or has changed, `quiz:released`.
//!
//! The rules are in [`model`]. An attempt runs by the server's clock ([`model::timing`]); what its student sees when is in [`model::review`]; what is never seen
//! before is kept out by construction in [`model::asked`]. Attempts whose time is up end when somebody looks at them, and by a task of this service within seconds.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod events;
pub mod formats;
pub mod model;
pub mod routes;
mod store;

use std::sync::Arc;

use domain::ServiceName;
use service_kit::{BackgroundTask, Platform, Service};
use write_behind::{Drain, DrainOf};

use model::attempt::{Answer, Attempt};

/// The quiz service.
pub const SERVICE: Service = Service {
    routes: routes::configure,
    drains,
    background,
    ..Service::new(ServiceName::Quiz, "Quizzes and exams: set, sat against the clock, marked and reviewed.")
};

/// In the order of their foreign keys: an answer points at its attempt.
fn drains() -> Vec<Arc<dyn Drain>> {
    vec![Arc::new(DrainOf::<Attempt>::new()), Arc::new(DrainOf::<Answer>::new())]
}

fn background(platform: &Platform) -> Vec<BackgroundTask> {
    let rooms = routes::Rooms::new(platform);
    vec![BackgroundTask { name: "attempts whose time is up", run: Box::new(move |cancel| Box::pin(routes::sweep(rooms, cancel))) }]
}
