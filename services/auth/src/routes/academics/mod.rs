//! What the school teaches, when and to whom: years, terms, subjects, classes, who teaches what in them, enrolments.
//!
//! Everybody in the school sees years, terms and subjects. Classes and enrolments are seen by those whom they concern: the office all, a teacher own classes,
//! a student own, a parent the children's; other staff see which classes there are and who is in them by id, but no person. The office changes them.

mod academic_years;
mod class_roll;
mod class_subjects;
mod classes;
mod enrollments;
mod subjects;
mod terms;

use service_kit::Platform;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes.
pub fn configure(_platform: &Platform, config: &mut ServiceConfig<'_>) {
    academic_years::configure(config);
    terms::configure(config);
    subjects::configure(config);
    classes::configure(config);
    class_roll::configure(config);
    class_subjects::configure(config);
    enrollments::configure(config);
}
