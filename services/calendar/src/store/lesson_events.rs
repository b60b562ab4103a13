//! Lessons on their days for a feed: what is given, and what has fallen out, so that calendars that hold it already learn of it.

use chrono::NaiveDate;
use domain::{ClassId, SchoolId, TeacherId, Timestamp};
use sqlx::PgConnection;
use store::StoreError;

use super::{plain, uuids};
use crate::model::lesson_event::LessonEvent;

/// The most lessons of one feed: sixty days of several children, and some.
const MOST: i64 = 3_000;

// As `timetable_lessons` has it, and besides what was taken off lately, is under a bell without its period, or on a day without lessons. Of a school that numbers
// its days nobody knows what a day without a number would have had.
const LESSONS: &str = "
WITH days AS (SELECT $2::date + n AS day FROM generate_series(0, $3::date - $2::date) AS n),
numbered AS (SELECT EXISTS (SELECT FROM timetable_days WHERE school_id = $1 AND day BETWEEN $2 AND $3 AND rotation_day <> extract(isodow FROM day)) AS yes)
SELECT jsonb_build_object('entry_id', t.id, 'day', d.day, 'start_minute', coalesce(e.start_minute, b.start_minute, t.start_minute),
    'end_minute', coalesce(e.end_minute, b.end_minute, t.end_minute), 'class_id', t.class_id, 'title', concat_ws(', ', s.name, k.name),
    'room_id', coalesce(e.room_id, t.room_id), 'note', nullif(concat_ws(E'\\n', e.reason, coalesce(c.note, t.note)), ''),
    'is_given', t.status = 'active' AND (x.id IS NULL OR x.rotation_day IS NOT NULL)
        AND (x.column_id IS NULL OR b.id IS NOT NULL OR e.start_minute IS NOT NULL) AND e.state IS DISTINCT FROM 'cancelled' AND ($5::uuid IS NULL OR coalesce(coalesce(c.teacher_id, t.teacher_id) = $5, false)),
    'sequence', t.version - 1 + coalesce(x.version, 0) + coalesce(v.versions, 0) + coalesce(e.version, 0), 'created_at', t.created_at,
    'updated_at', greatest(t.updated_at, x.updated_at, v.updated_at, e.updated_at))
FROM days d
LEFT JOIN timetable_days x ON x.school_id = $1 AND x.day = d.day
JOIN timetable_entries t ON t.school_id = $1 AND t.covers_entry_id IS NULL AND d.day >= t.valid_from AND d.day <= coalesce(t.valid_to, 'infinity')
    AND t.rotation_day = coalesce(x.rotation_day, CASE WHEN x.id IS NULL OR NOT (SELECT yes FROM numbered) THEN extract(isodow FROM d.day)::integer END)
    AND (t.status = 'active' OR t.updated_at > $6)
LEFT JOIN timetable_blocks b ON b.school_id = $1 AND b.column_id = x.column_id AND b.period = t.period
LEFT JOIN timetable_entries c ON c.school_id = $1 AND c.covers_entry_id = t.id AND c.status = 'active' AND d.day BETWEEN c.valid_from AND c.valid_to
LEFT JOIN LATERAL (SELECT sum(v.version)::integer AS versions, max(v.updated_at) AS updated_at,
        bool_or(v.teacher_id = $5 AND (v.status = 'active' OR v.updated_at > $6)) AS is_mine
    FROM timetable_entries v WHERE v.school_id = $1 AND v.covers_entry_id = t.id AND d.day BETWEEN v.valid_from AND v.valid_to) v ON true
LEFT JOIN timetable_lesson_days e ON e.school_id = $1 AND e.entry_id = t.id AND e.day = d.day
LEFT JOIN subjects s ON s.school_id = $1 AND s.id = t.subject_id
JOIN classes k ON k.school_id = $1 AND k.id = t.class_id
WHERE t.class_id = ANY ($4) OR t.teacher_id = $5 OR v.is_mine
    OR EXISTS (SELECT FROM timetable_handovers h WHERE h.school_id = $1 AND h.teacher_id = $5 AND h.entry_id = t.id AND h.updated_at > $6)
ORDER BY d.day, t.start_minute, t.id LIMIT $7";

/// The lessons of each day from `from` to `to`: of `classes`, or that `teacher` gives, stands in for, or has lost since `since`: because it was taken off, handed
/// to somebody else, or needs them to stand in no more.
pub(crate) async fn lesson_events(
    connection: &mut PgConnection,
    school: SchoolId,
    (from, to): (NaiveDate, NaiveDate),
    classes: &[ClassId],
    teacher: Option<TeacherId>,
    since: Timestamp,
) -> Result<Vec<LessonEvent>, StoreError> {
    let query = sqlx::query_scalar(LESSONS).bind(school.as_uuid()).bind(from).bind(to).bind(uuids(classes));
    let query = query.bind(teacher.map(TeacherId::as_uuid)).bind(since).bind(MOST);
    Ok(plain(query.fetch_all(connection).await?))
}
