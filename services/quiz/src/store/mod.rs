//! How quizzes, attempts, answers and questions are kept: quizzes with their slots and overrides commit in PostgreSQL and are cached as one sheet; attempts and
//! answers are buffered; questions and statistics are documents of MongoDB.

mod analytics;
mod answers;
mod attempts;
mod bank;
mod categories;
mod papers;
mod preferences;
mod reading;
mod sheets;

use domain::SchoolId;
use service_kit::Problem;
use sqlx::types::Json;
use store::{MongoError, SchoolTransaction, StoreError};
use uuid::Uuid;

pub(crate) use analytics::{Analysis, ItemAnalysis, find_analysis, keep_analysis};
pub(crate) use answers::{answers_of, answers_to_change, find_answer};
pub(crate) use attempts::{AttemptFilter, Sittings, find_attempt, list_attempts, other_attempts};
pub(crate) use bank::{Bank, BankFilter, Question, QuestionStatus};
pub(crate) use categories::{Categories, Category};
pub(crate) use papers::{
    QuizFilter, insert_quiz, list_quizzes, lock_sheet, remove_override, remove_quiz, save_override, save_quiz, save_slots,
};
pub(crate) use preferences::{hidden_students, hides, set_hides};
pub(crate) use reading::{Waiting, marked_rows, overdue, schools_that_sit, waiting};
pub(crate) use sheets::{Sheet, Sheets};

/// MongoDB's failures, as a client is told them.
pub(crate) fn mongo(error: MongoError) -> Problem {
    if error.is_transient() {
        tracing::warn!(%error, "MongoDB is away");
        return Problem::unavailable(std::time::Duration::from_secs(1), "The question bank");
    }
    Problem::internal(error)
}

/// One row as JSON, by its key: `query` takes school and id.
async fn row<T>(transaction: &mut SchoolTransaction, query: &'static str, school: SchoolId, id: Uuid) -> Result<Option<T>, StoreError>
where
    T: serde::de::DeserializeOwned + Send + Unpin + 'static,
{
    let found: Option<Json<T>> =
        sqlx::query_scalar(query).bind(school.as_uuid()).bind(id).fetch_optional(transaction.connection()?).await?;
    Ok(found.map(|Json(row)| row))
}
