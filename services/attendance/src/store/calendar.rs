//! What others' tables tell: when a class has school, what its timetable says, who is enrolled. Attendance reads them and writes none.
//!
//! A holiday is an all-day event of the kind `holiday` that is confirmed, and one of the kind `exam` stands in for the timetable. Lessons are those that the
//! calendar lists day by day: by rotation, bell and cover.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use directory::timetable::{GivenFilter, WorkingDays, lessons_given};
use directory::{Attends, Glance, Learner};
use domain::{ClassId, SchoolId, StudentId};
use futures_util::future::try_join3;
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

/// When the class has school, of which `working_days` are part; none if there is no such class.
pub(crate) async fn calendar(
    platform: &Platform,
    school: SchoolId,
    class: ClassId,
    working_days: &Arc<WorkingDays>,
) -> Result<Option<Calendar>, StoreError> {
    let calendar = remembered(platform, school, class).await?;
    Ok(calendar.map(|calendar| Calendar { working_days: working_days.clone(), ..calendar }))
}

async fn remembered(platform: &Platform, school: SchoolId, class: ClassId) -> Result<Option<Calendar>, StoreError> {
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

/// A day of a class. One round trip if all is cached.
pub(crate) async fn day(
    platform: &Platform,
    glance: &Glance<'_>,
    school: SchoolId,
    class: ClassId,
    day: NaiveDate,
) -> Result<Day, StoreError> {
    let working_days = Box::pin(glance.working_days());
    let (calendar, working_days, on_leave) =
        try_join3(remembered(platform, school, class), working_days, on_leave(platform, school, day)).await?;
    Ok(Day { calendar: calendar.map(|calendar| Calendar { working_days, ..calendar }), on_leave })
}

async fn calendars(platform: &Platform, school: SchoolId, classes: &[ClassId]) -> Result<Vec<Calendar>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let query = sqlx::query_scalar(CALENDARS).bind(school.as_uuid()).bind(uuids(classes));
    Ok(plain(query.fetch_all(transaction.connection()?).await?))
}

/// Each class's calendar, of which `working_days` are part, and when it has students.
pub(crate) async fn class_years(
    platform: &Platform,
    school: SchoolId,
    classes: &[ClassId],
    working_days: &Arc<WorkingDays>,
) -> Result<Vec<ClassYear>, StoreError> {
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
    let year = |calendar: Calendar| ClassYear {
        enrolled: spans(calendar.class_id),
        calendar: Calendar { working_days: working_days.clone(), ..calendar },
    };
    Ok(calendars.into_iter().map(year).collect())
}

/// The lessons of some classes that are given between two days. One without a number has no register of its own.
pub(crate) async fn timetable(
    platform: &Platform,
    school: SchoolId,
    classes: &[ClassId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<TimetableLesson>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let filter = GivenFilter { classes: Some(classes.to_vec()), ..GivenFilter::default() };
    let given = lessons_given(&mut transaction, (from, to), &filter).await?;
    let lessons = given.into_iter().filter_map(|given| {
        let (teacher_id, period) = (given.given_by(), given.period?);
        Some(TimetableLesson { class_id: given.class_id, subject_id: given.subject_id, teacher_id, held_on: given.day, period })
    });
    Ok(lessons.collect())
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
    classes_of(&learner.attends)
}

/// The classes of some times in classes, each once.
pub(crate) fn classes_of<'a>(attends: impl IntoIterator<Item = &'a Attends>) -> Vec<ClassId> {
    let mut classes: Vec<ClassId> = attends.into_iter().map(|attends| attends.class_id).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}
