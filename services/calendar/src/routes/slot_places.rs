//! Whether a slot's room and its teacher are free: what the slot's own constraints can't see.

use chrono::{DateTime, Duration, Utc};
use directory::timetable::{GivenFilter, lessons_given};
use domain::{Fault, RoomId};
use service_kit::{Kind as ProblemKind, Problem, permits};
use sqlx::PgConnection;
use store::SchoolTransaction;

use super::Records;
use crate::model::event::Event;
use crate::model::given::{span, without_holidays};
use crate::model::slot::Slot;
use crate::store::{events_between, list_room_bookings, lock_room, room_is_taken};

/// What may keep lessons from being given about these times. Asked for before anything is held: over a connection of its own.
pub(super) async fn holidays_about(desk: &Records<permits::CalendarWrite>, times: &[DateTime<Utc>]) -> Result<Vec<Event>, Problem> {
    let (Some(from), Some(to)) = (times.iter().min(), times.iter().max()) else { return Ok(Vec::new()) };
    // So much can't be offered at once, and is refused for that.
    if *to - *from > Duration::days(800) {
        return Ok(Vec::new());
    }
    let grace = Duration::days(2);
    events_between(desk.platform(), desk.caller().school_id, (*from - grace).date_naive(), (*to + grace).date_naive()).await
}

/// Refuses slots at times at which their teacher gives a lesson, or stands in.
pub(super) async fn gives_no_lesson(
    transaction: &mut SchoolTransaction,
    slots: &[Slot],
    holidays: &[Event],
    zone: chrono_tz::Tz,
) -> Result<(), Problem> {
    let (Some(first), Some(last)) = (slots.first(), slots.last()) else { return Ok(()) };
    let Some(teacher) = first.teacher_id else { return Ok(()) };
    let days = (first.starts_at.with_timezone(&zone).date_naive(), last.ends_at.with_timezone(&zone).date_naive());
    let filter = GivenFilter { teacher: Some(teacher), ..GivenFilter::default() };
    let lessons = without_holidays(lessons_given(transaction, days, &filter).await?, holidays);
    let busy: Vec<_> = lessons.iter().filter(|lesson| lesson.given_by() == Some(teacher)).map(|lesson| span(lesson, zone)).collect();
    if slots.iter().any(|slot| busy.iter().any(|(from, to)| *from < slot.ends_at && *to > slot.starts_at)) {
        let fault = Fault::new("/teacher_id", "the teacher gives a lesson at this time");
        return Err(Problem::conflict(ProblemKind::Conflict, "The teacher gives a lesson at this time.").with_faults(vec![fault]));
    }
    Ok(())
}

/// Where and when a slot is.
pub(super) fn place(slot: &Slot) -> (Option<RoomId>, DateTime<Utc>, DateTime<Utc>) {
    (slot.room_id, slot.starts_at, slot.ends_at)
}

/// Holds the slot's room until the transaction ends, and refuses it if it is too small, or if a lesson or a booking is in it: what the slot's own constraint can't
/// see. `before` is the slot as it was, if its room and time are not new.
pub(super) async fn take_room(
    connection: &mut PgConnection,
    slot: &Slot,
    before: Option<&Slot>,
    zone: chrono_tz::Tz,
) -> Result<(), Problem> {
    let is_as_before = |before: &Slot| place(before) == place(slot) && slot.capacity <= before.capacity;
    let Some(id) = slot.room_id.filter(|_| !before.is_some_and(is_as_before)) else { return Ok(()) };
    let room = lock_room(connection, slot.school_id, id).await?.filter(|room| room.is_active);
    let room = room.ok_or_else(|| Problem::invalid(vec![Fault::new("/room_id", "there is no such room in use")]))?;
    if let Some(most) = room.capacity.filter(|most| slot.capacity > *most) {
        return Err(Problem::invalid(vec![Fault::new("/capacity", format!("the room holds {most}"))]));
    }
    let times = (slot.starts_at, slot.ends_at);
    let taken = room_is_taken(connection, slot.school_id, id, zone, times, Some(slot.id)).await?;
    if taken || !list_room_bookings(connection, slot.school_id, Some(id), times).await?.is_empty() {
        let fault = Fault::new("/room_id", "something else is in the room at this time");
        return Err(Problem::conflict(ProblemKind::Conflict, "Something else is in the room at this time.").with_faults(vec![fault]));
    }
    Ok(())
}
