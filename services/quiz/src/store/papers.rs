//! The tables `quizzes`, `quiz_slots`, `quiz_overrides` and `quiz_override_members`: committed before the answer, because attempts are judged by them.
//!
//! Rows travel as JSON and PostgreSQL gives each value its column's type.

use domain::{ClassId, QuizId, QuizOverrideId, SchoolId, Timestamp, UserId};
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use super::row;
use super::sheets::{SHEET, Sheet};
use crate::model::paper::Slot;
use crate::model::quiz::{Quiz, Status};
use crate::model::terms::Override;

/// The quiz with all that belongs to it, which nobody else changes until the transaction ends.
pub(crate) async fn lock_sheet(transaction: &mut SchoolTransaction, id: QuizId) -> Result<Option<Sheet>, StoreError> {
    let school = transaction.school_id();
    sqlx::query("SELECT FROM quizzes WHERE school_id = $1 AND id = $2 FOR NO KEY UPDATE")
        .bind(school.as_uuid())
        .bind(id.as_uuid())
        .execute(transaction.connection()?)
        .await?;
    row(transaction, SHEET, school, id.as_uuid()).await
}

/// Adds a quiz.
pub(crate) async fn insert_quiz(transaction: &mut SchoolTransaction, quiz: &Quiz) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO quizzes SELECT * FROM jsonb_populate_record(NULL::quizzes, $1)")
        .bind(Json(quiz))
        .execute(transaction.connection()?)
        .await?;
    Ok(())
}

/// Writes a quiz that is locked.
pub(crate) async fn save_quiz(transaction: &mut SchoolTransaction, quiz: &Quiz) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE quizzes q SET (kind, title, description, status, opens_at, closes_at, time_limit_seconds, overdue_handling, grace_seconds, max_attempts,
            attempt_delay_seconds, grade_method, shuffle_questions, shuffle_answers, password_hash, review_options, sections, max_points, published_at,
            behaviour, negative_fraction, mark_floor, has_leaderboard, released_at, version, updated_at,
            allowed_networks, safe_browser)
         = (SELECT r.kind, r.title, r.description, r.status, r.opens_at, r.closes_at, r.time_limit_seconds, r.overdue_handling, r.grace_seconds,
            r.max_attempts, r.attempt_delay_seconds, r.grade_method, r.shuffle_questions, r.shuffle_answers, r.password_hash, r.review_options, r.sections,
            r.max_points, r.published_at, r.behaviour, r.negative_fraction, r.mark_floor, r.has_leaderboard, r.released_at, r.version, r.updated_at,
            r.allowed_networks, r.safe_browser
            FROM jsonb_populate_record(NULL::quizzes, $1) r)
         WHERE q.school_id = $2 AND q.id = $3",
    )
    .bind(Json(quiz))
    .bind(quiz.school_id.as_uuid())
    .bind(quiz.id.as_uuid())
    .execute(transaction.connection()?)
    .await?;
    Ok(())
}

