//! Auth: who there is, what the school teaches, who learns it where, and who may come in.
//!
//! Routes: sessions and keys in [`routes::sessions`], schools, users and memberships in [`routes::accounts`], students, teachers, staff and guardians in
//! [`routes::people`], years, terms, subjects, classes and enrolments in [`routes::academics`], roster import in [`routes::imports`].
//!
//! Tables: `schools`, `users`, `memberships`, `credentials`, `sessions`, `signing_keys`, `students`, `teachers`, `staff`, `student_guardians`,
//! `academic_years`, `terms`, `subjects`, `classes`, `class_subjects`, `enrollments`. All of them commit in PostgreSQL before the answer: whether somebody may come in
//! and who sits in which class are rules across rows.
//!
//! Keys in Redis: `sessions:revoked`, `login:failures:<address>` and `login:locked:<address>` (an HMAC of it), and the generation of the school in the directory. Events: `session:revoked`, `roster:imported`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod attempts;
pub mod credentials;
mod crowd;
mod desk;
pub mod keys;
pub mod model;
pub mod passwords;
pub mod revocation;
pub mod roster;
pub mod routes;
pub mod store;

use domain::ServiceName;
use service_kit::Service;

/// The auth service.
pub const SERVICE: Service = Service {
    routes: routes::configure,
    background: |platform| vec![keys::rotation::task(platform), revocation::task(platform)],
    ..Service::new(ServiceName::Auth, "Sign-in, sessions and keys; schools and their people, classes and enrolments; roster import.")
};
