//! How the calendar reaches its tables and comes back. Events are buffered; rooms, the timetable, bookings and feeds commit in PostgreSQL before the answer.

mod actions;
mod bells;
mod bookings;
mod events;
mod feeds;
mod refs;
mod rooms;
mod school;
mod slots;
mod timetable;

use domain::{SchoolId, ServiceName};
use serde::de::DeserializeOwned;
use service_kit::Platform;
use sqlx::PgConnection;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};

pub(crate) use actions::actions;
pub(crate) use bells::{
    RULES as BELL_RULES, TimetableDay, days_between, delete_bell, find_bell, first_clash, hold_timetable, list_bells, lock_bell, save_bell,
    save_days,
};
pub(crate) use bookings::{
    BookingFilter, RULES as BOOKING_RULES, bookings_with_slots, cancel_bookings, find_booking, insert_booking, list_bookings, save_booking,
    taken_seats,
};
pub(crate) use events::{by_uid, called_off_by_themselves, events_between, find_event, look_for_event, sequence};
pub(crate) use feeds::{Feed, Scope, create_feed, feed_of_token, feeds_of, name_of_room, revoke_feed, touch_feed};
pub(crate) use refs::{classes_missing, room_missing, users_missing};
pub(crate) use rooms::{
    BOOKING_RULES as ROOM_BOOKING_RULES, BookingState, Room, RoomBooking, find_room, find_room_booking, insert_room, insert_room_booking,
    list_room_bookings, list_rooms, lock_room, room_is_taken, room_names, save_room, save_room_booking,
};
pub(crate) use school::{Term, terms_between, zone_of};
pub(crate) use slots::{RULES as SLOT_RULES, SlotFilter, find_slot, insert_slots, list_slots, lock_slot, save_slot};
pub(crate) use timetable::{
    GivenFilter, LessonFilter, RULES as LESSON_RULES, find_lesson, given_between, has_stray_cover, hold_lesson, insert_lesson,
    is_given_between, list_lessons, lock_lesson, room_is_booked, save_lesson,
};

/// A transaction that only reads.
async fn reading(platform: &Platform, school: SchoolId) -> Result<SchoolTransaction, StoreError> {
    platform.postgres(ServiceName::Calendar).school_read(school).await
}

/// Waits until nobody else in the school writes what `what` names, until the transaction ends. Of two rows that exclude each other and are written at once
/// PostgreSQL would otherwise end one transaction as a deadlock, rather than name the constraint.
async fn queue_up(connection: &mut PgConnection, school: SchoolId, what: &str) -> Result<(), StoreError> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))").bind(format!("calendar:{what}:{school}"));
    lock.execute(connection).await?;
    Ok(())
}

/// Rows that came as JSON.
fn plain<T: DeserializeOwned>(rows: Vec<Json<T>>) -> Vec<T> {
    rows.into_iter().map(|Json(row)| row).collect()
}

/// Ids as PostgreSQL takes them.
fn uuids<T: Copy + Into<uuid::Uuid>>(ids: &[T]) -> Vec<uuid::Uuid> {
    ids.iter().map(|id| (*id).into()).collect()
}
