//! A register: one class on one day, for the whole day or for one period, with its marks. It is one row to the write buffer, however many marks it has.

use chrono::NaiveDate;
use domain::{ClassId, RegisterId, SchoolId, StudentId, SubjectId, TeacherId, Timestamp, UserId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use write_behind::natural_id;

/// Where a register stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Opened, and not taken yet; where the school wants that, students may have marked themselves.
    Open,
    /// Taken.
    Taken,
    /// Taken, and locked by hand.
    Locked,
}

impl State {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Taken => "taken",
            Self::Locked => "locked",
        }
    }
}

/// Which register it is. There is at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The day, by the school's calendar.
    pub held_on: NaiveDate,
    /// The class.
    pub class_id: ClassId,
    /// The period; none means the whole day.
    pub period: Option<u8>,
}

impl Place {
    /// The last number that a period may have; the first is 0.
    pub const LAST_PERIOD: u8 = 99;

    /// Whether a period may have its number.
    #[must_use]
    pub fn has_sound_period(self) -> bool {
        self.period.is_none_or(|period| period <= Self::LAST_PERIOD)
    }

    /// `daily` or `period`, as in the table.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        if self.period.is_some() { "period" } else { "daily" }
    }

    /// The id of the register: whoever opens it, from wherever, names the same row, so that there can be only one.
    #[must_use]
    pub fn id(self, school: SchoolId) -> RegisterId {
        let ([school, class], day, period) = ([school.as_uuid(), self.class_id.as_uuid()], self.held_on.to_string(), self.period);
        let period: &[u8] = period.as_slice();
        let parts: [&[u8]; 4] = [school.as_bytes(), class.as_bytes(), day.as_bytes(), period];
        RegisterId::from_uuid(natural_id("attendance", &parts))
    }
}

/// A student's mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The student.
    pub student_id: StudentId,
    /// The code that the teacher gave, or the student who registered themselves.
    pub teacher_code: Option<String>,
    /// The code that the office gave; it stands above the teacher's.
    pub office_code: Option<String>,
    /// How late the student came.
    pub minutes_late: Option<u16>,
    /// What there is to say.
    pub note: Option<String>,
    /// Who marked last.
    pub marked_by: UserId,
    /// When.
    pub marked_at: Timestamp,
    /// The register's version that this mark came with.
    pub version: Version,
}

impl Mark {
    /// The code that counts.
    #[must_use]
    pub fn code(&self) -> &str {
        self.office_code.as_deref().or(self.teacher_code.as_deref()).unwrap_or_default()
    }

    /// The id of the row of a student's mark in a register.
    #[must_use]
    pub fn row_id(school: SchoolId, register: RegisterId, student: StudentId) -> Uuid {
        let parts = [school.as_uuid(), register.as_uuid(), student.as_uuid()];
        natural_id("attendance_record", &parts.each_ref().map(|part| part.as_bytes().as_slice()))
    }
}

/// A register as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Its id, made from the class, the day and the period.
    pub id: RegisterId,
    /// The school.
    pub school_id: SchoolId,
    /// The class.
    pub class_id: ClassId,
    /// The subject of the lesson.
    pub subject_id: Option<SubjectId>,
    /// The teacher who opened it; none when the office did.
    pub teacher_id: Option<TeacherId>,
    /// The day.
    pub held_on: NaiveDate,
    /// The period; none means the whole day.
    pub period: Option<u8>,
    /// When the lesson began.
    pub starts_at: Option<Timestamp>,
    /// When it ended.
    pub ends_at: Option<Timestamp>,
    /// Where it stands.
    pub state: State,
    /// Who took it first.
    pub taken_by: Option<UserId>,
    /// When.
    pub taken_at: Option<Timestamp>,
    /// When it was locked by hand.
    pub locked_at: Option<Timestamp>,
    /// A mark for each student, in the order of their ids.
    pub marks: Vec<Mark>,
    /// Its version.
    pub version: Version,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Register {
    /// A new one, open. `place` decides its id.
    #[must_use]
    pub fn open(school: SchoolId, place: Place, lesson: Lesson, now: Timestamp) -> Self {
        Self {
            id: place.id(school),
            school_id: school,
            class_id: place.class_id,
            subject_id: lesson.subject_id,
            teacher_id: lesson.teacher_id,
            held_on: place.held_on,
            period: place.period,
            starts_at: lesson.starts_at,
            ends_at: lesson.ends_at,
            state: State::Open,
            taken_by: None,
            taken_at: None,
            locked_at: None,
            marks: Vec::new(),
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        }
    }

    /// Which one it is.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place { held_on: self.held_on, class_id: self.class_id, period: self.period }
    }

    /// The student's mark.
    #[must_use]
    pub fn mark(&self, student: StudentId) -> Option<&Mark> {
        self.marks.binary_search_by_key(&student, |mark| mark.student_id).ok().and_then(|at| self.marks.get(at))
    }

    /// How long the lesson was, if it says.
    #[must_use]
    pub fn minutes(&self) -> Option<u16> {
        let minutes = (self.ends_at? - self.starts_at?).num_minutes();
        u16::try_from(minutes).ok().filter(|minutes| *minutes > 0)
    }

    /// The same, locked by hand; none if nothing was marked yet or it is locked already.
    #[must_use]
    pub fn locked(&self, now: Timestamp) -> Option<Self> {
        (self.state == State::Taken).then(|| Self {
            state: State::Locked,
            locked_at: Some(now),
            version: self.version.next(),
            updated_at: now,
            ..self.clone()
        })
    }
}

/// What is known of a lesson besides its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lesson {
    /// The subject.
    pub subject_id: Option<SubjectId>,
    /// The teacher.
    pub teacher_id: Option<TeacherId>,
    /// When it begins.
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_class_a_day_and_a_period_name_one_register_and_no_other() {
        let (school, class) = (SchoolId::generate(), ClassId::generate());
        let day = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();
        let place = |class_id, held_on, period| Place { held_on, class_id, period };
        let places = [
            place(class, day, None),
            place(class, day, Some(0)),
            place(class, day, Some(1)),
            place(class, day.succ_opt().unwrap(), None),
            place(ClassId::generate(), day, None),
        ];
        let ids: HashSet<RegisterId> = places.iter().map(|place| place.id(school)).collect();
        assert_eq!(ids.len(), places.len());
        assert_eq!(place(class, day, Some(1)).id(school), place(class, day, Some(1)).id(school));
        assert_ne!(place(class, day, None).id(school), place(class, day, None).id(SchoolId::generate()));
    }
}
