//! What the calendar tells the other services. The data of each event holds ids and what a listener needs to decide whether it cares: no titles, no words.

use chrono::NaiveDate;
use domain::{AppointmentSlotId, CalendarEventId, ClassId, EventEnvelope, EventKind, StudentId, TeacherId, Timestamp, TimetableEntryId};
use serde::Serialize;
use service_kit::{Caller, Problem};
use store::SchoolTransaction;

use crate::model::audience::Audience;
use crate::model::event::{Event, Kind, Status};
use crate::model::lesson::Lesson;
use crate::model::slot::Booking;

#[derive(Serialize)]
struct AboutEvent<'e> {
    event_id: CalendarEventId,
    recurrence_id: Option<&'e str>,
    kind: Kind,
    start_date: Option<NaiveDate>,
    starts_at: Option<Timestamp>,
    audience: &'e Audience,
}

#[derive(Serialize)]
struct AboutCover {
    covers_entry_id: Option<TimetableEntryId>,
    class_id: ClassId,
    teacher_id: Option<TeacherId>,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
}

#[derive(Serialize)]
struct AboutBooking {
    slot_id: AppointmentSlotId,
    student_id: StudentId,
    starts_at: Timestamp,
}

/// `calendar:changed`, or `calendar:cancelled` if `row` does not take place. `series` is the event, or the series of which `row` is an occurrence.
pub(crate) fn about_event(caller: &Caller, series: &Event, row: &Event, now: Timestamp) -> Result<EventEnvelope, Problem> {
    let kind = if row.status == Status::Cancelled { EventKind::CalendarCancelled } else { EventKind::CalendarChanged };
    let data = AboutEvent {
        event_id: series.id,
        recurrence_id: row.recurrence_id.as_deref(),
        kind: series.kind,
        start_date: row.start_date,
        starts_at: row.starts_at,
        audience: &series.audience,
    };
    Ok(::events::envelope(kind, series.school_id, Some(caller.actor()), row.id.as_uuid(), now, &data)?)
}

/// `timetable:covered`.
pub(crate) fn covered(caller: &Caller, cover: &Lesson, now: Timestamp) -> Result<EventEnvelope, Problem> {
    let data = AboutCover {
        covers_entry_id: cover.covers_entry_id,
        class_id: cover.class_id,
        teacher_id: cover.teacher_id,
        valid_from: cover.valid_from,
        valid_to: cover.valid_to,
    };
    Ok(::events::envelope(EventKind::TimetableCovered, cover.school_id, Some(caller.actor()), cover.id.as_uuid(), now, &data)?)
}

/// `appointment:booked` or `appointment:cancelled`.
pub(crate) fn about_booking(kind: EventKind, caller: &Caller, booking: &Booking, now: Timestamp) -> Result<EventEnvelope, Problem> {
    let data = AboutBooking { slot_id: booking.slot_id, student_id: booking.student_id, starts_at: booking.starts_at };
    Ok(::events::envelope(kind, booking.school_id, Some(caller.actor()), booking.id.as_uuid(), now, &data)?)
}

/// Has `event` told once `transaction` is committed.
pub(crate) async fn tell(transaction: &SchoolTransaction, event: &EventEnvelope) -> Result<(), Problem> {
    ::events::outbox::enqueue(transaction, event).await.map_err(Problem::internal)
}
