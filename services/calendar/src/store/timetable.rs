//! The table `timetable_entries`. That a teacher, a room and a class are in one place at a time is for its constraints to say.

use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::{ClassId, RoomId, SchoolId, SubjectId, TeacherId, Timestamp, TimetableEntryId};
use records::Rule;
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;

use super::lesson_days::restore_days;
use super::{plain, uuids};
use crate::model::lesson::{Lesson, Status};

/// What the constraints mean.
pub(crate) const RULES: &[Rule] = &[
    Rule::overlap("timetable_entries_teacher_free", "/teacher_id", "the teacher gives another lesson at this time"),
    Rule::overlap("timetable_entries_room_free", "/room_id", "another lesson is in the room at this time"),
    Rule::overlap("timetable_entries_class_free", "/class_id", "the class has another lesson at this time"),
    Rule::overlap("timetable_entries_teacher_period", "/period", "the teacher gives another lesson in this period"),
    Rule::overlap("timetable_entries_room_period", "/period", "another lesson is in the room in this period"),
    Rule::overlap("timetable_entries_class_period", "/period", "the class has another lesson in this period"),
    Rule::overlap("timetable_entries_one_cover", "/valid_from", "somebody stands in already on one of these days"),
    Rule::overlap(
        "timetable_lesson_days_teacher_free",
        "/teacher_id",
        "the teacher gives a lesson that was moved to this time on one of these days",
    ),
    Rule::overlap(
        "timetable_lesson_days_room_free",
        "/room_id",
        "a lesson that was moved is in the room at this time on one of these days",
    ),
    Rule::overlap(
        "timetable_lesson_days_class_free",
        "/class_id",
        "the class has a lesson that was moved to this time on one of these days",
    ),
    Rule::overlap(
        "timetable_lesson_days_class_period",
        "/period",
        "the class has a lesson that was moved to this period on one of these days",
    ),
    Rule::exists("timetable_entries_school_id_class_id_fkey", "/class_id", "there is no such class in this school"),
    Rule::exists("timetable_entries_school_id_subject_id_fkey", "/subject_id", "there is no such subject in this school"),
    Rule::exists("timetable_entries_school_id_teacher_id_fkey", "/teacher_id", "there is no such teacher in this school"),
    Rule::exists("timetable_entries_school_id_room_id_fkey", "/room_id", "there is no such room in this school"),
];

/// Which lessons a list holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct LessonFilter {
    /// Of these classes; none means of all.
    pub(crate) classes: Option<Vec<ClassId>>,
    pub(crate) teacher: Option<TeacherId>,
    pub(crate) room: Option<RoomId>,
    /// That count on this day or later.
    pub(crate) from: Option<NaiveDate>,
    /// That count on this day or earlier.
    pub(crate) to: Option<NaiveDate>,
    /// After this row.
    pub(crate) after: Option<Uuid>,
}

/// The lessons and cover that `filter` asks for, by id.
pub(crate) async fn list_lessons(
    connection: &mut PgConnection,
    school: SchoolId,
    filter: &LessonFilter,
    limit: u64,
) -> Result<Vec<Lesson>, StoreError> {
    // Whoever is stood in for has the lesson on their timetable all the same, and so has whoever stands in.
    let query = "SELECT to_jsonb(t) FROM timetable_entries t WHERE school_id = $1 AND status = 'active'
        AND ($2::uuid[] IS NULL OR class_id = ANY ($2)) AND ($3::uuid IS NULL OR teacher_id = $3)
        AND ($4::uuid IS NULL OR room_id = $4) AND coalesce(valid_to, 'infinity') >= coalesce($5::date, '-infinity')
        AND valid_from <= coalesce($6::date, 'infinity') AND ($7::uuid IS NULL OR id > $7) ORDER BY id LIMIT $8";
    let query = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(filter.classes.as_deref().map(uuids))
        .bind(filter.teacher.map(TeacherId::as_uuid))
        .bind(filter.room.map(RoomId::as_uuid))
        .bind(filter.from)
        .bind(filter.to)
        .bind(filter.after)
        .bind(limit.cast_signed());
    Ok(plain(query.fetch_all(connection).await?))
}

