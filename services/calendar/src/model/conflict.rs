//! What is in the way of what: two things at once in one room, with one teacher, or for one class. The timetable's own lessons never are, their constraints see
//! to that; events, lessons, bookings and appointments may be in each other's way.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use directory::timetable::Given;
use domain::{ClassId, RoomId, TeacherId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::event::Kind;
use super::given::span;
use super::occurrence::Occurrence;

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
    /// The class: of a lesson, and of an exam.
    pub class_id: Option<ClassId>,
}

/// What two things can't share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shared {
    /// The room.
    Room,
    /// The teacher.
    Teacher,
    /// The class.
    Class,
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
            if first.class_id.is_some() && first.class_id == second.class_id {
                note(Shared::Class);
            }
        }
    }
    found
}

/// What an occurrence of an event takes up: its room, and its classes if it is an exam at a time. Once for each class.
#[must_use]
pub fn event(one: &Occurrence, school_zone: Tz) -> Vec<Taken> {
    let (starts_at, ends_at) = one.span(school_zone);
    let taken = |room_id, class_id| Taken {
        what: What::Event,
        id: one.event_id.as_uuid(),
        starts_at,
        ends_at,
        room_id,
        teacher_id: None,
        class_id,
    };
    let is_exam = one.kind == Kind::Exam && !one.is_all_day;
    let classes = one.audience.as_ref().and_then(|audience| audience.class_ids.as_ref()).filter(|_| is_exam);
    let of_room = one.room_id.map(|room| taken(Some(room), None));
    of_room.into_iter().chain(classes.into_iter().flatten().map(|class| taken(None, Some(*class)))).collect()
}

/// What lessons take up, with whoever stands in instead of who is stood in for.
#[must_use]
pub fn lessons(given: &[Given], school_zone: Tz) -> Vec<Taken> {
    let taken = |lesson: &Given| {
        let (starts_at, ends_at) = span(lesson, school_zone);
        let (id, room_id, teacher_id) = (lesson.entry_id.as_uuid(), lesson.room_id, lesson.given_by());
        Taken { what: What::Lesson, id, starts_at, ends_at, room_id, teacher_id, class_id: Some(lesson.class_id) }
    };
    given.iter().map(taken).collect()
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    fn taken(from: i64, to: i64, room: Option<RoomId>, teacher: Option<TeacherId>) -> Taken {
        let at = |minute| DateTime::UNIX_EPOCH + Duration::minutes(minute);
        Taken {
            what: What::Event,
            id: Uuid::now_v7(),
            starts_at: at(from),
            ends_at: at(to),
            room_id: room,
            teacher_id: teacher,
            class_id: None,
        }
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

    #[test]
    fn a_class_is_at_one_exam_at_a_time() {
        let (seven, eight) = (ClassId::generate(), ClassId::generate());
        let exam = |from, to, class| Taken { class_id: Some(class), ..taken(from, to, None, None) };
        let found = conflicts(vec![exam(0, 60, seven), exam(30, 90, eight), exam(59, 90, seven), exam(90, 120, seven)]);
        assert_eq!((found.len(), found[0].shared), (1, Shared::Class));
    }
}
