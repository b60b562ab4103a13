//! What others' tables tell: when a class has school, what its timetable says, who is enrolled. Attendance reads them and writes none.
//!
//! A holiday is an all-day event of the kind `holiday` that is confirmed, and one of the kind `exam` stands in for the timetable. A holiday that recurs counts on the days that stand in the table (its first, and
//! occurrences of their own); the rule itself is the calendar's to expand.

use std::collections::HashSet;
use std::time::Duration;

use chrono::NaiveDate;
use directory::Learner;
use domain::{ClassId, SchoolId, StudentId};
use futures_util::future::try_join;
use serde::{Deserialize, Serialize};
use service_kit::Platform;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;

use super::leave::on_leave;
use super::{plain, reading, uuids};
use crate::model::missing::{ClassYear, TimetableLesson};
use crate::model::school_day::{Calendar, Span};

/// How long a holiday that was just declared may stay unseen; so long registers go on while PostgreSQL is away.
const TTL: Duration = Duration::from_mins(5);

const CALENDARS: &str = "
SELECT jsonb_build_object('class_id', c.id,
    'spans', coalesce(
        (SELECT jsonb_build_array(jsonb_build_object('from', t.starts_on, 'to', t.ends_on))
         FROM terms t WHERE t.school_id = c.school_id AND t.id = c.term_id AND t.status = 'active'),
        (SELECT jsonb_agg(jsonb_build_object('from', t.starts_on, 'to', t.ends_on) ORDER BY t.starts_on)
         FROM terms t WHERE t.school_id = c.school_id AND t.academic_year_id = c.academic_year_id AND t.status = 'active' AND t.kind <> 'grading_period'),
        jsonb_build_array(jsonb_build_object('from', y.starts_on, 'to', y.ends_on))),
    'holidays', coalesce(off.holidays, '[]'), 'off_timetable', coalesce(off.examinations, '[]'))
FROM classes c JOIN academic_years y ON y.school_id = c.school_id AND y.id = c.academic_year_id
CROSS JOIN LATERAL (
    SELECT jsonb_agg(days) FILTER (WHERE kind = 'holiday') AS holidays, jsonb_agg(days) FILTER (WHERE kind = 'exam') AS examinations
    FROM (SELECT e.kind, jsonb_build_object('span', jsonb_build_object('from', e.start_date, 'to', e.end_date), 'audience', e.audience) AS days
        FROM calendar_events e
        WHERE e.school_id = c.school_id AND e.kind IN ('holiday', 'exam') AND e.is_all_day AND e.status = 'confirmed'
            AND e.start_date <= y.ends_on AND e.end_date >= y.starts_on) AS events) AS off
WHERE c.school_id = $1 AND c.id = ANY ($2)";

/// When the class has school; none if there is no such class.
pub(crate) async fn calendar(platform: &Platform, school: SchoolId, class: ClassId) -> Result<Option<Calendar>, StoreError> {
    let load = || async move { Ok(calendars(platform, school, &[class]).await?.into_iter().next()) };
    // Boxed, as what is asked for beside it.
    Box::pin(platform.cache().get_or_load(format!("attendance:calendar:{school}:{class}"), TTL, load)).await
}

/// What there is to know of a day before its registers can be judged.
#[derive(Debug)]
pub(crate) struct Day {
    /// When the class has school.
    pub(crate) calendar: Option<Calendar>,
    /// Who of the school has leave.
    pub(crate) on_leave: HashSet<StudentId>,
}

/// A day of a class. One round trip if both are cached.
pub(crate) async fn day(platform: &Platform, school: SchoolId, class: ClassId, day: NaiveDate) -> Result<Day, StoreError> {
    let (calendar, on_leave) = try_join(calendar(platform, school, class), on_leave(platform, school, day)).await?;
    Ok(Day { calendar, on_leave })
}

async fn calendars(platform: &Platform, school: SchoolId, classes: &[ClassId]) -> Result<Vec<Calendar>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let query = sqlx::query_scalar(CALENDARS).bind(school.as_uuid()).bind(uuids(classes));
    Ok(plain(query.fetch_all(transaction.connection()?).await?))
}

/// Each class's calendar, and when it has students.
pub(crate) async fn class_years(platform: &Platform, school: SchoolId, classes: &[ClassId]) -> Result<Vec<ClassYear>, StoreError> {
    #[derive(Serialize, Deserialize)]
    struct Enrolled {
        class_id: ClassId,
        spans: Vec<Span>,
    }
    let calendars = calendars(platform, school, classes).await?;
    let mut transaction = reading(platform, school).await?;
    let query = "SELECT jsonb_build_object('class_id', class_id, 'spans',
            jsonb_agg(DISTINCT jsonb_build_object('from', begin_date, 'to', coalesce(end_date, '9999-12-31'::date))))
        FROM enrollments WHERE school_id = $1 AND class_id = ANY ($2) AND status = 'active' GROUP BY class_id";
    let rows: Vec<Json<Enrolled>> =
        sqlx::query_scalar(query).bind(school.as_uuid()).bind(uuids(classes)).fetch_all(transaction.connection()?).await?;
    let enrolled = plain(rows);
    let spans = |class: ClassId| enrolled.iter().find(|row| row.class_id == class).map(|row| row.spans.clone()).unwrap_or_default();
    Ok(calendars.into_iter().map(|calendar| ClassYear { enrolled: spans(calendar.class_id), calendar }).collect())
}

/// The lessons of some classes that are given between two days.
pub(crate) async fn timetable(
    platform: &Platform,
    school: SchoolId,
    classes: &[ClassId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<TimetableLesson>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    // A lesson without a number has no register of its own. Cover comes first: who stands in is who takes the register.
    let query =
        "SELECT jsonb_build_object('class_id', class_id, 'subject_id', subject_id, 'teacher_id', teacher_id, 'rotation_day', rotation_day,
            'period', period, 'valid', jsonb_build_object('from', valid_from, 'to', coalesce(valid_to, '9999-12-31'::date)))
        FROM timetable_entries
        WHERE school_id = $1 AND class_id = ANY ($2) AND status = 'active' AND period IS NOT NULL
            AND valid_from <= $4 AND coalesce(valid_to, '9999-12-31'::date) >= $3
        ORDER BY covers_entry_id IS NULL";
    let rows: Vec<Json<TimetableLesson>> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(uuids(classes))
        .bind(from)
        .bind(to)
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(plain(rows))
}

/// Every class of the school.
pub(crate) async fn all_classes(platform: &Platform, school: SchoolId) -> Result<Vec<ClassId>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM classes WHERE school_id = $1 AND status = 'active' ORDER BY id")
        .bind(school.as_uuid())
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(ids.into_iter().map(ClassId::from_uuid).collect())
}

/// The classes that the student was ever in, each once.
pub(crate) fn classes_of_learner(learner: &Learner) -> Vec<ClassId> {
    let mut classes: Vec<ClassId> = learner.classes().collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}
