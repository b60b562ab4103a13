//! Lessons on their days: what the timetable comes to between two dates, with whoever stands in.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use directory::timetable::Given;
use domain::{ClassId, Role, RoomId, SubjectId, TeacherId, TimetableEntryId};
use serde::Serialize;
use utoipa::ToSchema;

use super::audience::Audience;
use super::event::{Event, Kind, Status};
use super::lesson_day::State;
use super::zone;

/// From when to when a lesson is given, by the clocks of `school`.
#[must_use]
pub fn span(given: &Given, school: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    let at = |minute: u16| zone::instant(school, given.day.and_time(NaiveTime::MIN) + Duration::minutes(minute.into()));
    (at(given.start_minute), at(given.end_minute))
}

/// A lesson on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GivenLesson {
    /// The lesson.
    entry_id: TimetableEntryId,
    /// The day.
    day: NaiveDate,
    /// When it begins.
    starts_at: DateTime<Utc>,
    /// When it is over.
    ends_at: DateTime<Utc>,
    /// The class.
    class_id: ClassId,
    /// The subject.
    subject_id: Option<SubjectId>,
    /// The number of its period.
    period: Option<u8>,
    /// Where.
    room_id: Option<RoomId>,
    /// Who gives it that day: whoever stands in, if somebody does.
    teacher_id: Option<TeacherId>,
    /// Who is stood in for.
    absent_teacher_id: Option<TeacherId>,
    /// What to know about it.
    note: Option<String>,
    /// Whether it is given as usual, was moved to where this says that it is, or is called off: then it is not given.
    state: State,
    /// Why it was called off or moved.
    reason: Option<String>,
}

impl GivenLesson {
    /// The lesson by the clocks of `school`.
    #[must_use]
    pub fn of(given: Given, school: Tz) -> Self {
        let ((starts_at, ends_at), teacher_id) = (span(&given, school), given.given_by());
        let absent_teacher_id = given.teacher_id.filter(|_| given.cover_id.is_some());
        let Given { entry_id, day, class_id, subject_id, period, room_id, note, reason, .. } = given;
        let state = given.state.into();
        Self {
            entry_id,
            day,
            starts_at,
            ends_at,
            class_id,
            subject_id,
            period,
            room_id,
            teacher_id,
            absent_teacher_id,
            note,
            state,
            reason,
        }
    }
}

/// The holidays among `events`, by which some class has no lessons.
#[must_use]
pub fn holidays(events: &[Event]) -> Vec<&Event> {
    let counts = |event: &&Event| event.kind == Kind::Holiday && event.status == Status::Confirmed && event.master_event_id.is_none();
    events.iter().filter(counts).collect()
}

/// Whether one of `holidays` is on `day` and for the students of `class`; of no class in particular, for everybody's.
#[must_use]
pub fn is_holiday(holidays: &[&Event], day: NaiveDate, class: Option<ClassId>) -> bool {
    let covers = |event: &Event| event.start_date.is_some_and(|from| from <= day) && event.end_date.is_some_and(|to| day <= to);
    let concerns = |audience: &Audience| {
        let students = audience.roles.as_ref().is_none_or(|roles| roles.contains(&Role::Student));
        students && audience.class_ids.as_ref().is_none_or(|classes| class.is_some_and(|class| classes.contains(&class)))
    };
    holidays.iter().any(|event| covers(event) && concerns(&event.audience))
}

/// The lessons of days on which their class has no holiday by one of `events`.
#[must_use]
pub fn without_holidays(given: Vec<Given>, events: &[Event]) -> Vec<Given> {
    let off = holidays(events);
    given.into_iter().filter(|lesson| !is_holiday(&off, lesson.day, Some(lesson.class_id))).collect()
}

#[cfg(test)]
mod tests {
    use domain::{CalendarEventId, SchoolId, UserId};

    use super::*;
    use crate::model::schedule::{Schedule, Time};

    fn holiday(audience: Audience) -> Event {
        let day = |text: &str| text.parse().unwrap();
        let days = Time::AllDay { from: day("2026-11-23"), to: day("2026-11-24") };
        let of = (Kind::Holiday, Status::Confirmed);
        let event = Event::fresh(CalendarEventId::generate(), SchoolId::generate(), of, UserId::generate(), DateTime::UNIX_EPOCH);
        Event { audience, ..event.scheduled(Schedule::plan(days, None, Vec::new()).unwrap()) }
    }

    #[test]
    fn a_holiday_is_for_the_classes_and_roles_that_it_names() {
        let (seven, eight) = (ClassId::generate(), ClassId::generate());
        let off = |audience: Audience, day: &str, class| is_holiday(&holidays(&[holiday(audience)]), day.parse().unwrap(), class);
        assert!(off(Audience::EVERYBODY, "2026-11-24", Some(seven)) && off(Audience::EVERYBODY, "2026-11-23", None));
        assert!(!off(Audience::EVERYBODY, "2026-11-25", Some(seven)));
        let of_seven = Audience { class_ids: Some(vec![seven]), ..Audience::default() };
        assert!(off(of_seven.clone(), "2026-11-24", Some(seven)) && !off(of_seven.clone(), "2026-11-24", Some(eight)));
        assert!(!off(of_seven, "2026-11-24", None), "the other classes have school");
        let of_teachers = Audience { roles: Some(vec![Role::Teacher]), ..Audience::default() };
        assert!(!off(of_teachers, "2026-11-24", Some(seven)));
        let perhaps = Event { status: Status::Tentative, ..holiday(Audience::EVERYBODY) };
        assert!(holidays(&[perhaps]).is_empty());
    }

    #[test]
    fn a_lesson_keeps_its_minutes_when_clocks_change_and_tells_who_stands_in() {
        let (teacher, other) = (TeacherId::generate(), TeacherId::generate());
        let given = |day: &str| Given {
            entry_id: TimetableEntryId::generate(),
            day: day.parse().unwrap(),
            start_minute: 540,
            end_minute: 585,
            class_id: ClassId::generate(),
            subject_id: None,
            period: Some(1),
            room_id: None,
            teacher_id: Some(teacher),
            cover_id: Some(TimetableEntryId::generate()),
            cover_teacher_id: Some(other),
            note: None,
            state: directory::timetable::State::AsUsual,
            reason: None,
        };
        let shown = |day: &str| GivenLesson::of(given(day), chrono_tz::Europe::London);
        assert_eq!(shown("2026-10-23").starts_at.to_rfc3339(), "2026-10-23T08:00:00+00:00");
        assert_eq!(shown("2026-10-26").starts_at.to_rfc3339(), "2026-10-26T09:00:00+00:00");
        assert_eq!((shown("2026-10-26").teacher_id, shown("2026-10-26").absent_teacher_id), (Some(other), Some(teacher)));
    }
}
