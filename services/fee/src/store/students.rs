//! Students as the fee office needs to know them. What they are stands in auth's tables; their category and payer in `fee_profiles`.

use service_kit::Problem;
use sqlx::FromRow;
use store::SchoolTransaction;
use uuid::Uuid;

use super::db;
use super::structures::StructureRow;
use crate::model::concession::Pupil;

/// Keeps everybody else from the student's money until the transaction ends. It is taken before any row of the student's is locked, so that two who work
/// on the same student wait for each other instead of in each other's way.
pub(crate) async fn lock_student(transaction: &mut SchoolTransaction, student: Uuid) -> Result<(), Problem> {
    lock_students(transaction, &[student]).await
}

/// Likewise for many, in the order of their ids.
pub(crate) async fn lock_students(transaction: &mut SchoolTransaction, students: &[Uuid]) -> Result<(), Problem> {
    let mut sorted = students.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sqlx::query(
        "SELECT pg_advisory_xact_lock(hashtextextended(concat($1::uuid, id), 17)) FROM unnest($2::uuid[]) WITH ORDINALITY AS s (id, place)",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(sorted)
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(())
}

/// Whether there is such a student, active or not: money may still be owed.
pub(crate) async fn student_exists(transaction: &mut SchoolTransaction, student: Uuid) -> Result<bool, Problem> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM students WHERE school_id = $1 AND id = $2)")
        .bind(transaction.school_id().as_uuid())
        .bind(student)
        .fetch_one(transaction.connection()?)
        .await
        .map_err(db)
}

/// A student who is to be billed.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Billing {
    pub(crate) id: Uuid,
    pub(crate) category: Option<String>,
    pub(crate) payer: Option<String>,
    pub(crate) has_elder_sibling: bool,
    pub(crate) is_staff_child: bool,
    /// The classes that they sit in on the day that they are billed for, or, where there is none yet, the next ones.
    pub(crate) classes: Vec<Uuid>,
}

impl Billing {
    /// What decides about concessions.
    pub(crate) fn pupil(&self) -> Pupil {
        Pupil {
            student_id: self.id,
            category: self.category.clone(),
            classes: self.classes.clone(),
            has_elder_sibling: self.has_elder_sibling,
            is_staff_child: self.is_staff_child,
        }
    }
}

/// Who is to be billed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Billed<'a> {
    /// One student, whatever they attend.
    One(Uuid),
    /// Everybody who attends a class of the year, or this class, now or later; of a category, if given.
    Of { year: Uuid, class: Option<Uuid>, category: Option<&'a str>, today: chrono::NaiveDate },
}

impl<'a> Billed<'a> {
    /// Everybody whom a structure concerns.
    pub(crate) fn by(structure: &'a StructureRow, today: chrono::NaiveDate) -> Self {
        Self::Of { year: structure.academic_year_id, class: structure.class_id, category: structure.category.as_deref(), today }
    }
}

/// Whether a structure concerns the student.
pub(crate) async fn concerned(
    transaction: &mut SchoolTransaction,
    structure: &StructureRow,
    student: Uuid,
    today: chrono::NaiveDate,
) -> Result<bool, Problem> {
    Ok(!select(transaction, Billed::by(structure, today), Some(student), today, None, 1).await?.is_empty())
}

/// The students who are to be billed for what is due on `due_on`, by id, after `after`. Of a year they sit in the classes of that year alone.
pub(crate) async fn billed(
    transaction: &mut SchoolTransaction,
    who: Billed<'_>,
    due_on: chrono::NaiveDate,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Billing>, Problem> {
    select(transaction, who, None, due_on, after, limit).await
}

/// Those of them who are `only` one, if that is given.
async fn select(
    transaction: &mut SchoolTransaction,
    who: Billed<'_>,
    only: Option<Uuid>,
    due_on: chrono::NaiveDate,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Billing>, Problem> {
    let (one, year, class, category, today) = match who {
        Billed::One(id) => (Some(id), None, None, None, None),
        Billed::Of { year, class, category, today } => (only, Some(year), class, category, Some(today)),
    };
    sqlx::query_as(
        "SELECT s.id, p.category, p.payer,
             EXISTS (SELECT FROM student_guardians g
                 JOIN student_guardians o ON o.school_id = g.school_id AND o.guardian_user_id = g.guardian_user_id AND o.student_id <> g.student_id
                 JOIN students b ON b.school_id = o.school_id AND b.id = o.student_id AND b.status = 'active'
                 WHERE g.school_id = $1 AND g.student_id = s.id AND g.status = 'active' AND o.status = 'active'
                   AND (coalesce(b.admission_date, b.created_at::date), b.id) < (coalesce(s.admission_date, s.created_at::date), s.id)) AS has_elder_sibling,
             EXISTS (SELECT FROM student_guardians g WHERE g.school_id = $1 AND g.student_id = s.id AND g.status = 'active'
                 AND (EXISTS (SELECT FROM staff f WHERE f.school_id = $1 AND f.user_id = g.guardian_user_id AND f.status = 'active')
                   OR EXISTS (SELECT FROM teachers t WHERE t.school_id = $1 AND t.user_id = g.guardian_user_id AND t.status = 'active'))) AS is_staff_child,
             coalesce(sits.classes, '{}') AS classes
         FROM students s LEFT JOIN fee_profiles p ON p.school_id = s.school_id AND p.id = s.id
         LEFT JOIN LATERAL (
             SELECT array_agg(class_id) FILTER (WHERE begin_date <= greatest($9, first)) AS classes
             FROM (SELECT e.class_id, e.begin_date, min(e.begin_date) OVER () AS first
                   FROM enrollments e JOIN classes c ON c.school_id = e.school_id AND c.id = e.class_id
                   WHERE e.school_id = $1 AND e.student_id = s.id AND e.status = 'active' AND (e.end_date IS NULL OR e.end_date >= $9::date)
                     AND ($4::uuid IS NULL OR c.academic_year_id = $4)) seat
         ) sits ON true
         WHERE s.school_id = $1 AND ($2::uuid IS NULL OR s.id > $2) AND ($3::uuid IS NULL OR s.id = $3)
           AND ($4::uuid IS NULL OR (s.status = 'active' AND EXISTS (SELECT FROM enrollments e JOIN classes c ON c.school_id = e.school_id AND c.id = e.class_id
                 WHERE e.school_id = $1 AND e.student_id = s.id AND e.status = 'active' AND (e.end_date IS NULL OR e.end_date >= $7)
                   AND c.academic_year_id = $4 AND ($5::uuid IS NULL OR c.id = $5))))
           AND ($6::text IS NULL OR p.category = $6)
         ORDER BY s.id LIMIT $8",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(after)
    .bind(one)
    .bind(year)
    .bind(class)
    .bind(category)
    .bind(today)
    .bind(limit)
    .bind(due_on)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)
}
