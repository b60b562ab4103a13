//! The table `appointment_bookings`.

use domain::{AppointmentBookingId, AppointmentSlotId, SchoolId, StudentId, TeacherId, Timestamp};
use records::Rule;
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;

use super::{plain, uuids};
use crate::model::slot::{Booking, BookingStatus, Slot};

/// What the constraints mean.
pub(crate) const RULES: &[Rule] = &[
    Rule::overlap("appointment_bookings_one_a_seat", "/slot_id", "somebody else was quicker"),
    Rule::overlap("appointment_bookings_student_free", "/student_id", "the student has an appointment at this time"),
    Rule::overlap("appointment_bookings_parent_free", "/slot_id", "you have an appointment with somebody else at this time"),
    Rule::overlap("appointment_bookings_one_a_series", "/slot_id", "the student has another of these times"),
    Rule::overlap("appointment_bookings_capacity", "/slot_id", "all seats are taken"),
    Rule::overlap("appointment_bookings_slot", "/slot_id", "the slot was changed meanwhile"),
];

/// Which bookings a list holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct BookingFilter {
    pub(crate) slot: Option<AppointmentSlotId>,
    /// Of these students, none means of all.
    pub(crate) students: Option<Vec<StudentId>>,
    /// With this teacher.
    pub(crate) teacher: Option<TeacherId>,
    /// That are not over by then.
    pub(crate) from: Option<Timestamp>,
    /// After this row, in the order of the list.
    pub(crate) after: Option<(Timestamp, Uuid)>,
}

/// The bookings that `filter` asks for, by time; those that were given up are not among them.
pub(crate) async fn list_bookings(
    connection: &mut PgConnection,
    school: SchoolId,
    filter: &BookingFilter,
    limit: u64,
) -> Result<Vec<Booking>, StoreError> {
    let (time, id) = filter.after.unzip();
    let query = "SELECT to_jsonb(b) FROM appointment_bookings b WHERE school_id = $1 AND status = 'booked' AND slot_id = coalesce($2, slot_id)
        AND ($3::uuid[] IS NULL OR student_id = ANY ($3))
        AND ($4::uuid IS NULL OR EXISTS (SELECT FROM appointment_slots s WHERE s.school_id = b.school_id AND s.id = b.slot_id AND s.teacher_id = $4))
        AND ends_at > coalesce($5, '-infinity') AND ($6::timestamptz IS NULL OR (starts_at, id) > ($6, $7)) ORDER BY starts_at, id LIMIT $8";
    let query = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(filter.slot.map(AppointmentSlotId::as_uuid))
        .bind(filter.students.as_deref().map(uuids))
        .bind(filter.teacher.map(TeacherId::as_uuid))
        .bind(filter.from)
        .bind(time)
        .bind(id)
        .bind(limit.cast_signed());
    Ok(plain(query.fetch_all(connection).await?))
}

/// The bookings of a slot that stand.
pub(crate) async fn bookings_of_slot(
    connection: &mut PgConnection,
    school: SchoolId,
    slot: AppointmentSlotId,
) -> Result<Vec<Booking>, StoreError> {
    let query = "SELECT to_jsonb(b) FROM appointment_bookings b WHERE school_id = $1 AND slot_id = $2 AND status = 'booked' ORDER BY seat";
    Ok(plain(sqlx::query_scalar(query).bind(school.as_uuid()).bind(slot.as_uuid()).fetch_all(connection).await?))
}

/// The seats of a slot that are taken.
pub(crate) async fn taken_seats(connection: &mut PgConnection, school: SchoolId, slot: AppointmentSlotId) -> Result<Vec<i32>, StoreError> {
    let query = sqlx::query_scalar("SELECT seat FROM appointment_bookings WHERE school_id = $1 AND slot_id = $2 AND status = 'booked'");
    Ok(query.bind(school.as_uuid()).bind(slot.as_uuid()).fetch_all(connection).await?)
}

/// Adds a booking. Its slot, its student and the parent who comes are queued for by then.
pub(crate) async fn insert_booking(connection: &mut PgConnection, booking: &Booking) -> Result<(), StoreError> {
    let insert = sqlx::query("INSERT INTO appointment_bookings SELECT * FROM jsonb_populate_record(NULL::appointment_bookings, $1)")
        .bind(Json(booking));
    insert.execute(connection).await?;
    Ok(())
}

/// The booking, locked until the transaction ends.
pub(crate) async fn find_booking(
    connection: &mut PgConnection,
    school: SchoolId,
    id: AppointmentBookingId,
) -> Result<Option<Booking>, StoreError> {
    let query = sqlx::query_scalar("SELECT to_jsonb(b) FROM appointment_bookings b WHERE school_id = $1 AND id = $2 FOR NO KEY UPDATE");
    let row: Option<Json<Booking>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// Writes whether a booking stands.
pub(crate) async fn save_booking(connection: &mut PgConnection, booking: &Booking) -> Result<(), StoreError> {
    let status = if booking.status == BookingStatus::Booked { "booked" } else { "cancelled" };
    let update = sqlx::query("UPDATE appointment_bookings SET status = $3, version = $4, updated_at = $5 WHERE school_id = $1 AND id = $2");
    let update = update.bind(booking.school_id.as_uuid()).bind(booking.id.as_uuid());
    update.bind(status).bind(booking.version.get()).bind(booking.updated_at).execute(connection).await?;
    Ok(())
}

/// Gives up all bookings of a slot that is called off; those that were.
pub(crate) async fn cancel_bookings(
    connection: &mut PgConnection,
    school: SchoolId,
    slot: AppointmentSlotId,
    now: Timestamp,
) -> Result<Vec<Booking>, StoreError> {
    let update = "UPDATE appointment_bookings b SET status = 'cancelled', version = version + 1, updated_at = $3
        WHERE school_id = $1 AND slot_id = $2 AND status = 'booked' RETURNING to_jsonb(b)";
    Ok(plain(sqlx::query_scalar(update).bind(school.as_uuid()).bind(slot.as_uuid()).bind(now).fetch_all(connection).await?))
}

/// The bookings of some students, or with a teacher, that begin at `from` or later, with their slots; those that were given up are among them.
pub(crate) async fn bookings_with_slots(
    connection: &mut PgConnection,
    school: SchoolId,
    students: &[StudentId],
    teacher: Option<TeacherId>,
    from: Timestamp,
) -> Result<Vec<(Booking, Slot)>, StoreError> {
    // Either half has an index of its own; what is in both is there once.
    let query = "
        WITH own AS (
            SELECT id FROM appointment_bookings WHERE school_id = $1 AND student_id = ANY ($2) AND starts_at >= $4
            UNION SELECT b.id FROM appointment_slots s JOIN appointment_bookings b ON b.school_id = $1 AND b.slot_id = s.id
            WHERE s.school_id = $1 AND s.teacher_id = $3 AND s.starts_at >= $4)
        SELECT to_jsonb(b), to_jsonb(s) FROM own
        JOIN appointment_bookings b ON b.school_id = $1 AND b.id = own.id
        JOIN appointment_slots s ON s.school_id = $1 AND s.id = b.slot_id
        ORDER BY b.starts_at, b.id LIMIT 5000";
    let query = sqlx::query_as::<_, (Json<Booking>, Json<Slot>)>(query);
    let query = query.bind(school.as_uuid()).bind(uuids(students)).bind(teacher.map(TeacherId::as_uuid)).bind(from);
    Ok(query.fetch_all(connection).await?.into_iter().map(|(Json(booking), Json(slot))| (booking, slot)).collect())
}
