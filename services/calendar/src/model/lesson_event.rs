//! A lesson on a day as an event of a feed. Its name is of the lesson and the day, so that other calendars know it again when it is covered, moved by the day's
//! bell, or called off.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use domain::{ClassId, RoomId, SchoolId, TimetableEntryId, UserId};
use serde::Deserialize;
use uuid::Uuid;
use write_behind::natural_id;

use super::audience::Audience;
use super::event::{Details, Event, Kind, Status};
use super::given::{holidays, is_holiday};
use super::schedule::{Schedule, Time};
use super::zone;

/// A lesson on a day, as one who has it on their timetable sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LessonEvent {
    /// The lesson.
    pub entry_id: TimetableEntryId,
    /// The day.
    pub day: NaiveDate,
    /// When it begins, in minutes since midnight.
    pub start_minute: u16,
    /// When it is over.
    pub end_minute: u16,
    /// The class.
    pub class_id: ClassId,
    /// The subject and the class.
    pub title: String,
    /// Where.
    pub room_id: Option<RoomId>,
    /// Why it was called off or moved, and what to know about it.
    pub note: Option<String>,
    /// Whether it is theirs that day; holidays are not looked at.
    pub is_given: bool,
    /// How often the lesson, its cover, the day, or the lesson on that day was changed.
    pub sequence: i32,
    /// When the lesson was put on the timetable.
    pub created_at: DateTime<Utc>,
    /// When any of it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl LessonEvent {
    /// As an event by the clocks of `school_zone`. `events` says on which days there is no school.
    #[must_use]
    pub fn event(self, school: SchoolId, school_zone: Tz, events: &[Event]) -> Event {
        let is_off = !self.is_given || is_holiday(&holidays(events), self.day, Some(self.class_id));
        let status = if is_off { Status::Cancelled } else { Status::Confirmed };
        // A holiday that comes or goes is another version of the lesson too.
        let about = |event: &&Event| {
            event.kind == Kind::Holiday
                && event.start_date.is_some_and(|from| from <= self.day)
                && event.end_date.is_some_and(|to| self.day <= to)
        };
        let days_off: Vec<&Event> = events.iter().filter(about).collect();
        let changes: i32 = days_off.iter().map(|event| event.version.get()).sum();
        let updated_at = days_off.iter().map(|event| event.updated_at).fold(self.updated_at, Ord::max);
        let at = |minute: u16| zone::instant(school_zone, self.day.and_time(NaiveTime::MIN) + Duration::minutes(minute.into()));
        let time = Time::Timed { starts_at: at(self.start_minute), ends_at: at(self.end_minute), zone: school_zone };
        let id = natural_id("timetable_lesson_day", &[self.entry_id.as_uuid().as_bytes(), self.day.to_string().as_bytes()]);
        let by = UserId::from_uuid(Uuid::nil());
        let row = Event::fresh(id.into(), school, (Kind::Event, status), by, self.created_at);
        let row = Event { sequence: self.sequence.saturating_add(changes), updated_at, ..row };
        let details =
            Details { title: self.title, description: self.note, place: None, room_id: self.room_id, audience: Audience::EVERYBODY };
        row.described(details).scheduled(Schedule { time, rrule: None, exdates: Vec::new(), last_day: time.last_day() })
    }
}

#[cfg(test)]
mod tests {
    use domain::CalendarEventId;

    use super::*;

    #[test]
    fn a_lesson_on_a_day_keeps_its_name_and_is_called_off_by_a_holiday() {
        let lesson = LessonEvent {
            entry_id: TimetableEntryId::generate(),
            day: "2026-11-24".parse().unwrap(),
            start_minute: 540,
            end_minute: 585,
            class_id: ClassId::generate(),
            title: "Mathematics, 7A".to_owned(),
            room_id: None,
            note: None,
            is_given: true,
            sequence: 2,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        let (school, zone) = (SchoolId::generate(), chrono_tz::Europe::London);
        let before = lesson.clone().event(school, zone, &[]);
        assert_eq!((before.status, before.sequence, before.title.as_str()), (Status::Confirmed, 2, "Mathematics, 7A"));
        let days = Time::AllDay { from: lesson.day, to: lesson.day };
        let of = (Kind::Holiday, Status::Confirmed);
        let later = DateTime::UNIX_EPOCH + Duration::days(1);
        let off = Event::fresh(CalendarEventId::generate(), school, of, UserId::generate(), later);
        let off = off.scheduled(Schedule::plan(days, None, Vec::new()).unwrap());
        let after = lesson.clone().event(school, zone, std::slice::from_ref(&off));
        assert_eq!((after.status, after.sequence, after.updated_at), (Status::Cancelled, 3, later));
        assert_eq!(after.uid, before.uid);
        // The holiday is called off in turn.
        let back = lesson.clone().event(school, zone, &[Event { status: Status::Cancelled, version: off.version.next(), ..off }]);
        assert_eq!((back.status, back.sequence), (Status::Confirmed, 4));
        assert_ne!(before.uid, LessonEvent { day: "2026-12-01".parse().unwrap(), ..lesson }.event(school, zone, &[]).uid);
    }
}
