//! How the calendar reaches its tables and comes back. Events are buffered; rooms, the timetable, bookings and feeds commit in PostgreSQL before the answer.

mod actions;
mod bells;
mod bookings;
mod events;
mod feeds;
mod free;
mod lesson_days;
mod lesson_events;
mod refs;
mod rooms;
mod school;
mod slots;
mod timetable;

use domain::{AppointmentSlotId, SchoolId, ServiceName, StudentId, UserId};
use service_kit::Platform;
use sqlx::PgConnection;
use store::{SchoolTransaction, StoreError, plain, uuids};

pub(crate) use actions::actions;
pub(crate) use bells::{
    DAY_RULES, RULES as BELL_RULES, TimetableDay, days_between, delete_bell, find_bell, first_clash, hold_timetable, list_bells, lock_bell,
    save_bell, save_days,
};
pub(crate) use bookings::{
    BookingFilter, RULES as BOOKING_RULES, bookings_of_slot, bookings_with_slots, cancel_bookings, find_booking, insert_booking,
    list_bookings, save_booking, taken_seats,
};
pub(crate) use events::{by_uid, called_off_by_themselves, events_between, find_event, look_for_event, sequence};
pub(crate) use feeds::{Feed, Scope, create_feed, feed_of_token, feeds_of, name_of_room, revoke_feed, touch_feed};
pub(crate) use free::{FreeTeacher, free_rooms, free_teachers};
pub(crate) use lesson_days::{
    OnDay, RULES as LESSON_DAY_RULES, find_lesson_day, has_stray_move, hold_rooms_of, lesson_on_day, period_of_day, save_lesson_day,
    teacher_has_appointment,
};
pub(crate) use lesson_events::lesson_events;
pub(crate) use refs::{classes_missing, room_missing, users_missing};
pub(crate) use rooms::{
    BOOKING_RULES as ROOM_BOOKING_RULES, BookingState, Room, RoomBooking, find_room, find_room_booking, insert_room, insert_room_booking,
    list_room_bookings, list_rooms, lock_room, room_is_taken, room_names, save_room, save_room_booking,
};
pub(crate) use school::{Term, terms_between, zone_of};
pub(crate) use slots::{RULES as SLOT_RULES, SlotFilter, find_slot, insert_slots, list_slots, lock_slot, save_slot};
pub(crate) use timetable::{
    LessonFilter, RULES as LESSON_RULES, find_lesson, has_stray_cover, insert_lesson, is_given_between, list_lessons, room_is_booked,
    save_lesson,
};

/// A transaction that only reads.
async fn reading(platform: &Platform, school: SchoolId) -> Result<SchoolTransaction, StoreError> {
    platform.postgres(ServiceName::Calendar).school_read(school).await
}

/// Where writers of a school wait for one another. Of two rows that exclude each other and are written at once PostgreSQL would otherwise end one transaction as
/// a deadlock, rather than name the constraint. Whoever writes stands in its queues first, in the order of this list, then holds rooms, then rows: with one order
/// everywhere no two wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Queue {
    /// Lessons, cover, bells and days. The tables' triggers stand in it too, by the same name.
    Timetable,
    /// What is offered to be booked.
    Appointments,
    /// The bookings of one slot.
    Slot(AppointmentSlotId),
    /// The bookings for one student.
    Student(StudentId),
    /// The bookings to which one parent comes.
    Parent(UserId),
    /// The feeds of one user.
    Feeds(UserId),
}

impl Queue {
    fn name(self, school: SchoolId) -> String {
        match self {
            Self::Timetable => format!("calendar:timetable:{school}"),
            Self::Appointments => format!("calendar:appointments:{school}"),
            Self::Slot(slot) => format!("calendar:slot:{slot}:{school}"),
            Self::Student(student) => format!("calendar:bookings:{student}:{school}"),
            Self::Parent(user) => format!("calendar:parent:{user}:{school}"),
            Self::Feeds(user) => format!("calendar:feeds:{user}:{school}"),
        }
    }
}

/// Waits until nobody else in the school is in one of `queues`, and keeps them from it until the transaction ends.
pub(crate) async fn queue_up(connection: &mut PgConnection, school: SchoolId, queues: &[Queue]) -> Result<(), StoreError> {
    let mut queues = queues.to_vec();
    queues.sort_unstable();
    queues.dedup();
    for queue in queues {
        let lock = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))").bind(queue.name(school));
        lock.execute(&mut *connection).await?;
    }
    Ok(())
}
