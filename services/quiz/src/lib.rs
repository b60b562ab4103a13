//! Quizzes and exams.
//!
//! So far this service owns its tables (`quizzes`, `quiz_slots`, `quiz_attempts`, `quiz_answers`, `quiz_overrides`, and the collections `questions` and `quiz_analytics`)
//! and answers `/health` and `/ready`; it has no routes yet.

use domain::ServiceName;
use service_kit::Service;

/// The quiz service.
pub const SERVICE: Service = Service::new(ServiceName::Quiz, "Quizzes and exams.");
