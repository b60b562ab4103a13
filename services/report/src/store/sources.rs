//! Where grades come from: the present state of a piece of homework or a quiz, as its own tables have it. Read after its service's watermark was waited for.

use std::collections::HashSet;
use std::time::Duration;

use chrono::NaiveDate;
use domain::{ClassId, Points, SchoolId, ServiceName, StudentId, Timestamp};
use rust_decimal::Decimal;
use service_kit::{Platform, Problem};
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use super::{points, reading};

/// How long a source may take to reach PostgreSQL before its reader is sent away.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What feeds an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    Homework(Uuid),
    Quiz(Uuid),
}

impl Source {
    /// The name in the table.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Homework(_) => "homework",
            Self::Quiz(_) => "quiz",
        }
    }

    pub(crate) const fn id(self) -> Uuid {
        match self {
            Self::Homework(id) | Self::Quiz(id) => id,
        }
    }

    /// The source of a stored item; none for one whose marks are typed in.
    pub(crate) fn of(kind: &str, reference: Option<Uuid>) -> Option<Self> {
        match kind {
            "homework" => reference.map(Self::Homework),
            "quiz" => reference.map(Self::Quiz),
            _ => None,
        }
    }

    /// The service whose tables these are.
    pub(crate) const fn service(self) -> ServiceName {
        match self {
            Self::Homework(_) => ServiceName::Homework,
            Self::Quiz(_) => ServiceName::Quiz,
        }
    }
}

/// What an item takes over from its source.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct SourceItem {
    pub(crate) class_id: Uuid,
    pub(crate) subject_id: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) max_points: Decimal,
    /// The day on which it is due, at the school.
    pub(crate) due_on: Option<NaiveDate>,
}

/// What one student has at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fed {
    pub(crate) student_id: StudentId,
    /// The marks that count; none while none were given back.
    pub(crate) points: Option<Points>,
}

// What is worth nothing can't be graded.
const HOMEWORK: &str = "
SELECT h.class_id, h.subject_id, h.title AS name, h.max_points::numeric(9, 4) AS max_points, (h.due_at AT TIME ZONE s.time_zone)::date AS due_on
FROM homework h JOIN schools s ON s.id = h.school_id WHERE h.school_id = $1 AND h.id = $2 AND h.max_points > 0";

// Quizzes are marked to a ten-thousandth, the book to a hundredth: what is earned and what is possible are rounded alike, so that all of it stays all of it.
const QUIZ: &str = "
SELECT q.class_id, q.subject_id, q.title AS name, round(q.max_points, 2) AS max_points, (q.closes_at AT TIME ZONE s.time_zone)::date AS due_on
FROM quizzes q JOIN schools s ON s.id = q.school_id WHERE q.school_id = $1 AND q.id = $2 AND round(q.max_points, 2) > 0";

// The latest attempt that was given back.
const OF_HOMEWORK: &str = "
SELECT student_id, (array_agg(points_after_penalty ORDER BY attempt DESC) FILTER (WHERE status = 'returned'))[1]
FROM homework_submissions WHERE school_id = $1 AND homework_id = $2 AND ($3::uuid IS NULL OR student_id = $3) GROUP BY student_id";

// The quiz's own method, as the quiz service shows it: over attempts that have ended, where the first and the last count only when they are marked. Not before an
// exam was released. Less than nothing counts as nothing here.
const OF_QUIZ: &str = "
SELECT student_id, CASE WHEN result IS NOT NULL THEN greatest(result, 0) END FROM (
    SELECT a.student_id, CASE
        WHEN q.kind = 'exam' AND q.released_at IS NULL THEN NULL
        WHEN q.grade_method = 'highest' THEN max(a.score) FILTER (WHERE a.state IN ('submitted', 'graded'))
        WHEN q.grade_method = 'average' THEN round(avg(a.score) FILTER (WHERE a.state IN ('submitted', 'graded')), 4)
        WHEN q.grade_method = 'first' THEN (array_agg(a.score ORDER BY a.attempt) FILTER (WHERE a.state IN ('submitted', 'graded')))[1]
        ELSE (array_agg(a.score ORDER BY a.attempt DESC) FILTER (WHERE a.state IN ('submitted', 'graded')))[1] END AS result
    FROM quiz_attempts a JOIN quizzes q ON q.school_id = a.school_id AND q.id = a.quiz_id
    WHERE a.school_id = $1 AND a.quiz_id = $2 AND ($3::uuid IS NULL OR a.student_id = $3)
    GROUP BY a.student_id, q.kind, q.released_at, q.grade_method) r";

