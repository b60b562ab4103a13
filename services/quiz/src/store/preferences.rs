//! The table `quiz_preferences`: who does not want to stand on leaderboards.

use std::collections::HashSet;

use domain::{StudentId, Timestamp};
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

/// The students of the school who don't want to be shown.
pub(crate) async fn hidden_students(transaction: &mut SchoolTransaction) -> Result<HashSet<StudentId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT student_id FROM quiz_preferences WHERE school_id = $1 AND hides_from_leaderboards")
        .bind(transaction.school_id().as_uuid())
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(ids.into_iter().map(StudentId::from_uuid).collect())
}

/// Whether a student is one of them.
pub(crate) async fn hides(transaction: &mut SchoolTransaction, student: StudentId) -> Result<bool, StoreError> {
    let hides: Option<bool> =
        sqlx::query_scalar("SELECT hides_from_leaderboards FROM quiz_preferences WHERE school_id = $1 AND student_id = $2")
            .bind(transaction.school_id().as_uuid())
            .bind(student.as_uuid())
            .fetch_optional(transaction.connection()?)
            .await?;
    Ok(hides.unwrap_or(false))
}

/// Notes what a student wants.
pub(crate) async fn set_hides(
    transaction: &mut SchoolTransaction,
    student: StudentId,
    hides: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO quiz_preferences (school_id, id, student_id, hides_from_leaderboards, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT ON CONSTRAINT quiz_preferences_student DO UPDATE SET hides_from_leaderboards = excluded.hides_from_leaderboards,
            version = quiz_preferences.version + 1, updated_at = excluded.updated_at",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(Uuid::now_v7())
    .bind(student.as_uuid())
    .bind(hides)
    .bind(now)
    .execute(transaction.connection()?)
    .await?;
    Ok(())
}
