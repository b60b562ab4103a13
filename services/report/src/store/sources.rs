//! Where grades come from: the present state of a piece of homework or a quiz, as its own tables have it. Read after its service's watermark was waited for.

use std::time::Duration;

use chrono::NaiveDate;
use domain::{ClassId, Points, SchoolId, ServiceName, StudentId};
use rust_decimal::Decimal;
use service_kit::{Platform, Problem};
use store::StoreError;
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

const QUIZ: &str = "
SELECT q.class_id, q.subject_id, q.title AS name, q.max_points, (q.closes_at AT TIME ZONE s.time_zone)::date AS due_on
FROM quizzes q JOIN schools s ON s.id = q.school_id WHERE q.school_id = $1 AND q.id = $2 AND q.max_points > 0";

// The latest attempt that was given back.
const OF_HOMEWORK: &str = "
SELECT student_id, (array_agg(points_after_penalty ORDER BY attempt DESC) FILTER (WHERE status = 'returned'))[1]
FROM homework_submissions WHERE school_id = $1 AND homework_id = $2 AND ($3::uuid IS NULL OR student_id = $3) GROUP BY student_id";

// The quiz's own method, over attempts that are marked, once its marks are out.
const OF_QUIZ: &str = "
SELECT a.student_id, CASE
    WHEN q.kind = 'exam' AND q.released_at IS NULL THEN NULL
    ELSE greatest(0, CASE q.grade_method
        WHEN 'highest' THEN max(a.score) FILTER (WHERE a.state = 'graded')
        WHEN 'average' THEN avg(a.score) FILTER (WHERE a.state = 'graded')
        WHEN 'first' THEN (array_agg(a.score ORDER BY a.attempt) FILTER (WHERE a.state = 'graded'))[1]
        ELSE (array_agg(a.score ORDER BY a.attempt DESC) FILTER (WHERE a.state = 'graded'))[1] END) END
FROM quiz_attempts a JOIN quizzes q ON q.school_id = a.school_id AND q.id = a.quiz_id
WHERE a.school_id = $1 AND a.quiz_id = $2 AND ($3::uuid IS NULL OR a.student_id = $3)
GROUP BY a.student_id, q.kind, q.released_at, q.grade_method
HAVING count(*) FILTER (WHERE a.state = 'graded') > 0 OR $3 IS NOT NULL";

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
