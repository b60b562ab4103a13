//! The tenant tables that are served as records, and what a row of each is called. They stand here because both the entities and [`Table`] do not belong
//! to the services.

use domain::Version;
use service_kit::Problem;
use store::entity::{
    academic_years, class_subjects, classes, enrollments, grade_book_settings, grade_categories, grade_items, grade_scales, grade_targets,
    honour_rules, learning_outcomes, outcome_items, staff, student_guardians, students, subjects, teachers, terms,
};
use store::entity::{inventory_categories, inventory_items, inventory_locations, inventory_suppliers};
use uuid::Uuid;

use crate::rows::Table;

macro_rules! tables {
    ($($table:ident = $noun:literal;)+) => {$(
        impl Table for $table::Entity {
            const NOUN: &'static str = $noun;
            const SCHOOL: Self::Column = $table::Column::SchoolId;
            const ID: Self::Column = $table::Column::Id;
            const STATUS: Self::Column = $table::Column::Status;
            const VERSION: Self::Column = $table::Column::Version;
            const UPDATED_AT: Self::Column = $table::Column::UpdatedAt;

            fn id(row: &Self::Model) -> Uuid {
                row.id
            }

            fn version(row: &Self::Model) -> Result<Version, Problem> {
                Version::try_from(row.version).map_err(Problem::internal)
            }
        }
    )+};
}

tables! {
    academic_years = "academic year";
    terms = "term";
    subjects = "subject";
    classes = "class";
    class_subjects = "subject of the class";
    enrollments = "enrolment";
    students = "student";
    teachers = "teacher";
    staff = "staff member";
    student_guardians = "guardian of the student";
    grade_book_settings = "grade book";
    grade_categories = "grade category";
    grade_items = "grade item";
    grade_scales = "grade scale";
    inventory_categories = "category";
    inventory_suppliers = "supplier";
    inventory_locations = "location";
    inventory_items = "item";
    grade_targets = "target";
    honour_rules = "honour rule";
    learning_outcomes = "outcome";
    outcome_items = "outcome of the item";
}
