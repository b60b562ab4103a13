//! A lesson of the timetable, and cover: who stands in for its teacher for some days.

use chrono::{Datelike, NaiveDate};
use domain::{ClassId, Fault, Faults, RoomId, SchoolId, SubjectId, TeacherId, Timestamp, TimetableEntryId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LessonStatus)]
pub enum Status {
    /// It is.
    Active,
    /// It was taken off the timetable.
    Cancelled,
}

/// A row of the timetable. The days of the rotation are those of the week unless the day itself says otherwise; minutes count from local midnight, so that
/// changing clocks moves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// Its id.
    pub id: TimetableEntryId,
    /// The school.
    pub school_id: SchoolId,
    /// The class.
    pub class_id: ClassId,
    /// The subject.
    pub subject_id: Option<SubjectId>,
    /// Who gives it, or stands in.
    pub teacher_id: Option<TeacherId>,
    /// Where; cover is given where the lesson is.
    pub room_id: Option<RoomId>,
    /// The day of the rotation; where that is the week, 1 is Monday.
    pub rotation_day: u8,
    /// The number of its period.
    pub period: Option<u8>,
    /// When it begins, in minutes since midnight.
    pub start_minute: u16,
    /// When it is over.
    pub end_minute: u16,
    /// The first day on which it counts.
    pub valid_from: NaiveDate,
    /// The last day; null means open.
    pub valid_to: Option<NaiveDate>,
    /// The lesson that this covers.
    pub covers_entry_id: Option<TimetableEntryId>,
    /// What to know about it.
    pub note: Option<String>,
    /// Whether it is given.
    pub status: Status,
    /// Its version; the `ETag` is this number as `"v3"`.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Lesson {
    /// Every fault that the fields have among each other.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        faults.require((1..=31).contains(&self.rotation_day), "/rotation_day", "must be from 1 to 31");
        faults.require(self.start_minute < 1440, "/start_minute", "must be less than 1440");
        faults.require((1..=1440).contains(&self.end_minute), "/end_minute", "must be from 1 to 1440");
        faults.require(self.end_minute > self.start_minute, "/end_minute", "must be after start_minute");
        faults.require(self.period.is_none_or(|period| period <= 99), "/period", "must be from 0 to 99");
        faults.require(self.valid_to.is_none_or(|to| to >= self.valid_from), "/valid_to", "must not be before valid_from");
        faults.require((1970..=2200).contains(&self.valid_from.year()), "/valid_from", "must be within the years 1970 to 2200");
        faults.require(self.valid_to.is_none_or(|to| to.year() <= 2200), "/valid_to", "must be within the years 1970 to 2200");
        faults.into_result()
    }

    /// Whether all days from `from` to `to` are days on which it counts.
    #[must_use]
    pub fn counts_throughout(&self, from: NaiveDate, to: NaiveDate) -> bool {
        self.valid_from <= from && self.valid_to.is_none_or(|last| to <= last)
    }

    /// Cover of this lesson by `teacher`.
    #[must_use]
    pub fn covered(
        &self,
        id: TimetableEntryId,
        teacher: TeacherId,
        days: (NaiveDate, NaiveDate),
        note: Option<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            teacher_id: Some(teacher),
            room_id: None,
            valid_from: days.0,
            valid_to: Some(days.1),
            covers_entry_id: Some(self.id),
            note,
            status: Status::Active,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson() -> Lesson {
        let now = Timestamp::UNIX_EPOCH;
        Lesson {
            id: TimetableEntryId::generate(),
            school_id: SchoolId::generate(),
            class_id: ClassId::generate(),
            subject_id: None,
            teacher_id: None,
            room_id: Some(RoomId::generate()),
            rotation_day: 2,
            period: Some(1),
            start_minute: 540,
            end_minute: 585,
            valid_from: "2026-06-01".parse().unwrap(),
            valid_to: Some("2026-12-18".parse().unwrap()),
            covers_entry_id: None,
            note: None,
            status: Status::Active,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn cover_is_the_same_lesson_with_another_teacher_for_some_days() {
        let (lesson, teacher) = (lesson(), TeacherId::generate());
        let days = ("2026-11-24".parse().unwrap(), "2026-11-24".parse().unwrap());
        let cover = lesson.covered(TimetableEntryId::generate(), teacher, days, None, Timestamp::UNIX_EPOCH);
        assert_eq!((cover.covers_entry_id, cover.teacher_id, cover.room_id), (Some(lesson.id), Some(teacher), None));
        assert_eq!((cover.rotation_day, cover.period, cover.check()), (lesson.rotation_day, lesson.period, Ok(())));
        assert!(lesson.counts_throughout(days.0, days.1) && !lesson.counts_throughout(days.0, "2026-12-19".parse().unwrap()));
    }

    #[test]
    fn every_fault_is_told() {
        let bad =
            Lesson { rotation_day: 32, start_minute: 600, end_minute: 590, valid_to: Some("2026-05-31".parse().unwrap()), ..lesson() };
        assert_eq!(bad.check().unwrap_err().len(), 3);
    }
}