// By the quiz's review options, as the quiz service reads them: what is left out of `review_options` is shown, what is left out of one of its phases is not. A
// result that is made of attempts shows when all of them do.
const WITHHELD: &str = "
SELECT DISTINCT q.id
FROM quizzes q
JOIN quiz_attempts a ON a.school_id = q.school_id AND a.quiz_id = q.id AND a.student_id = $2 AND a.state IN ('submitted', 'graded')
CROSS JOIN LATERAL (SELECT
    NOT q.review_options ? 'immediately' OR coalesce((q.review_options #>> '{immediately,marks}')::boolean, false) AS at_once,
    NOT q.review_options ? 'later' OR coalesce((q.review_options #>> '{later,marks}')::boolean, false) AS later,
    NOT q.review_options ? 'closed' OR coalesce((q.review_options #>> '{closed,marks}')::boolean, false) AS closed) shows
CROSS JOIN LATERAL (SELECT greatest(q.closes_at, coalesce(
    (SELECT o.closes_at FROM quiz_overrides o WHERE o.school_id = q.school_id AND o.quiz_id = q.id AND o.student_id = a.student_id),
    (SELECT max(o.closes_at) FROM quiz_overrides o JOIN quiz_override_members m ON m.school_id = o.school_id AND m.override_id = o.id
        WHERE o.school_id = q.school_id AND o.quiz_id = q.id AND m.student_id = a.student_id))) AS closes_at) terms
WHERE q.school_id = $1 AND q.class_id = $3 AND NOT CASE
    WHEN q.kind = 'exam' THEN q.released_at IS NOT NULL AND q.released_at <= $4 AND shows.closed
    WHEN terms.closes_at <= $4 THEN shows.closed
    WHEN $4 < a.submitted_at + interval '2 minutes' THEN shows.at_once
    ELSE shows.later END";

/// What the item of `source` takes over; none if there is no such thing.
pub(crate) async fn source_item(platform: &Platform, school: SchoolId, source: Source) -> Result<Option<SourceItem>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let query = match source {
        Source::Homework(_) => HOMEWORK,
        Source::Quiz(_) => QUIZ,
    };
    Ok(sqlx::query_as(query).bind(school.as_uuid()).bind(source.id()).fetch_optional(transaction.connection()?).await?)
}

/// What `student` has at the source, or everybody.
pub(crate) async fn fed_by(
    platform: &Platform,
    school: SchoolId,
    source: Source,
    student: Option<StudentId>,
) -> Result<Vec<Fed>, StoreError> {
    let mut transaction = reading(platform, school).await?;
    let query = match source {
        Source::Homework(_) => OF_HOMEWORK,
        Source::Quiz(_) => OF_QUIZ,
    };
    let rows: Vec<(Uuid, Option<Decimal>)> = sqlx::query_as(query)
        .bind(school.as_uuid())
        .bind(source.id())
        .bind(student.map(StudentId::as_uuid))
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(rows.into_iter().map(|(student, marks)| Fed { student_id: student.into(), points: marks.and_then(points) }).collect())
}

/// Everything of the class that can feed an item.
pub(crate) async fn sources_of(platform: &Platform, school: SchoolId, class: ClassId) -> Result<Vec<Source>, Problem> {
    for service in [ServiceName::Homework, ServiceName::Quiz] {
        if !platform.buffer().wait_until_saved(service, school, PATIENCE).await? {
            return Err(Problem::unavailable(Duration::from_secs(2), "What the grades are made of"));
        }
    }
    let mut transaction = reading(platform, school).await?;
    let rows: Vec<(String, Uuid)> = sqlx::query_as(
        "SELECT 'homework', id FROM homework WHERE school_id = $1 AND class_id = $2 AND status <> 'draft'
         UNION ALL SELECT 'quiz', id FROM quizzes WHERE school_id = $1 AND class_id = $2 AND status <> 'draft' ORDER BY 2",
    )
    .bind(school.as_uuid())
    .bind(class.as_uuid())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    Ok(rows.into_iter().filter_map(|(kind, id)| Source::of(&kind, Some(id))).collect())
}

/// The quizzes of the class whose marks `student` and the parents are not shown now. The book has them, and they must not be read from it before their time.
pub(crate) async fn withheld(
    transaction: &mut SchoolTransaction,
    school: SchoolId,
    student: StudentId,
    class: ClassId,
    now: Timestamp,
) -> Result<HashSet<Uuid>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(WITHHELD)
        .bind(school.as_uuid())
        .bind(student.as_uuid())
        .bind(class.as_uuid())
        .bind(now)
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(ids.into_iter().collect())
}
