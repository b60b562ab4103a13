//! What a change of a register that had been taken leaves behind: who, when, why, and each mark as it was and as it is. It is written with the change, in one
//! operation, and nobody can change it afterwards.

use domain::{CorrectionId, RegisterId, Role, SchoolId, StudentId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::register::{Mark, Register, State};

/// A mark as somebody saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seen {
    /// The code that counted.
    pub code: String,
    /// The teacher's code.
    pub teacher_code: Option<String>,
    /// How late the student came.
    pub minutes_late: Option<u16>,
    /// What there was to say.
    pub note: Option<String>,
}

impl From<&Mark> for Seen {
    fn from(mark: &Mark) -> Self {
        Self {
            code: mark.code().to_owned(),
            teacher_code: mark.teacher_code.clone(),
            minutes_late: mark.minutes_late,
            note: mark.note.clone(),
        }
    }
}

/// A mark that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The student.
    pub student_id: StudentId,
    /// What stood there; null if nothing did.
    pub before: Option<Seen>,
    /// What stands there now.
    pub after: Seen,
}

/// A correction as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Its id.
    pub id: CorrectionId,
    /// The school.
    pub school_id: SchoolId,
    /// The register.
    pub session_id: RegisterId,
    /// The register's version that it made.
    pub session_version: Version,
    /// Who.
    pub corrected_by: UserId,
    /// In which role.
    pub role: Role,
    /// Whether the register was locked.
    pub after_lock: bool,
    /// Why.
    pub reason: Option<String>,
    /// What.
    pub changes: Vec<Change>,
    /// Always the first: it never changes.
    pub version: Version,
    /// When.
    pub created_at: Timestamp,
}

/// The marks that differ.
#[must_use]
pub fn changes(before: &Register, after: &Register) -> Vec<Change> {
    let differs = |mark: &&Mark| before.mark(mark.student_id).is_none_or(|old| Seen::from(old) != Seen::from(*mark));
    let change =
        |mark: &Mark| Change { student_id: mark.student_id, before: before.mark(mark.student_id).map(Seen::from), after: mark.into() };
    after.marks.iter().filter(differs).map(change).collect()
}

/// Whether going from `before` to `after` is to be told to posterity: a first taking in time isn't.
#[must_use]
pub fn is_due(before: &Register, after_lock: bool) -> bool {
    after_lock || before.state != State::Open
}
