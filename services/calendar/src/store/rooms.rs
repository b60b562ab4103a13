//! The tables `rooms` and `room_bookings`. Whoever takes a room for certain holds its row meanwhile, so that lessons, bookings and appointments, which are
//! in tables of their own, are seen by one another.

use std::collections::HashMap;

use chrono_tz::Tz;
use domain::{AppointmentSlotId, RoomBookingId, RoomId, SchoolId, Timestamp, UserId, Version};
use records::Rule;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use utoipa::ToSchema;
use uuid::Uuid;

use super::plain;

/// What the booking's constraints mean.
pub(crate) const BOOKING_RULES: &[Rule] = &[Rule::overlap("room_bookings_room_free", "/room_id", "the room is booked at this time")];

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// The school.
    pub school_id: SchoolId,
    /// What it is called.
    pub name: String,
    /// How many it holds.
    pub capacity: Option<i32>,
    /// Whether it is in use.
    pub is_active: bool,
    /// Its version.
    pub version: Version,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Whether a booking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BookingState {
    /// It does.
    Booked,
    /// It was given up.
    Cancelled,
}

/// A booking of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomBooking {
    /// Its id.
    pub id: RoomBookingId,
    /// The school.
    pub school_id: SchoolId,
    /// The room.
    pub room_id: RoomId,
    /// What for.
    pub purpose: String,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Who booked.
    pub booked_by: UserId,
    /// Whether it stands.
    pub status: BookingState,
    /// Its version.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The rooms after `after`, by name.
pub(crate) async fn list_rooms(
    connection: &mut PgConnection,
    school: SchoolId,
    is_active: Option<bool>,
    after: Option<(String, Uuid)>,
    limit: u64,
) -> Result<Vec<Room>, StoreError> {
    let (name, id) = after.unzip();
    let query = "SELECT to_jsonb(r) FROM rooms r WHERE school_id = $1 AND is_active = coalesce($2, is_active) AND ($3::text IS NULL OR (name, id) > ($3, $4))
        ORDER BY name, id LIMIT $5";
    let query = sqlx::query_scalar(query).bind(school.as_uuid()).bind(is_active).bind(name).bind(id).bind(limit.cast_signed());
    Ok(plain(query.fetch_all(connection).await?))
}

