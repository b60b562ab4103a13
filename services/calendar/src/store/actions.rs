//! What others' tables tell of what is to be done: homework that is due, quizzes that open and close. The calendar reads them and writes none. What was
//! acknowledged a moment ago is there as soon as it is saved.

use domain::{ClassId, SchoolId, StudentId, Timestamp};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;

use super::plain;
use crate::model::action::Action;

// A quiz has the times that it has for the student: by their own override, else the kindest of their groups, else its own. Its version counts its overrides too.
// What was handed in is done.
const ACTIONS: &str = "
WITH whom AS (SELECT class_id, student_id FROM unnest($2::uuid[], $3::uuid[]) AS w(class_id, student_id)),
quiz AS (
    SELECT q.id, q.class_id, w.student_id, q.title, coalesce(o.opens_at, g.opens_at, q.opens_at) AS opens_at,
        coalesce(o.closes_at, g.closes_at, q.closes_at) AS closes_at, q.version - 1 AS sequence, greatest(q.updated_at, o.updated_at, g.updated_at) AS updated_at,
        CASE WHEN w.student_id IS NOT NULL THEN EXISTS (SELECT FROM quiz_attempts a WHERE a.school_id = q.school_id AND a.quiz_id = q.id
            AND a.student_id = w.student_id AND a.state IN ('submitted', 'graded')) END AS done
    FROM quizzes q JOIN whom w ON w.class_id = q.class_id
    LEFT JOIN quiz_overrides o ON o.school_id = q.school_id AND o.quiz_id = q.id AND o.student_id = w.student_id
    LEFT JOIN LATERAL (SELECT min(o.opens_at) AS opens_at, max(o.closes_at) AS closes_at, max(o.updated_at) AS updated_at
        FROM quiz_overrides o JOIN quiz_override_members m ON m.school_id = o.school_id AND m.override_id = o.id
        WHERE o.school_id = q.school_id AND o.quiz_id = q.id AND m.student_id = w.student_id) AS g ON true
    WHERE q.school_id = $1 AND q.status = 'published'),
found AS (
    SELECT 'homework_due' AS kind, h.id AS subject_id, h.class_id, w.student_id, h.title, h.due_at AS at, h.version - 1 AS sequence, h.updated_at,
        CASE WHEN w.student_id IS NOT NULL THEN EXISTS (SELECT FROM homework_submissions s WHERE s.school_id = h.school_id AND s.homework_id = h.id
            AND s.student_id = w.student_id AND s.status <> 'draft') END AS done
    FROM homework h JOIN whom w ON w.class_id = h.class_id
    WHERE h.school_id = $1 AND h.status = 'published' AND h.due_at >= $4 AND h.due_at < $5
    UNION ALL SELECT 'quiz_opens', id, class_id, student_id, title, opens_at, sequence, updated_at, done FROM quiz WHERE opens_at >= $4 AND opens_at < $5
    UNION ALL SELECT 'quiz_closes', id, class_id, student_id, title, closes_at, sequence, updated_at, done FROM quiz WHERE closes_at >= $4 AND closes_at < $5)
SELECT to_jsonb(f) FROM found f ORDER BY at, kind, subject_id, student_id LIMIT $6";

/// What is to be done in the classes between two instants, in order of time: of a student in theirs, or of nobody in particular.
pub(crate) async fn actions(
    connection: &mut PgConnection,
    school: SchoolId,
    whom: &[(ClassId, Option<StudentId>)],
    (from, to): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<Action>, StoreError> {
    let classes: Vec<Uuid> = whom.iter().map(|(class, _)| class.as_uuid()).collect();
    let students: Vec<Option<Uuid>> = whom.iter().map(|(_, student)| student.map(StudentId::as_uuid)).collect();
    let query = sqlx::query_scalar(ACTIONS).bind(school.as_uuid()).bind(classes).bind(students).bind(from).bind(to).bind(limit);
    let rows: Vec<Json<Action>> = query.fetch_all(connection).await?;
    Ok(plain(rows))
}