/// Whether the lesson is given on some day from `from` to `to`.
pub(crate) async fn is_given_between(
    connection: &mut PgConnection,
    lesson: &Lesson,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<bool, StoreError> {
    let query = sqlx::query_scalar("SELECT EXISTS (SELECT FROM timetable_between($1, $2, $3) WHERE entry_id = $4)");
    Ok(query.bind(lesson.school_id.as_uuid()).bind(from).bind(to).bind(lesson.id.as_uuid()).fetch_one(connection).await?)
}

/// The lesson. While queued for the timetable, nobody changes it until the transaction ends.
pub(crate) async fn find_lesson(
    connection: &mut PgConnection,
    school: SchoolId,
    id: TimetableEntryId,
) -> Result<Option<Lesson>, StoreError> {
    let query = sqlx::query_scalar("SELECT to_jsonb(t) FROM timetable_entries t WHERE school_id = $1 AND id = $2");
    let row: Option<Json<Lesson>> = query.bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// Adds a lesson or cover. Whoever does is queued for the timetable.
pub(crate) async fn insert_lesson(connection: &mut PgConnection, lesson: &Lesson) -> Result<(), StoreError> {
    let insert =
        sqlx::query("INSERT INTO timetable_entries SELECT * FROM jsonb_populate_record(NULL::timetable_entries, $1)").bind(Json(lesson));
    insert.execute(connection).await?;
    Ok(())
}

/// Writes a lesson that was read while queued for the timetable. What is taken off takes its cover along, which is what is returned, and what was said of its days.
pub(crate) async fn save_lesson(connection: &mut PgConnection, lesson: &Lesson) -> Result<Vec<Lesson>, StoreError> {
    let update = "UPDATE timetable_entries SET subject_id = $3, teacher_id = $4, room_id = $5, rotation_day = $6, period = $7, start_minute = $8,
        end_minute = $9, valid_from = $10, valid_to = $11, note = $12, status = $13, version = $14, updated_at = $15 WHERE school_id = $1 AND id = $2";
    sqlx::query(update)
        .bind(lesson.school_id.as_uuid())
        .bind(lesson.id.as_uuid())
        .bind(lesson.subject_id.map(SubjectId::as_uuid))
        .bind(lesson.teacher_id.map(TeacherId::as_uuid))
        .bind(lesson.room_id.map(RoomId::as_uuid))
        .bind(i32::from(lesson.rotation_day))
        .bind(lesson.period.map(i32::from))
        .bind(i32::from(lesson.start_minute))
        .bind(i32::from(lesson.end_minute))
        .bind(lesson.valid_from)
        .bind(lesson.valid_to)
        .bind(lesson.note.as_deref())
        .bind(if lesson.status == Status::Active { "active" } else { "cancelled" })
        .bind(lesson.version.get())
        .bind(lesson.updated_at)
        .execute(&mut *connection)
        .await?;
    if lesson.status == Status::Cancelled {
        restore_days(connection, lesson).await?;
        let cancel = "UPDATE timetable_entries t SET status = 'cancelled', version = version + 1, updated_at = $3
            WHERE school_id = $1 AND covers_entry_id = $2 AND status = 'active' RETURNING to_jsonb(t)";
        let cancel = sqlx::query_scalar(cancel).bind(lesson.school_id.as_uuid()).bind(lesson.id.as_uuid()).bind(lesson.updated_at);
        return Ok(plain(cancel.fetch_all(connection).await?));
    }
    // Day and minutes follow by the foreign key; the period, which may be none, can't be part of one.
    let follow = "UPDATE timetable_entries SET period = $3 WHERE school_id = $1 AND covers_entry_id = $2 AND status = 'active' AND period IS DISTINCT FROM $3";
    let follow = sqlx::query(follow).bind(lesson.school_id.as_uuid()).bind(lesson.id.as_uuid()).bind(lesson.period.map(i32::from));
    follow.execute(connection).await?;
    Ok(Vec::new())
}

/// Whether some cover of the lesson lies outside the days on which it counts.
pub(crate) async fn has_stray_cover(connection: &mut PgConnection, lesson: &Lesson) -> Result<bool, StoreError> {
    let query = "SELECT EXISTS (SELECT FROM timetable_entries WHERE school_id = $1 AND covers_entry_id = $2 AND status = 'active'
        AND (valid_from < $3 OR valid_to > coalesce($4, 'infinity')))";
    let query =
        sqlx::query_scalar(query).bind(lesson.school_id.as_uuid()).bind(lesson.id.as_uuid()).bind(lesson.valid_from).bind(lesson.valid_to);
    Ok(query.fetch_one(connection).await?)
}

/// Whether the lesson, which is in the table by now, meets a booking of a room that it is in on some day, or an appointment there, that is not over yet.
pub(crate) async fn room_is_booked(connection: &mut PgConnection, lesson: &Lesson, zone: Tz, now: Timestamp) -> Result<bool, StoreError> {
    let query = "
        WITH own AS (
            SELECT $2::uuid AS room_id UNION SELECT room_id FROM timetable_lesson_days WHERE school_id = $1 AND entry_id = $4 AND state = 'moved'),
        taken AS (
            SELECT room_id, starts_at, ends_at FROM room_bookings
            WHERE school_id = $1 AND room_id IN (SELECT room_id FROM own) AND status = 'booked' AND ends_at > $5
            UNION ALL SELECT room_id, starts_at, ends_at FROM appointment_slots
            WHERE school_id = $1 AND room_id IN (SELECT room_id FROM own) AND status = 'open' AND ends_at > $5)
        SELECT EXISTS (
            SELECT FROM taken CROSS JOIN LATERAL timetable_lessons($1, (starts_at AT TIME ZONE $3)::date, (ends_at AT TIME ZONE $3)::date) g
            WHERE g.entry_id = $4 AND g.room_id = taken.room_id AND g.state <> 'cancelled' AND (g.on_day + make_interval(mins => g.starts)) AT TIME ZONE $3 < ends_at
                AND (g.on_day + make_interval(mins => g.ends)) AT TIME ZONE $3 > starts_at)";
    let query = sqlx::query_scalar(query)
        .bind(lesson.school_id.as_uuid())
        .bind(lesson.room_id.map(RoomId::as_uuid))
        .bind(zone.name())
        .bind(lesson.id.as_uuid());
    Ok(query.bind(now).fetch_one(connection).await?)
}
