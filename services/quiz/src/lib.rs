//! Quizzes and exams.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod model;

use domain::ServiceName;
use service_kit::Service;

/// The quiz service.
pub const SERVICE: Service = Service::new(ServiceName::Quiz, "Quizzes and exams.");
