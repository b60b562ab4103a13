//! Reads over what is saved: what waits to be marked, the rows of the statistics, attempts whose time is up. Whoever needs the last word waits for the buffer
//! first.

use domain::{AnswerId, AttemptId, QuizId, SchoolId, SlotId, Timestamp};
use service_kit::Platform;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

use crate::model::attempt::{Answer, Attempt};

/// Which answers to a slot a marker is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) quiz: QuizId,
    pub(crate) slot: SlotId,
    /// Also what is marked already.
    pub(crate) all: bool,
    /// After this row, in the order of the list.
    pub(crate) after: Option<AnswerId>,
}

/// The first `limit` answers of submitted attempts, by id: an order that says nothing about who wrote them.
pub(crate) async fn waiting(transaction: &mut SchoolTransaction, list: Waiting, limit: u64) -> Result<Vec<(Answer, Attempt)>, StoreError> {
    let rows: Vec<(Json<Answer>, Json<Attempt>)> = sqlx::query_as(
        "SELECT to_jsonb(w), to_jsonb(a) FROM quiz_answers w
         JOIN quiz_attempts a ON a.school_id = w.school_id AND a.id = w.attempt_id AND a.state IN ('submitted', 'graded')
         WHERE w.school_id = $1 AND w.quiz_id = $2 AND w.slot_id = $3 AND (w.state = 'waiting' OR $4 AND w.state = 'marked') AND ($5::uuid IS NULL OR w.id > $5)
         ORDER BY w.id LIMIT $6",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(list.quiz.as_uuid())
    .bind(list.slot.as_uuid())
    .bind(list.all)
    .bind(list.after.map(AnswerId::as_uuid))
    .bind(limit.cast_signed())
    .fetch_all(transaction.connection()?)
    .await?;
    Ok(rows.into_iter().map(|(Json(answer), Json(attempt))| (answer, attempt)).collect())
}

/// The answers of these attempts.
pub(crate) async fn marked_rows(transaction: &mut SchoolTransaction, attempts: &[AttemptId]) -> Result<Vec<Answer>, StoreError> {
    let ids: Vec<Uuid> = attempts.iter().map(|attempt| attempt.as_uuid()).collect();
    let rows: Vec<Json<Answer>> = sqlx::query_scalar(
        "SELECT to_jsonb(w) FROM quiz_answers w WHERE w.school_id = $1 AND w.attempt_id = ANY ($2) ORDER BY w.attempt_id, w.slot_id",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(ids)
    .fetch_all(transaction.connection()?)
    .await?;
    Ok(store::plain(rows))
}

/// Attempts of the school that run and may be over, in the order of their ids: by their own row, or by what their quiz says now. Overrides can make that untrue, and some
/// may have ended in Redis already, so each is judged again.
pub(crate) async fn overdue(
    transaction: &mut SchoolTransaction,
    now: Timestamp,
    after: Option<AttemptId>,
    limit: usize,
) -> Result<Vec<AttemptId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT a.id FROM quiz_attempts a JOIN quizzes q ON q.school_id = a.school_id AND q.id = a.quiz_id
         WHERE a.school_id = $1 AND a.state IN ('in_progress', 'overdue')
            AND least(a.due_at, q.closes_at, a.started_at + make_interval(secs => q.time_limit_seconds)) < $2 AND ($3::uuid IS NULL OR a.id > $3)
         ORDER BY a.id LIMIT $4",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(now)
    .bind(after.map(AttemptId::as_uuid))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(transaction.connection()?)
    .await?;
    Ok(ids.into_iter().map(AttemptId::from_uuid).collect())
}

/// The schools in which attempts run. Asked as the batch processor, which sees the attempts of all schools; a service sees one school at a time.
pub(crate) async fn schools_that_sit(platform: &Platform) -> Result<Vec<SchoolId>, StoreError> {
    let mut transaction = platform.batch_postgres().platform().await?;
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT DISTINCT school_id FROM quiz_attempts WHERE state IN ('in_progress', 'overdue')")
        .fetch_all(transaction.connection()?)
        .await?;
    Ok(ids.into_iter().map(SchoolId::from_uuid).collect())
}
