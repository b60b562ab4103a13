//! The table `timetable_lesson_days`: what is said of single lessons on single days. That nobody and nothing is in two places at once that day is for its
//! constraints and its trigger to say.

use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::{RoomId, SchoolId, TeacherId, Timestamp, TimetableEntryId};
use records::Rule;
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;

use crate::model::lesson::Lesson;
use crate::model::lesson_day::{LessonDay, State};

/// What the constraints mean to whoever moves a lesson.
pub(crate) const RULES: &[Rule] = &[
    Rule::overlap("timetable_lesson_days_class_free", "/start_minute", "the class has another lesson at this time that day"),
    Rule::overlap("timetable_lesson_days_teacher_free", "/start_minute", "the teacher gives another lesson at this time that day"),
    Rule::overlap("timetable_lesson_days_room_free", "/room_id", "another lesson is in the room at this time that day"),
    Rule::overlap("timetable_lesson_days_class_period", "/period", "the class has another lesson in this period that day"),
    Rule::exists("timetable_lesson_days_room", "/room_id", "there is no such room in this school"),
];

/// A lesson as it is on a day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct OnDay {
    /// How it is that day.
    pub(crate) state: State,
    /// When it begins, in minutes since midnight.
    pub(crate) start_minute: u16,
    /// When it is over.
    pub(crate) end_minute: u16,
    /// The number of its period.
    pub(crate) period: Option<u8>,
    /// Where.
    pub(crate) room_id: Option<RoomId>,
    /// Who gives it: whoever stands in, if somebody does.
    pub(crate) teacher_id: Option<TeacherId>,
}