/// Takes away a quiz with its slots and overrides. Attempts hold on to theirs.
pub(crate) async fn remove_quiz(transaction: &mut SchoolTransaction, id: QuizId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM quizzes WHERE school_id = $1 AND id = $2")
        .bind(transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .execute(transaction.connection()?)
        .await?;
    Ok(())
}

/// Makes `slots` the slots of a quiz that is locked.
pub(crate) async fn save_slots(transaction: &mut SchoolTransaction, quiz: QuizId, slots: &[Slot]) -> Result<(), StoreError> {
    let school = transaction.school_id().as_uuid();
    let ids: Vec<Uuid> = slots.iter().map(|slot| slot.id.as_uuid()).collect();
    sqlx::query("DELETE FROM quiz_slots WHERE school_id = $1 AND quiz_id = $2 AND id <> ALL ($3)")
        .bind(school)
        .bind(quiz.as_uuid())
        .bind(ids)
        .execute(transaction.connection()?)
        .await?;
    // Two slots may change places: positions are checked when the statement is over.
    sqlx::query(
        "INSERT INTO quiz_slots SELECT * FROM jsonb_populate_recordset(NULL::quiz_slots, $1)
         ON CONFLICT (school_id, id) DO UPDATE SET position = excluded.position, section = excluded.section, question_id = excluded.question_id,
            question_version = excluded.question_version, random_from = excluded.random_from, max_mark = excluded.max_mark, version = excluded.version,
            updated_at = excluded.updated_at
         WHERE quiz_slots.quiz_id = excluded.quiz_id",
    )
    .bind(Json(slots))
    .execute(transaction.connection()?)
    .await?;
    Ok(())
}

/// Adds or changes an override of a quiz that is locked.
pub(crate) async fn save_override(transaction: &mut SchoolTransaction, exception: &Override) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO quiz_overrides SELECT * FROM jsonb_populate_record(NULL::quiz_overrides, $1)
         ON CONFLICT (school_id, id) DO UPDATE SET group_name = excluded.group_name, opens_at = excluded.opens_at, closes_at = excluded.closes_at,
            time_limit_seconds = excluded.time_limit_seconds, max_attempts = excluded.max_attempts, reason = excluded.reason,
            version = excluded.version, updated_at = excluded.updated_at",
    )
    .bind(Json(exception))
    .execute(transaction.connection()?)
    .await?;
    let members: Vec<Uuid> = exception.members.iter().map(|student| student.as_uuid()).collect();
    sqlx::query("DELETE FROM quiz_override_members WHERE school_id = $1 AND override_id = $2 AND student_id <> ALL ($3)")
        .bind(exception.school_id.as_uuid())
        .bind(exception.id.as_uuid())
        .bind(&members)
        .execute(transaction.connection()?)
        .await?;
    sqlx::query(
        "INSERT INTO quiz_override_members (school_id, override_id, student_id) SELECT $1, $2, unnest($3::uuid[]) ON CONFLICT DO NOTHING",
    )
    .bind(exception.school_id.as_uuid())
    .bind(exception.id.as_uuid())
    .bind(&members)
    .execute(transaction.connection()?)
    .await?;
    Ok(())
}

/// Takes away an override.
pub(crate) async fn remove_override(transaction: &mut SchoolTransaction, id: QuizOverrideId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM quiz_overrides WHERE school_id = $1 AND id = $2")
        .bind(transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .execute(transaction.connection()?)
        .await?;
    Ok(())
}

/// Which quizzes a list holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct QuizFilter {
    /// Of any of these classes or by this author; none means the whole school.
    pub(crate) classes: Option<Vec<ClassId>>,
    pub(crate) author: Option<UserId>,
    pub(crate) status: Option<Status>,
    pub(crate) kind: Option<crate::model::quiz::Kind>,
    /// Not what is still being put together.
    pub(crate) given_only: bool,
    /// After this row, in the order of the list.
    pub(crate) after: Option<(Timestamp, QuizId)>,
}

const LIST: &str = "
SELECT to_jsonb(q) FROM quizzes q
WHERE q.school_id = $1 AND ($2::uuid[] IS NULL OR q.class_id = ANY ($2) OR q.created_by = $3) AND ($4::text IS NULL OR q.status = $4)
    AND ($5::text IS NULL OR q.kind = $5) AND (NOT $6 OR q.status <> 'draft') AND ($7::timestamptz IS NULL OR (q.created_at, q.id) < ($7, $8))
ORDER BY q.created_at DESC, q.id DESC LIMIT $9";

/// The first `limit` quizzes, newest first.
pub(crate) async fn list_quizzes(
    transaction: &mut SchoolTransaction,
    school: SchoolId,
    filter: &QuizFilter,
    limit: u64,
) -> Result<Vec<Quiz>, StoreError> {
    let rows: Vec<Json<Quiz>> = sqlx::query_scalar(LIST)
        .bind(school.as_uuid())
        .bind(filter.classes.as_ref().map(|classes| classes.iter().map(|class| class.as_uuid()).collect::<Vec<_>>()))
        .bind(filter.author.map(UserId::as_uuid))
        .bind(filter.status.map(Status::as_str))
        .bind(filter.kind.map(crate::model::quiz::Kind::as_str))
        .bind(filter.given_only)
        .bind(filter.after.map(|(created, _)| created))
        .bind(filter.after.map(|(_, id)| id.as_uuid()))
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(store::plain(rows))
}
