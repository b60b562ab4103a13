//! What is said of one lesson on one day: that it is called off, or at another time, in another period or in another room than usual.

use chrono::NaiveDate;
use domain::{ClassId, Fault, Faults, RoomId, SchoolId, TimetableEntryId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use write_behind::natural_id;

use super::lesson::Lesson;

/// How a lesson is on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LessonDayState)]
pub enum State {
    /// As on its other days.
    AsUsual,
    /// It is called off.
    Cancelled,
    /// It is at another time, in another period or in another room.
    Moved,
}

impl From<directory::timetable::State> for State {
    fn from(state: directory::timetable::State) -> Self {
        match state {
            directory::timetable::State::AsUsual => Self::AsUsual,
            directory::timetable::State::Cancelled => Self::Cancelled,
            directory::timetable::State::Moved => Self::Moved,
        }
    }
}

/// What is said of a lesson on a day; what is null is as usual.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonDay {
    /// The school.
    pub school_id: SchoolId,
    /// The lesson.
    pub entry_id: TimetableEntryId,
    /// Its class.
    pub class_id: ClassId,
    /// The day.
    pub day: NaiveDate,
    /// How it is that day.
    pub state: State,
    /// The number of its period.
    pub period: Option<u8>,
    /// When it begins, in minutes since midnight.
    pub start_minute: Option<u16>,
    /// When it is over.
    pub end_minute: Option<u16>,
    /// Where.
    pub room_id: Option<RoomId>,
    /// Why.
    pub reason: Option<String>,
    /// Its version; the `ETag` is this number as `"v3"`.
    pub version: Version,
}

impl LessonDay {
    /// A day of which nobody has said anything. What is version 1 to a reader is version 1 once it is in the table.
    #[must_use]
    pub fn usual(lesson: &Lesson, day: NaiveDate) -> Self {
        Self {
            school_id: lesson.school_id,
            entry_id: lesson.id,
            class_id: lesson.class_id,
            day,
            state: State::AsUsual,
            period: None,
            start_minute: None,
            end_minute: None,
            room_id: None,
            reason: None,
            version: Version::FIRST,
        }
    }

    /// The same day as usual again, as its next version.
    #[must_use]
    pub fn restored(&self, lesson: &Lesson) -> Self {
        Self { version: self.version.next(), ..Self::usual(lesson, self.day) }
    }

    /// The row's id, which the lesson and the day give it.
    #[must_use]
    pub fn id(&self) -> Uuid {
        natural_id("timetable_lesson_days", &[self.entry_id.as_uuid().as_bytes(), self.day.to_string().as_bytes()])
    }

    /// Without what is as usual anyway.
    #[must_use]
    pub fn apart_from(self, lesson: &Lesson) -> Self {
        Self {
            period: self.period.filter(|period| lesson.period != Some(*period)),
            room_id: self.room_id.filter(|room| lesson.room_id != Some(*room)),
            ..self
        }
    }

    /// Every fault that the fields have among each other.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        let said = [
            ("/period", self.period.is_some()),
            ("/start_minute", self.start_minute.is_some()),
            ("/end_minute", self.end_minute.is_some()),
            ("/room_id", self.room_id.is_some()),
        ];
        if self.state == State::Moved {
            faults.require(said.iter().any(|(_, is_said)| *is_said), "/state", "say another period, another time or another room");
        } else {
            for (pointer, is_said) in said {
                faults.require(!is_said, pointer, "has no meaning for a lesson that is called off");
            }
        }
        faults.require(self.period.is_none_or(|period| period <= 99), "/period", "must be from 0 to 99");
        faults.require(self.start_minute.is_none_or(|minute| minute < 1440), "/start_minute", "must be less than 1440");
        faults.require(self.end_minute.is_none_or(|minute| (1..=1440).contains(&minute)), "/end_minute", "must be from 1 to 1440");
        match (self.start_minute, self.end_minute) {
            (Some(start), Some(end)) => faults.require(end > start, "/end_minute", "must be after start_minute"),
            (Some(_), None) => faults.require(false, "/end_minute", "must be said with start_minute"),
            (None, Some(_)) => faults.require(false, "/start_minute", "must be said with end_minute"),
            (None, None) => {}
        }
        faults.into_result()
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::model::lesson::Status;

    fn lesson() -> Lesson {
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
            valid_to: None,
            covers_entry_id: None,
            note: None,
            status: Status::Active,
            version: Version::FIRST,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn pointers(day: &LessonDay) -> Vec<String> {
        day.check().map_or_else(|faults| faults.into_iter().map(|fault| fault.pointer).collect(), |()| Vec::new())
    }

    #[test]
    fn what_is_called_off_has_no_time_and_what_is_moved_says_where_to() {
        let lesson = lesson();
        let usual = LessonDay::usual(&lesson, "2026-11-24".parse().unwrap());
        let off = LessonDay { state: State::Cancelled, ..usual.clone() };
        assert_eq!(pointers(&off), [""; 0]);
        assert_eq!(pointers(&LessonDay { room_id: lesson.room_id, period: Some(3), ..off }), ["/period", "/room_id"]);
        let moved = LessonDay { state: State::Moved, ..usual };
        assert_eq!(pointers(&moved), ["/state"]);
        // Where it is anyway is nowhere else.
        let nowhere = LessonDay { room_id: lesson.room_id, period: lesson.period, ..moved.clone() }.apart_from(&lesson);
        assert_eq!(pointers(&nowhere), ["/state"]);
        assert_eq!(pointers(&LessonDay { period: Some(2), ..moved.clone() }.apart_from(&lesson)), [""; 0]);
        for (start, end, pointer) in [
            (Some(600), None, "/end_minute"),
            (None, Some(600), "/start_minute"),
            (Some(600), Some(600), "/end_minute"),
            (Some(600), Some(1441), "/end_minute"),
            (Some(1440), Some(1440), "/start_minute"),
        ] {
            let day = LessonDay { start_minute: start, end_minute: end, ..moved.clone() };
            assert!(pointers(&day).contains(&pointer.to_owned()), "{start:?} {end:?}: {:?}", pointers(&day));
        }
        assert_eq!(pointers(&LessonDay { start_minute: Some(600), end_minute: Some(645), ..moved }), [""; 0]);
    }

    #[test]
    fn a_day_that_is_as_usual_again_is_a_later_version_of_the_same_row() {
        let lesson = lesson();
        let usual = LessonDay::usual(&lesson, "2026-11-24".parse().unwrap());
        let off =
            LessonDay { state: State::Cancelled, reason: Some("Excursion".to_owned()), version: usual.version.next(), ..usual.clone() };
        let again = off.restored(&lesson);
        assert_eq!((again.id(), again.version), (off.id(), off.version.next()));
        assert_eq!(LessonDay { version: Version::FIRST, ..again }, usual);
    }
}
