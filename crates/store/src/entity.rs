//! sea-orm entities, one file a table; what a column means and must satisfy is in `migrations/`.
//!
//! Ids are plain `Uuid`s here; repositories turn them into the typed ids of `domain` at their edges.
// A column's name is its documentation here; units and rules are comments in the migrations, next to their constraints.
#![allow(missing_docs)]

pub mod academic_years;
pub mod class_subjects;
pub mod classes;
pub mod credentials;
pub mod dead_letters;
pub mod drain_watermarks;
pub mod enrollments;
pub mod grade_book_settings;
pub mod grade_categories;
pub mod grade_items;
pub mod grade_scales;
pub mod grade_targets;
pub mod homework;
pub mod homework_files;
pub mod homework_overrides;
pub mod homework_submissions;
pub mod honour_rules;
pub mod idempotency_keys;
pub mod inventory_categories;
pub mod inventory_items;
pub mod inventory_locations;
pub mod inventory_suppliers;
pub mod jobs;
pub mod learning_outcomes;
pub mod memberships;
pub mod outbox;
pub mod outcome_items;
pub mod schools;
pub mod sessions;
pub mod signing_key_secrets;
pub mod signing_keys;
pub mod staff;
pub mod student_guardians;
pub mod students;
pub mod subjects;
pub mod teachers;
pub mod terms;
pub mod users;