/// What was said of the lesson on the day, if anything was. While queued for the timetable, nobody changes it until the transaction ends.
pub(crate) async fn find_lesson_day(
    connection: &mut PgConnection,
    lesson: &Lesson,
    day: NaiveDate,
) -> Result<Option<LessonDay>, StoreError> {
    let query = "SELECT to_jsonb(d) FROM timetable_lesson_days d WHERE school_id = $1 AND entry_id = $2 AND day = $3";
    let query = sqlx::query_scalar(query).bind(lesson.school_id.as_uuid()).bind(lesson.id.as_uuid()).bind(day);
    let row: Option<Json<LessonDay>> = query.fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// The lesson as it is on the day, called off or not; none if that is no day of the lesson.
pub(crate) async fn lesson_on_day(
    connection: &mut PgConnection,
    school: SchoolId,
    lesson: TimetableEntryId,
    day: NaiveDate,
) -> Result<Option<OnDay>, StoreError> {
    let query = "
        SELECT jsonb_build_object('state', l.state, 'start_minute', l.starts, 'end_minute', l.ends, 'period', l.period, 'room_id', l.room_id,
            'teacher_id', coalesce(c.teacher_id, t.teacher_id))
        FROM timetable_lessons($1, $3, $3) l
        JOIN timetable_entries t ON t.school_id = $1 AND t.id = l.entry_id
        LEFT JOIN timetable_entries c ON c.school_id = $1 AND c.covers_entry_id = t.id AND c.status = 'active' AND $3 BETWEEN c.valid_from AND c.valid_to
        WHERE l.entry_id = $2";
    let query = sqlx::query_scalar(query).bind(school.as_uuid()).bind(lesson.as_uuid()).bind(day);
    let row: Option<Json<OnDay>> = query.fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// Whether whoever gives the lesson on the day has an appointment at that time that is not over yet. While queued for the timetable nobody offers one.
pub(crate) async fn teacher_has_appointment(
    connection: &mut PgConnection,
    school: SchoolId,
    lesson: TimetableEntryId,
    day: NaiveDate,
    zone: Tz,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let query = "
        SELECT EXISTS (
            SELECT FROM timetable_lessons($1, $3, $3) l
            JOIN timetable_entries t ON t.school_id = $1 AND t.id = l.entry_id
            LEFT JOIN timetable_entries c ON c.school_id = $1 AND c.covers_entry_id = t.id AND c.status = 'active' AND $3 BETWEEN c.valid_from AND c.valid_to
            JOIN appointment_slots s ON s.school_id = $1 AND s.teacher_id = coalesce(c.teacher_id, t.teacher_id) AND s.status = 'open' AND s.ends_at > $5
                AND s.starts_at < (l.on_day + make_interval(mins => l.ends)) AT TIME ZONE $4
                AND s.ends_at > (l.on_day + make_interval(mins => l.starts)) AT TIME ZONE $4
            WHERE l.entry_id = $2 AND l.state <> 'cancelled')";
    let query = sqlx::query_scalar(query).bind(school.as_uuid()).bind(lesson.as_uuid()).bind(day).bind(zone.name()).bind(now);
    Ok(query.fetch_one(connection).await?)
}

/// From when to when the bell of the day has the period, in minutes since midnight; none if the day has no bell, or the bell no such period.
pub(crate) async fn period_of_day(
    connection: &mut PgConnection,
    school: SchoolId,
    day: NaiveDate,
    period: u8,
) -> Result<Option<(u16, u16)>, StoreError> {
    let query = "SELECT b.start_minute, b.end_minute FROM timetable_days d JOIN timetable_blocks b ON b.school_id = $1 AND b.column_id = d.column_id
        WHERE d.school_id = $1 AND d.day = $2 AND b.period = $3";
    let query = sqlx::query_as(query).bind(school.as_uuid()).bind(day).bind(i32::from(period));
    let block: Option<(i32, i32)> = query.fetch_optional(connection).await?;
    Ok(block.and_then(|(from, to)| Some((u16::try_from(from).ok()?, u16::try_from(to).ok()?))))
}

/// Writes what is said of a lesson on a day, as the version that it says. Whoever does is queued for the timetable.
pub(crate) async fn save_lesson_day(connection: &mut PgConnection, said: &LessonDay, now: Timestamp) -> Result<(), StoreError> {
    let save = "INSERT INTO timetable_lesson_days
            (school_id, id, entry_id, class_id, day, state, period, start_minute, end_minute, room_id, reason, version, created_at, updated_at)
        SELECT school_id, $2, entry_id, class_id, day, state, period, start_minute, end_minute, room_id, reason, version, $3, $3
        FROM jsonb_populate_record(NULL::timetable_lesson_days, $1)
        ON CONFLICT (school_id, entry_id, day) DO UPDATE SET state = excluded.state, period = excluded.period, start_minute = excluded.start_minute,
            end_minute = excluded.end_minute, room_id = excluded.room_id, reason = excluded.reason, version = excluded.version,
            updated_at = excluded.updated_at";
    sqlx::query(save).bind(Json(said)).bind(said.id()).bind(now).execute(connection).await?;
    Ok(())
}

/// Has all days of a lesson that is taken off be as usual: what it was moved to is free again.
pub(super) async fn restore_days(connection: &mut PgConnection, lesson: &Lesson) -> Result<(), StoreError> {
    let restore = "UPDATE timetable_lesson_days SET state = 'as_usual', period = NULL, start_minute = NULL, end_minute = NULL, room_id = NULL, reason = NULL,
            version = version + 1, updated_at = $3
        WHERE school_id = $1 AND entry_id = $2 AND state <> 'as_usual'";
    let restore = sqlx::query(restore).bind(lesson.school_id.as_uuid()).bind(lesson.id.as_uuid()).bind(lesson.updated_at);
    restore.execute(connection).await?;
    Ok(())
}

/// Whether the lesson, which is in the table by now, was moved on a day from `today` on that is none of its days any more.
pub(crate) async fn has_stray_move(connection: &mut PgConnection, lesson: &Lesson, today: NaiveDate) -> Result<bool, StoreError> {
    let query = "SELECT EXISTS (SELECT FROM timetable_lesson_days d WHERE d.school_id = $1 AND d.entry_id = $2 AND d.state = 'moved' AND d.day >= $3
        AND NOT EXISTS (SELECT FROM timetable_between($1, d.day, d.day) g WHERE g.entry_id = $2))";
    let query = sqlx::query_scalar(query).bind(lesson.school_id.as_uuid()).bind(lesson.id.as_uuid()).bind(today);
    Ok(query.fetch_one(connection).await?)
}

/// Holds every room that the lesson is in on any of its days, until the transaction ends.
pub(crate) async fn hold_rooms_of(connection: &mut PgConnection, lesson: &Lesson) -> Result<(), StoreError> {
    let hold = "SELECT FROM rooms WHERE school_id = $1 AND (id = $3 OR id IN
            (SELECT room_id FROM timetable_lesson_days WHERE school_id = $1 AND entry_id = $2 AND state = 'moved' AND room_id IS NOT NULL))
        ORDER BY id FOR NO KEY UPDATE";
    let hold = sqlx::query(hold).bind(lesson.school_id.as_uuid()).bind(lesson.id.as_uuid()).bind(lesson.room_id.map(RoomId::as_uuid));
    hold.execute(connection).await?;
    Ok(())
}
