//! What is free: rooms for some hours, teachers for a lesson on a day. Free is what nothing is in the way of by the rules that a booking or cover would meet;
//! whoever asks may still be overtaken.

use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::{SchoolId, TeacherId, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use store::{StoreError, plain};
use utoipa::ToSchema;

use super::rooms::Room;
use crate::model::lesson::Lesson;

/// A teacher who is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FreeTeacher {
    /// The teacher.
    teacher_id: TeacherId,
    /// What they are called.
    full_name: String,
    /// How many lessons they give that day, cover among them.
    lessons: u32,
}

/// The rooms in use that can be booked between two instants and hold `capacity`, if that is said: the smallest first. How much some hold is not known; they come
/// last, and not at all where it matters.
pub(crate) async fn free_rooms(
    connection: &mut PgConnection,
    school: SchoolId,
    zone: Tz,
    (from, to): (Timestamp, Timestamp),
    capacity: Option<i32>,
) -> Result<Vec<Room>, StoreError> {
    let query = "
        WITH taken AS (
            SELECT room_id FROM room_bookings WHERE school_id = $1 AND status = 'booked'
                AND starts_at > $2::timestamptz - interval '25 hours' AND starts_at < $3 AND ends_at > $2
            UNION SELECT room_id FROM appointment_slots WHERE school_id = $1 AND status = 'open' AND room_id IS NOT NULL
                AND starts_at > $2::timestamptz - interval '25 hours' AND starts_at < $3 AND ends_at > $2
            UNION SELECT g.room_id FROM timetable_lessons($1, ($2::timestamptz AT TIME ZONE $4)::date, ($3::timestamptz AT TIME ZONE $4)::date) g
            WHERE g.room_id IS NOT NULL AND g.state <> 'cancelled' AND (g.on_day + make_interval(mins => g.starts)) AT TIME ZONE $4 < $3
                AND (g.on_day + make_interval(mins => g.ends)) AT TIME ZONE $4 > $2)
        SELECT to_jsonb(r) FROM rooms r
        WHERE r.school_id = $1 AND r.is_active AND ($5::integer IS NULL OR r.capacity >= $5) AND r.id NOT IN (SELECT room_id FROM taken)
        ORDER BY r.capacity NULLS LAST, r.name";
    let query = sqlx::query_scalar(query).bind(school.as_uuid()).bind(from).bind(to).bind(zone.name()).bind(capacity);
    Ok(plain(query.fetch_all(connection).await?))
}

/// Who could stand in for the lesson on the day: teachers who give no other lesson then, nor at the lesson's usual time or in its usual period that day of the
/// rotation, and have offered nobody an appointment. Whoever gives the fewest lessons that day comes first.
pub(crate) async fn free_teachers(
    connection: &mut PgConnection,
    lesson: &Lesson,
    day: NaiveDate,
    zone: Tz,
) -> Result<Vec<FreeTeacher>, StoreError> {
    let query = "
        WITH given AS (
            SELECT l.entry_id, l.starts, l.ends, coalesce(c.teacher_id, t.teacher_id) AS teacher_id
            FROM timetable_lessons($1, $3, $3) l
            JOIN timetable_entries t ON t.school_id = $1 AND t.id = l.entry_id
            LEFT JOIN timetable_entries c ON c.school_id = $1 AND c.covers_entry_id = t.id AND c.status = 'active' AND $3 BETWEEN c.valid_from AND c.valid_to
            WHERE l.state <> 'cancelled'),
        it AS (
            SELECT g.starts, g.ends, ($3::date + make_interval(mins => g.starts)) AT TIME ZONE $4 AS starts_at,
                ($3::date + make_interval(mins => g.ends)) AT TIME ZONE $4 AS ends_at
            FROM given g WHERE g.entry_id = $2)
        SELECT jsonb_build_object('teacher_id', p.id, 'full_name', u.full_name, 'lessons', n.lessons)
        FROM timetable_entries e CROSS JOIN it
        JOIN teachers p ON p.school_id = $1 AND p.status = 'active' AND p.id IS DISTINCT FROM e.teacher_id
        JOIN users u ON u.id = p.user_id AND u.is_active
        CROSS JOIN LATERAL (SELECT count(*) AS lessons FROM given g WHERE g.teacher_id = p.id) AS n
        WHERE e.school_id = $1 AND e.id = $2
            AND NOT EXISTS (SELECT FROM given g WHERE g.teacher_id = p.id AND g.starts < it.ends AND it.starts < g.ends)
            AND NOT EXISTS (SELECT FROM timetable_entries o WHERE o.school_id = $1 AND o.teacher_id = p.id AND o.status = 'active' AND o.rotation_day = e.rotation_day
                AND $3 BETWEEN o.valid_from AND coalesce(o.valid_to, 'infinity')
                AND (o.start_minute < e.end_minute AND e.start_minute < o.end_minute OR o.period = e.period))
            AND NOT EXISTS (SELECT FROM appointment_slots s WHERE s.school_id = $1 AND s.teacher_id = p.id AND s.status = 'open'
                AND s.starts_at < it.ends_at AND s.ends_at > it.starts_at)
            AND EXISTS (SELECT FROM memberships m WHERE m.school_id = $1 AND m.user_id = p.user_id AND m.role = 'teacher' AND m.is_active AND m.status = 'active')
        ORDER BY n.lessons, u.full_name, p.id";
    let query = sqlx::query_scalar(query).bind(lesson.school_id.as_uuid()).bind(lesson.id.as_uuid()).bind(day).bind(zone.name());
    Ok(plain(query.fetch_all(connection).await?))
}
