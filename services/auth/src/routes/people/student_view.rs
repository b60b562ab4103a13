//! A student's record in full, for the office, own teachers, the student and the guardians. Everybody else in a class sees its roll.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{ClassId, StudentId, UserId};
use serde::{Deserialize, Serialize};
use store::entity::{students, users};
use utoipa::ToSchema;

use crate::model::row_status::RowStatus;

/// A student.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Student {
    /// The student's id.
    id: StudentId,
    /// The student's user.
    user_id: UserId,
    /// The name.
    full_name: String,
    /// The address to log in with.
    email: String,
    /// The number in the school's register.
    admission_number: String,
    /// The number on the roll of the class.
    roll_number: Option<String>,
    /// The home class. What the student attends is in the enrolments.
    class_id: Option<ClassId>,
    /// The section.
    section: Option<String>,
    /// The date of birth.
    date_of_birth: Option<NaiveDate>,
    /// As the school records it.
    gender: Option<String>,
    /// Such as `AB+`.
    blood_group: Option<String>,
    /// Where the student lives.
    address: Option<String>,
    /// A parent's name, for parents who are no users.
    parent_name: Option<String>,
    /// That parent's address.
    parent_email: Option<String>,
    /// That parent's telephone number.
    parent_phone: Option<String>,
    /// Whom to call in an emergency.
    emergency_contact: Option<String>,
    /// When the student was admitted.
    admission_date: Option<NaiveDate>,
    /// The academic year of admission, as the school writes it.
    academic_year: Option<String>,
    /// Whether the record is in use.
    status: RowStatus,
    /// The id in the system that it was imported from.
    source_id: Option<String>,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<(students::Model, users::Model)> for Student {
    fn from((row, user): (students::Model, users::Model)) -> Self {
        Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            full_name: user.full_name,
            email: user.email,
            admission_number: row.admission_number,
            roll_number: row.roll_number,
            class_id: row.class_id.map(ClassId::from),
            section: row.section,
            date_of_birth: row.date_of_birth,
            gender: row.gender,
            blood_group: row.blood_group,
            address: row.address,
            parent_name: row.parent_name,
            parent_email: row.parent_email,
            parent_phone: row.parent_phone,
            emergency_contact: row.emergency_contact,
            admission_date: row.admission_date,
            academic_year: row.academic_year,
            status: RowStatus::of(&row.status),
            source_id: row.source_id,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
