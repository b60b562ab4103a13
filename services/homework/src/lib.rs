//! Homework: set by a teacher, handed in by students, graded and given back.
//!
//! Routes: [`routes::homework`] (create, change, publish, close, list, show), [`routes::submissions`] (hand in, list, show), [`routes::grading`] (grade, return).
//!
//! Tables: `homework`, `homework_submissions`, both buffered: acknowledged by Redis as `write_buffer:homework:…` and
//! `write_buffer:homework_submission:…`, saved by the batch processor. `homework_files` and `homework_overrides` are owned and not served yet.
//!
//! Events: `homework:assigned` when it is published, `homework:changed` when what others keep of it changes, `homework:submitted`, `homework:graded`, `homework:returned`.
//!
//! The rules are in [`model`]: what counts as late and what that costs in [`model::late_policy`], who may hand in when in
//! [`model::submission`], what can be set and changed in [`model::homework`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod events;
pub mod model;
pub mod routes;
mod store;

use std::sync::Arc;

use domain::ServiceName;
use service_kit::Service;
use write_behind::{Drain, DrainOf};

use model::homework::Homework;
use model::submission::Submission;

/// The homework service.
pub const SERVICE: Service = Service {
    routes: routes::configure,
    drains,
    ..Service::new(ServiceName::Homework, "Homework: set, handed in, graded and given back.")
};

/// In the order of their foreign keys: a submission points at its homework.
fn drains() -> Vec<Arc<dyn Drain>> {
    vec![Arc::new(DrainOf::<Homework>::new()), Arc::new(DrainOf::<Submission>::new())]
}