/// The room.
pub(crate) async fn find_room(connection: &mut PgConnection, school: SchoolId, id: RoomId) -> Result<Option<Room>, StoreError> {
    let query =
        sqlx::query_scalar("SELECT to_jsonb(r) FROM rooms r WHERE school_id = $1 AND id = $2").bind(school.as_uuid()).bind(id.as_uuid());
    let row: Option<Json<Room>> = query.fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// The room, which nobody else takes or changes until the transaction ends.
pub(crate) async fn lock_room(connection: &mut PgConnection, school: SchoolId, id: RoomId) -> Result<Option<Room>, StoreError> {
    let query = sqlx::query_scalar("SELECT to_jsonb(r) FROM rooms r WHERE school_id = $1 AND id = $2 FOR NO KEY UPDATE");
    let row: Option<Json<Room>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// Adds a room.
pub(crate) async fn insert_room(connection: &mut PgConnection, room: &Room) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO rooms SELECT * FROM jsonb_populate_record(NULL::rooms, $1)").bind(Json(room)).execute(connection).await?;
    Ok(())
}

/// Writes a room that [`lock_room`] holds.
pub(crate) async fn save_room(connection: &mut PgConnection, room: &Room) -> Result<(), StoreError> {
    let update =
        "UPDATE rooms SET name = $3, capacity = $4, is_active = $5, version = $6, updated_at = $7 WHERE school_id = $1 AND id = $2";
    let update = sqlx::query(update).bind(room.school_id.as_uuid()).bind(room.id.as_uuid());
    let update = update.bind(&room.name).bind(room.capacity).bind(room.is_active).bind(room.version.get()).bind(room.updated_at);
    update.execute(connection).await?;
    Ok(())
}

/// What the school's rooms are called.
pub(crate) async fn room_names(connection: &mut PgConnection, school: SchoolId) -> Result<HashMap<RoomId, String>, StoreError> {
    let query = sqlx::query_as::<_, (Uuid, String)>("SELECT id, name FROM rooms WHERE school_id = $1").bind(school.as_uuid());
    Ok(query.fetch_all(connection).await?.into_iter().map(|(id, name)| (RoomId::from_uuid(id), name)).collect())
}

/// Whether a lesson, or an appointment other than `except`, is in the room at this time: what the booking's own constraint can't see. Lessons count by the
/// school's clocks.
pub(crate) async fn room_is_taken(
    connection: &mut PgConnection,
    school: SchoolId,
    room: RoomId,
    zone: Tz,
    (starts_at, ends_at): (Timestamp, Timestamp),
    except: Option<AppointmentSlotId>,
) -> Result<bool, StoreError> {
    let query = "
        SELECT EXISTS (
            SELECT FROM timetable_lessons($1, ($3::timestamptz AT TIME ZONE $5)::date, ($4::timestamptz AT TIME ZONE $5)::date) g
            WHERE g.room_id = $2 AND g.state <> 'cancelled' AND (g.on_day + make_interval(mins => g.starts)) AT TIME ZONE $5 < $4
                AND (g.on_day + make_interval(mins => g.ends)) AT TIME ZONE $5 > $3)
        OR EXISTS (
            SELECT FROM appointment_slots s
            WHERE s.school_id = $1 AND s.room_id = $2 AND s.status = 'open' AND s.starts_at < $4 AND s.ends_at > $3
                AND s.starts_at > $3 - interval '25 hours' AND s.id IS DISTINCT FROM $6)";
    let query = sqlx::query_scalar(query).bind(school.as_uuid()).bind(room.as_uuid()).bind(starts_at).bind(ends_at).bind(zone.name());
    Ok(query.bind(except.map(AppointmentSlotId::as_uuid)).fetch_one(connection).await?)
}

/// Adds a booking.
pub(crate) async fn insert_room_booking(connection: &mut PgConnection, booking: &RoomBooking) -> Result<(), StoreError> {
    let insert = sqlx::query("INSERT INTO room_bookings SELECT * FROM jsonb_populate_record(NULL::room_bookings, $1)").bind(Json(booking));
    insert.execute(connection).await?;
    Ok(())
}

/// The booking, locked until the transaction ends.
pub(crate) async fn find_room_booking(
    connection: &mut PgConnection,
    school: SchoolId,
    id: RoomBookingId,
) -> Result<Option<RoomBooking>, StoreError> {
    let query = sqlx::query_scalar("SELECT to_jsonb(b) FROM room_bookings b WHERE school_id = $1 AND id = $2 FOR NO KEY UPDATE");
    let row: Option<Json<RoomBooking>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// Writes whether a booking stands.
pub(crate) async fn save_room_booking(connection: &mut PgConnection, booking: &RoomBooking) -> Result<(), StoreError> {
    let status = match booking.status {
        BookingState::Booked => "booked",
        BookingState::Cancelled => "cancelled",
    };
    let update = sqlx::query("UPDATE room_bookings SET status = $3, version = $4, updated_at = $5 WHERE school_id = $1 AND id = $2");
    let update = update.bind(booking.school_id.as_uuid()).bind(booking.id.as_uuid());
    update.bind(status).bind(booking.version.get()).bind(booking.updated_at).execute(connection).await?;
    Ok(())
}

/// The bookings that stand between two instants, in order of time: of one room, or of all.
pub(crate) async fn list_room_bookings(
    connection: &mut PgConnection,
    school: SchoolId,
    room: Option<RoomId>,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<RoomBooking>, StoreError> {
    // None is longer than a day, which the table sees to: so an index by the beginning finds what is not over yet.
    let query = "SELECT to_jsonb(b) FROM room_bookings b WHERE school_id = $1 AND status = 'booked' AND ($2::uuid IS NULL OR room_id = $2)
        AND starts_at > $3::timestamptz - interval '25 hours' AND starts_at < $4 AND ends_at > $3 ORDER BY starts_at, id";
    let query = sqlx::query_scalar(query).bind(school.as_uuid()).bind(room.map(RoomId::as_uuid)).bind(from).bind(to);
    Ok(plain(query.fetch_all(connection).await?))
}
