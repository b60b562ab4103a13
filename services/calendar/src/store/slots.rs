//! The table `appointment_slots`.

use domain::{AppointmentSlotId, ClassId, SchoolId, TeacherId, Timestamp};
use records::Rule;
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;

use super::uuids;
use crate::model::slot::{Kind, Slot, Status};

/// What the constraints mean. Those of its bookings speak when a slot is changed under them.
pub(crate) const RULES: &[Rule] = &[
    Rule::overlap("appointment_slots_teacher_free", "/teacher_id", "the teacher has another appointment at this time"),
    Rule::overlap("appointment_slots_room_free", "/room_id", "another appointment is in the room at this time"),
    Rule::overlap("appointment_bookings_capacity", "/capacity", "more seats than that are booked"),
    Rule::overlap("appointment_bookings_student_free", "/starts_at", "somebody who has booked has another appointment at this time"),
    Rule::overlap("appointment_bookings_parent_free", "/starts_at", "a parent who has booked has another appointment at this time"),
    Rule::exists("appointment_slots_school_id_class_id_fkey", "/class_id", "there is no such class in this school"),
    Rule::exists("appointment_slots_school_id_teacher_id_fkey", "/teacher_id", "there is no such teacher in this school"),
    Rule::exists("appointment_slots_school_id_room_id_fkey", "/room_id", "there is no such room in this school"),
];

/// Which slots a list holds.
#[derive(Debug, Clone)]
pub(crate) struct SlotFilter {
    /// For anybody, or for one of these classes; none means all.
    pub(crate) classes: Option<Vec<ClassId>>,
    pub(crate) teacher: Option<TeacherId>,
    pub(crate) kind: Option<Kind>,
    /// That begin at this time or later.
    pub(crate) from: Timestamp,
    /// That begin before this time.
    pub(crate) before: Option<Timestamp>,
    /// After this row, in the order of the list.
    pub(crate) after: Option<(Timestamp, Uuid)>,
}

/// The open slots that `filter` asks for, by time, and how many seats of each are taken.
pub(crate) async fn list_slots(
    connection: &mut PgConnection,
    school: SchoolId,
    filter: &SlotFilter,
    limit: u64,
) -> Result<Vec<(Slot, i32)>, StoreError> {
    let (time, id) = filter.after.unzip();
    let kind = filter.kind.map(|kind| if kind == Kind::Exam { "exam" } else { "meeting" });
    let query = "SELECT to_jsonb(s), (SELECT count(*)::int FROM appointment_bookings b
            WHERE b.school_id = s.school_id AND b.slot_id = s.id AND b.status = 'booked')
        FROM appointment_slots s WHERE school_id = $1 AND status = 'open' AND ($2::uuid[] IS NULL OR class_id IS NULL OR class_id = ANY ($2))
            AND ($3::uuid IS NULL OR teacher_id = $3) AND kind = coalesce($4, kind) AND starts_at >= $5 AND starts_at < coalesce($6, 'infinity')
            AND ($7::timestamptz IS NULL OR (starts_at, id) > ($7, $8)) ORDER BY starts_at, id LIMIT $9";
    let query = sqlx::query_as::<_, (Json<Slot>, i32)>(query)
        .bind(school.as_uuid())
        .bind(filter.classes.as_deref().map(uuids))
        .bind(filter.teacher.map(TeacherId::as_uuid))
        .bind(kind)
        .bind(filter.from)
        .bind(filter.before)
        .bind(time)
        .bind(id)
        .bind(limit.cast_signed());
    Ok(query.fetch_all(connection).await?.into_iter().map(|(Json(slot), taken)| (slot, taken)).collect())
}

/// The slot.
pub(crate) async fn find_slot(connection: &mut PgConnection, school: SchoolId, id: AppointmentSlotId) -> Result<Option<Slot>, StoreError> {
    let query = sqlx::query_scalar("SELECT to_jsonb(s) FROM appointment_slots s WHERE school_id = $1 AND id = $2");
    let row: Option<Json<Slot>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// The slot, in which nobody else books until the transaction ends.
pub(crate) async fn lock_slot(connection: &mut PgConnection, school: SchoolId, id: AppointmentSlotId) -> Result<Option<Slot>, StoreError> {
    let query = sqlx::query_scalar("SELECT to_jsonb(s) FROM appointment_slots s WHERE school_id = $1 AND id = $2 FOR UPDATE");
    let row: Option<Json<Slot>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// Adds slots: all or none. Whoever does is queued for appointments.
pub(crate) async fn insert_slots(connection: &mut PgConnection, slots: &[Slot]) -> Result<(), StoreError> {
    let insert =
        sqlx::query("INSERT INTO appointment_slots SELECT * FROM jsonb_populate_recordset(NULL::appointment_slots, $1)").bind(Json(slots));
    insert.execute(connection).await?;
    Ok(())
}

/// Writes a slot. Its bookings follow its times and its capacity, so whoever writes is queued for appointments, the slot, and all who have booked.
pub(crate) async fn save_slot(connection: &mut PgConnection, slot: &Slot) -> Result<(), StoreError> {
    let update =
        "UPDATE appointment_slots SET title = $3, room_id = $4, starts_at = $5, ends_at = $6, book_until = $7, capacity = $8, status = $9,
        version = $10, updated_at = $11 WHERE school_id = $1 AND id = $2";
    sqlx::query(update)
        .bind(slot.school_id.as_uuid())
        .bind(slot.id.as_uuid())
        .bind(&slot.title)
        .bind(slot.room_id.map(domain::RoomId::as_uuid))
        .bind(slot.starts_at)
        .bind(slot.ends_at)
        .bind(slot.book_until)
        .bind(slot.capacity)
        .bind(if slot.status == Status::Open { "open" } else { "cancelled" })
        .bind(slot.version.get())
        .bind(slot.updated_at)
        .execute(connection)
        .await?;
    Ok(())
}
