//! What the calendar tells the other services. The data of each event holds ids and what a listener needs to decide whether it cares: no titles, no words.

use chrono::NaiveDate;
use domain::{
    AppointmentSlotId, CalendarEventId, ClassId, EventEnvelope, EventKind, RoomId, StudentId, TeacherId, Timestamp, TimetableEntryId,
};
use serde::Serialize;
use service_kit::{Caller, Problem};
use store::SchoolTransaction;

use crate::model::audience::Audience;
use crate::model::event::{Event, Kind, Status};
use crate::model::lesson::{Lesson, Status as LessonStatus};
use crate::model::slot::Booking;
use crate::store::OnDay;

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
struct AboutLesson {
    class_id: ClassId,
    teacher_id: Option<TeacherId>,
    /// Whose lesson it was before, if that was somebody else.
    former_teacher_id: Option<TeacherId>,
    valid_from: NaiveDate,
    valid_to: Option<NaiveDate>,
    is_given: bool,
}

#[derive(Serialize)]
struct AboutLessonDay {
    class_id: ClassId,
    /// Whose lesson it is.
    teacher_id: Option<TeacherId>,
    /// Who gives it that day, or would.
    given_by: Option<TeacherId>,
    day: NaiveDate,
    start_minute: u16,
    end_minute: u16,
    period: Option<u8>,
    room_id: Option<RoomId>,
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

/// `timetable:covered`, or `timetable:uncovered` if the cover was taken off.
pub(crate) fn about_cover(caller: &Caller, cover: &Lesson, now: Timestamp) -> Result<EventEnvelope, Problem> {
    let kind = if cover.status == LessonStatus::Active { EventKind::TimetableCovered } else { EventKind::TimetableUncovered };
    let data = AboutCover {
        covers_entry_id: cover.covers_entry_id,
        class_id: cover.class_id,
        teacher_id: cover.teacher_id,
        valid_from: cover.valid_from,
        valid_to: cover.valid_to,
    };
    Ok(::events::envelope(kind, cover.school_id, Some(caller.actor()), cover.id.as_uuid(), now, &data)?)
}

/// `timetable:changed`: the lesson was put on, taken off, or was `before` and is now.
pub(crate) fn about_lesson(caller: &Caller, lesson: &Lesson, before: Option<&Lesson>, now: Timestamp) -> Result<EventEnvelope, Problem> {
    let data = AboutLesson {
        class_id: lesson.class_id,
        teacher_id: lesson.teacher_id,
        former_teacher_id: before.and_then(|before| before.teacher_id).filter(|teacher| Some(*teacher) != lesson.teacher_id),
        valid_from: lesson.valid_from,
        valid_to: lesson.valid_to,
        is_given: lesson.status == LessonStatus::Active,
    };
    Ok(::events::envelope(EventKind::TimetableChanged, lesson.school_id, Some(caller.actor()), lesson.id.as_uuid(), now, &data)?)
}

/// `timetable:cancelled`, `timetable:moved` or `timetable:restored`: `on_day` is the lesson as it is on that day now.
pub(crate) fn about_lesson_day(
    kind: EventKind,
    caller: &Caller,
    lesson: &Lesson,
    day: NaiveDate,
    on_day: &OnDay,
    now: Timestamp,
) -> Result<EventEnvelope, Problem> {
    let data = AboutLessonDay {
        class_id: lesson.class_id,
        teacher_id: lesson.teacher_id,
        given_by: on_day.teacher_id,
        day,
        start_minute: on_day.start_minute,
        end_minute: on_day.end_minute,
        period: on_day.period,
        room_id: on_day.room_id,
    };
    Ok(::events::envelope(kind, lesson.school_id, Some(caller.actor()), lesson.id.as_uuid(), now, &data)?)
}

/// `appointment:booked`, `appointment:cancelled` or `appointment:moved`.
pub(crate) fn about_booking(kind: EventKind, caller: &Caller, booking: &Booking, now: Timestamp) -> Result<EventEnvelope, Problem> {
    let data = AboutBooking { slot_id: booking.slot_id, student_id: booking.student_id, starts_at: booking.starts_at };
    Ok(::events::envelope(kind, booking.school_id, Some(caller.actor()), booking.id.as_uuid(), now, &data)?)
}

/// Has `event` told once `transaction` is committed.
pub(crate) async fn tell(transaction: &SchoolTransaction, event: &EventEnvelope) -> Result<(), Problem> {
    ::events::outbox::enqueue(transaction, event).await.map_err(Problem::internal)
}

/// Has all of `events` told, in their order, once `transaction` is committed.
pub(crate) async fn tell_all(transaction: &SchoolTransaction, events: &[EventEnvelope]) -> Result<(), Problem> {
    ::events::outbox::enqueue_all(transaction, events).await.map_err(Problem::internal)
}
