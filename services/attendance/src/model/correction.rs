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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::{TimeZone, Utc};
    use domain::ClassId;
    use proptest::prelude::*;

    use super::*;
    use crate::model::register::{Lesson, Place};

    type Marks = BTreeMap<u128, (u8, Option<u16>)>;

    fn register(marks: &Marks) -> Register {
        let now = Utc.with_ymd_and_hms(2026, 11, 20, 9, 0, 0).unwrap();
        let place = Place { held_on: now.date_naive(), class_id: ClassId::generate(), period: None };
        let mark = |(student, (code, minutes_late)): (&u128, &(u8, Option<u16>))| Mark {
            student_id: StudentId::from_uuid(uuid::Uuid::from_u128(*student)),
            teacher_code: Some(code.to_string()),
            office_code: None,
            minutes_late: *minutes_late,
            note: None,
            marked_by: UserId::generate(),
            marked_at: now,
            version: Version::FIRST,
        };
        Register { marks: marks.iter().map(mark).collect(), ..Register::open(SchoolId::generate(), place, Lesson::default(), now) }
    }

    fn marks() -> impl Strategy<Value = Marks> {
        prop::collection::btree_map(1..12_u128, (0..3_u8, prop::option::of(0..3_u16)), 0..10)
    }

    proptest! {
        #[test]
        fn a_correction_tells_all_that_changed_and_nothing_else(before in marks(), said in marks()) {
            // Nobody's mark is ever removed.
            let mut after = before.clone();
            after.extend(said);
            let (before, after) = (register(&before), register(&after));
            let changes = changes(&before, &after);
            for change in &changes {
                prop_assert_eq!(&before.mark(change.student_id).map(Seen::from), &change.before);
                prop_assert_eq!(after.mark(change.student_id).map(Seen::from), Some(change.after.clone()));
                prop_assert_ne!(change.before.as_ref(), Some(&change.after));
            }
            for mark in &after.marks {
                let told = changes.iter().filter(|change| change.student_id == mark.student_id).count();
                let same = before.mark(mark.student_id).is_some_and(|old| Seen::from(old) == Seen::from(mark));
                prop_assert_eq!(told, usize::from(!same));
            }
        }
    }
}
