//! What is in the way of what: two things at once in one room, or with one teacher. The timetable's own lessons never are, their constraints see to that;
//! events, lessons, bookings and appointments may be in each other's way.

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use domain::{RoomId, TeacherId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::lesson::Lesson;
use super::month::Window;
use super::zone;

/// What kind of thing takes up a room or a teacher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// An event of the calendar.
    Event,
    /// A lesson, or its cover.
    Lesson,
    /// A booking of the room.
    RoomBooking,
    /// An exam's or a meeting's time.
    Appointment,
}

/// Something that takes up a room, a teacher, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Taken {
    /// What it is.
    pub what: What,
    /// Its id.
    pub id: Uuid,
    /// From when.
    pub starts_at: DateTime<Utc>,
    /// Until when.
    pub ends_at: DateTime<Utc>,
    /// The room.
    pub room_id: Option<RoomId>,
    /// The teacher.
    pub teacher_id: Option<TeacherId>,
}

/// What two things can't share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shared {
    /// The room.
    Room,
    /// The teacher.
    Teacher,
}

/// Two things in each other's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Conflict {
    /// What they can't share.
    pub shared: Shared,
    /// The one that begins first.
    pub first: Taken,
    /// The other.
    pub second: Taken,
}

/// Every pair of `taken` that is in each other's way, in order of time.
#[must_use]
pub fn conflicts(mut taken: Vec<Taken>) -> Vec<Conflict> {
    taken.sort_by_key(|one| (one.starts_at, one.what, one.id));
    let mut found = Vec::new();
    for (index, first) in taken.iter().enumerate() {
        for second in taken.iter().skip(index + 1).take_while(|second| second.starts_at < first.ends_at) {
            let mut note = |shared| found.push(Conflict { shared, first: first.clone(), second: second.clone() });
            if first.room_id.is_some() && first.room_id == second.room_id {
                note(Shared::Room);
            }
            if first.teacher_id.is_some() && first.teacher_id == second.teacher_id {
                note(Shared::Teacher);
            }
        }
    }
    found
}

/// What the lessons take up within `window`: on each of their days, with whoever stands in instead of who is stood in for.
#[must_use]
pub fn lessons(lessons: &[Lesson], window: &Window, school_zone: Tz) -> Vec<Taken> {
    let mut taken = Vec::new();
    for day in window.from.iter_days().take_while(|day| *day <= window.to) {
        let on_day = |lesson: &&Lesson| lesson.is_on(day);
        for lesson in lessons.iter().filter(|lesson| lesson.covers_entry_id.is_none()).filter(on_day) {
            let cover = lessons.iter().filter(on_day).find(|cover| cover.covers_entry_id == Some(lesson.id));
            let at = |minute: u16| {
                let midnight = day.and_time(chrono::NaiveTime::MIN);
                zone::instant(school_zone, midnight + Duration::minutes(minute.into()))
            };
            taken.push(Taken {
                what: What::Lesson,
                id: lesson.id.as_uuid(),
                starts_at: at(lesson.start_minute),
                ends_at: at(lesson.end_minute),
                room_id: lesson.room_id,
                teacher_id: cover.map_or(lesson.teacher_id, |cover| cover.teacher_id),
            });
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(from: i64, to: i64, room: Option<RoomId>, teacher: Option<TeacherId>) -> Taken {
        let at = |minute| DateTime::UNIX_EPOCH + Duration::minutes(minute);
        Taken { what: What::Event, id: Uuid::now_v7(), starts_at: at(from), ends_at: at(to), room_id: room, teacher_id: teacher }
    }

    #[test]
    fn one_room_holds_one_thing_at_a_time() {
        let (hall, library) = (RoomId::generate(), RoomId::generate());
        let all = vec![
            taken(0, 60, Some(hall), None),
            taken(30, 90, Some(hall), None),
            taken(30, 90, Some(library), None),
            taken(90, 95, Some(hall), None),
        ];
        let found = conflicts(all);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].shared, found[0].second.starts_at), (Shared::Room, DateTime::UNIX_EPOCH + Duration::minutes(30)));
    }

    #[test]
    fn what_has_neither_room_nor_teacher_is_in_nobodys_way() {
        assert_eq!(conflicts(vec![taken(0, 60, None, None), taken(0, 60, None, None)]), []);
        let teacher = TeacherId::generate();
        assert_eq!(conflicts(vec![taken(0, 60, None, Some(teacher)), taken(59, 60, None, Some(teacher))]).len(), 1);
    }
}
