//! The tables `timetable_columns`, `timetable_blocks` and `timetable_days`: bells, and days that are not as their day of the week.

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use domain::{SchoolId, Timestamp, TimetableColumnId, Version};
use records::Rule;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;
use write_behind::natural_id;

use super::{Queue, plain, queue_up};
use crate::model::bell::Bell;

/// What the constraints mean to whoever changes a bell.
pub(crate) const RULES: &[Rule] = &[
    Rule::once("timetable_columns_name", "/name", "the school has a bell of this name already"),
    Rule::overlap("timetable_blocks_period", "/blocks", "two blocks have the same period"),
    Rule::overlap("timetable_blocks_one_at_a_time", "/blocks", "two blocks are at the same time"),
    Rule::overlap("timetable_lesson_days_class_free", "/blocks", "a class has a lesson that was moved to this time on one of the days"),
    Rule::overlap(
        "timetable_lesson_days_teacher_free",
        "/blocks",
        "a teacher gives a lesson that was moved to this time on one of the days",
    ),
    Rule::overlap("timetable_lesson_days_room_free", "/blocks", "a lesson that was moved is in its room at this time on one of the days"),
    Rule::overlap("timetable_lesson_days_class_period", "/blocks", "a class has a lesson that was moved to this period on one of the days"),
];

/// What the constraints mean to whoever changes days.
pub(crate) const DAY_RULES: &[Rule] = &[
    Rule::exists("timetable_days_column", "/column_id", "there is no such bell in this school"),
    Rule::overlap("timetable_lesson_days_class_free", "/rotation_day", "a class has a lesson at this time that was moved there"),
    Rule::overlap("timetable_lesson_days_teacher_free", "/rotation_day", "a teacher gives a lesson at this time that was moved there"),
    Rule::overlap("timetable_lesson_days_room_free", "/rotation_day", "a lesson that was moved is in its room at this time"),
    Rule::overlap("timetable_lesson_days_class_period", "/rotation_day", "a class has a lesson in this period that was moved there"),
];

const BELL: &str = "SELECT to_jsonb(c) || jsonb_build_object('blocks', coalesce(
        (SELECT jsonb_agg(jsonb_build_object('name', b.name, 'period', b.period, 'start_minute', b.start_minute, 'end_minute', b.end_minute) ORDER BY b.start_minute)
         FROM timetable_blocks b WHERE b.school_id = c.school_id AND b.column_id = c.id), '[]'))
    FROM timetable_columns c WHERE school_id = $1 AND ($2::uuid IS NULL OR id = $2) ORDER BY name";

/// A day of the timetable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimetableDay {
    pub(crate) day: NaiveDate,
    pub(crate) rotation_day: Option<u8>,
    pub(crate) column_id: Option<TimetableColumnId>,
    pub(crate) note: Option<String>,
    pub(crate) version: Version,
}

impl TimetableDay {
    /// A day that nobody has said anything about is as its day of the week. What is version 1 to a reader is version 1 once it is in the table.
    pub(crate) fn usual(day: NaiveDate) -> Self {
        let rotation_day = u8::try_from(day.weekday().number_from_monday()).ok();
        Self { day, rotation_day, column_id: None, note: None, version: Version::FIRST }
    }

    fn id(school: SchoolId, day: NaiveDate) -> Uuid {
        natural_id("timetable_day", &[school.as_uuid().as_bytes(), day.to_string().as_bytes()])
    }
}

/// The school's bells, by name.
pub(crate) async fn list_bells(connection: &mut PgConnection, school: SchoolId) -> Result<Vec<Bell>, StoreError> {
    Ok(plain(sqlx::query_scalar(BELL).bind(school.as_uuid()).bind(None::<Uuid>).fetch_all(connection).await?))
}

/// The bell.
pub(crate) async fn find_bell(connection: &mut PgConnection, school: SchoolId, id: TimetableColumnId) -> Result<Option<Bell>, StoreError> {
    let row: Option<Json<Bell>> = sqlx::query_scalar(BELL).bind(school.as_uuid()).bind(id.as_uuid()).fetch_optional(connection).await?;
    Ok(row.map(|Json(row)| row))
}

/// The bell, which nobody else changes until the transaction ends.
pub(crate) async fn lock_bell(connection: &mut PgConnection, school: SchoolId, id: TimetableColumnId) -> Result<Option<Bell>, StoreError> {
    let lock = sqlx::query("SELECT FROM timetable_columns WHERE school_id = $1 AND id = $2 FOR NO KEY UPDATE");
    lock.bind(school.as_uuid()).bind(id.as_uuid()).execute(&mut *connection).await?;
    find_bell(connection, school, id).await
}

/// Adds a bell, or writes one that [`lock_bell`] holds.
pub(crate) async fn save_bell(connection: &mut PgConnection, bell: &Bell) -> Result<(), StoreError> {
    let save = "INSERT INTO timetable_columns (school_id, id, name, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (school_id, id) DO UPDATE SET name = excluded.name, version = excluded.version, updated_at = excluded.updated_at";
    let (school, id) = (bell.school_id.as_uuid(), bell.id.as_uuid());
    let save =
        sqlx::query(save).bind(school).bind(id).bind(&bell.name).bind(bell.version.get()).bind(bell.created_at).bind(bell.updated_at);
    save.execute(&mut *connection).await?;
    let clear = sqlx::query("DELETE FROM timetable_blocks WHERE school_id = $1 AND column_id = $2");
    clear.bind(school).bind(id).execute(&mut *connection).await?;
    let ids: Vec<Uuid> = bell.blocks.iter().map(|_| Uuid::now_v7()).collect();
    let insert = "INSERT INTO timetable_blocks (school_id, column_id, id, name, period, start_minute, end_minute)
        SELECT $1, $2, id, name, period, start_minute, end_minute
        FROM unnest($3::uuid[], $4::text[], $5::int[], $6::int[], $7::int[]) AS b(id, name, period, start_minute, end_minute)";
    sqlx::query(insert)
        .bind(school)
        .bind(id)
        .bind(ids)
        .bind(bell.blocks.iter().map(|block| block.name.as_str()).collect::<Vec<_>>())
        .bind(bell.blocks.iter().map(|block| block.period.map(i32::from)).collect::<Vec<_>>())
        .bind(bell.blocks.iter().map(|block| i32::from(block.start_minute)).collect::<Vec<_>>())
        .bind(bell.blocks.iter().map(|block| i32::from(block.end_minute)).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    // The lessons of its days are at other times now: whoever holds them in a calendar goes by the version of the day.
    let days =
        "UPDATE timetable_days SET version = version + 1, updated_at = $3 WHERE school_id = $1 AND column_id = $2 AND day >= $3::date - 1";
    sqlx::query(days).bind(school).bind(id).bind(bell.updated_at).execute(connection).await?;
    Ok(())
}

/// Removes a bell that no day has.
pub(crate) async fn delete_bell(connection: &mut PgConnection, school: SchoolId, id: TimetableColumnId) -> Result<(), StoreError> {
    let delete = sqlx::query("DELETE FROM timetable_columns WHERE school_id = $1 AND id = $2");
    delete.bind(school.as_uuid()).bind(id.as_uuid()).execute(connection).await?;
    Ok(())
}

/// Every day from `from` to `to`, as it is.
pub(crate) async fn days_between(
    connection: &mut PgConnection,
    school: SchoolId,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<TimetableDay>, StoreError> {
    let query = "SELECT to_jsonb(d) FROM timetable_days d WHERE school_id = $1 AND day BETWEEN $2 AND $3";
    let rows: Vec<Json<TimetableDay>> = sqlx::query_scalar(query).bind(school.as_uuid()).bind(from).bind(to).fetch_all(connection).await?;
    let mut said: HashMap<NaiveDate, TimetableDay> = plain(rows).into_iter().map(|day| (day.day, day)).collect();
    Ok(from.iter_days().take_while(|day| *day <= to).map(|day| said.remove(&day).unwrap_or_else(|| TimetableDay::usual(day))).collect())
}

/// Waits until nobody else takes a room or moves a lesson, and keeps them from it until the transaction ends: a day that is changed moves all of its lessons.
pub(crate) async fn hold_timetable(connection: &mut PgConnection, school: SchoolId) -> Result<(), StoreError> {
    queue_up(connection, school, &[Queue::Timetable]).await?;
    let rooms = sqlx::query("SELECT FROM rooms WHERE school_id = $1 ORDER BY id FOR NO KEY UPDATE");
    rooms.bind(school.as_uuid()).execute(connection).await?;
    Ok(())
}

/// Writes days, each as the version that it says.
pub(crate) async fn save_days(
    connection: &mut PgConnection,
    school: SchoolId,
    days: &[TimetableDay],
    now: Timestamp,
) -> Result<(), StoreError> {
    let save = "INSERT INTO timetable_days (school_id, id, day, rotation_day, column_id, note, version, created_at, updated_at)
        SELECT $1, id, day, rotation_day, column_id, note, version, $8, $8
        FROM unnest($2::uuid[], $3::date[], $4::int[], $5::uuid[], $6::text[], $7::int[]) AS d(id, day, rotation_day, column_id, note, version)
        ON CONFLICT (school_id, day) DO UPDATE SET rotation_day = excluded.rotation_day, column_id = excluded.column_id, note = excluded.note,
            version = excluded.version, updated_at = excluded.updated_at";
    sqlx::query(save)
        .bind(school.as_uuid())
        .bind(days.iter().map(|day| TimetableDay::id(school, day.day)).collect::<Vec<_>>())
        .bind(days.iter().map(|day| day.day).collect::<Vec<_>>())
        .bind(days.iter().map(|day| day.rotation_day.map(i32::from)).collect::<Vec<_>>())
        .bind(days.iter().map(|day| day.column_id.map(TimetableColumnId::as_uuid)).collect::<Vec<_>>())
        .bind(days.iter().map(|day| day.note.as_deref()).collect::<Vec<_>>())
        .bind(days.iter().map(|day| day.version.get()).collect::<Vec<_>>())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// The first day from `from` to `to` on which a lesson is in a room that is booked, or has an appointment. With a bell, only days that have it.
pub(crate) async fn first_clash(
    connection: &mut PgConnection,
    school: SchoolId,
    zone: Tz,
    (from, to): (NaiveDate, NaiveDate),
    bell: Option<TimetableColumnId>,
) -> Result<Option<NaiveDate>, StoreError> {
    let query = "
        WITH span AS (SELECT $3::date::timestamp AT TIME ZONE $2 AS first, ($4::date + 1)::timestamp AT TIME ZONE $2 AS last),
        taken AS (
            SELECT room_id, starts_at, ends_at FROM room_bookings WHERE school_id = $1 AND status = 'booked'
                AND starts_at > (SELECT first - interval '25 hours' FROM span) AND starts_at < (SELECT last FROM span) AND ends_at > (SELECT first FROM span)
            UNION ALL SELECT room_id, starts_at, ends_at FROM appointment_slots WHERE school_id = $1 AND status = 'open' AND room_id IS NOT NULL
                AND starts_at > (SELECT first - interval '25 hours' FROM span) AND starts_at < (SELECT last FROM span) AND ends_at > (SELECT first FROM span))
        SELECT min(g.on_day) FROM taken b
        CROSS JOIN LATERAL timetable_lessons($1, greatest((b.starts_at AT TIME ZONE $2)::date, $3), least((b.ends_at AT TIME ZONE $2)::date, $4)) g
        LEFT JOIN timetable_days d ON d.school_id = $1 AND d.day = g.on_day
        WHERE g.room_id = b.room_id AND g.state <> 'cancelled' AND ($5::uuid IS NULL OR d.column_id = $5)
            AND (g.on_day + make_interval(mins => g.starts)) AT TIME ZONE $2 < b.ends_at AND (g.on_day + make_interval(mins => g.ends)) AT TIME ZONE $2 > b.starts_at";
    let query =
        sqlx::query_scalar(query).bind(school.as_uuid()).bind(zone.name()).bind(from).bind(to).bind(bell.map(TimetableColumnId::as_uuid));
    Ok(query.fetch_one(connection).await?)
}
