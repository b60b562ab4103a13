//! The table `quiz_answers`. Buffered. An answer is always found by its id, which follows from attempt and slot, so it stands in no list.

use std::sync::Arc;

use async_trait::async_trait;
use cache::Guard;
use domain::{AttemptId, SchoolId, ServiceName, SlotId, Timestamp, UserId, Version};
use futures_util::future::try_join_all;
use rust_decimal::Decimal;
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;
use write_behind::{Buffered, ReadError, WriteMode};

use super::reading::marked_rows;
use super::row;
use crate::model::attempt::{Answer, Attempt, answer_id};
use crate::model::mark::{Fraction, Mark};

const UPSERT: &str = "
INSERT INTO quiz_answers (id, school_id, quiz_id, attempt_id, slot_id, question_id, question_version, graded_version, max_mark, state, response, is_flagged,
    tries, best_fraction, is_checked, mark, feedback, answered_at, graded_by, graded_at, version, created_at, updated_at, numbers, certainty)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::int[], $8::int[], $9::numeric[], $10::text[], $11::jsonb[],
    $12::bool[], $13::smallint[], $14::numeric[], $15::bool[], $16::numeric[], $17::text[], $18::timestamptz[], $19::uuid[], $20::timestamptz[], $21::int[],
    $22::timestamptz[], $23::timestamptz[], $24::jsonb[], $25::smallint[])
ON CONFLICT (school_id, id) DO UPDATE SET
    graded_version = excluded.graded_version, max_mark = excluded.max_mark, state = excluded.state, response = excluded.response,
    is_flagged = excluded.is_flagged, tries = excluded.tries, best_fraction = excluded.best_fraction, is_checked = excluded.is_checked,
    mark = excluded.mark, feedback = excluded.feedback, answered_at = excluded.answered_at, graded_by = excluded.graded_by, graded_at = excluded.graded_at,
    version = excluded.version, updated_at = excluded.updated_at, numbers = excluded.numbers, certainty = excluded.certainty
WHERE quiz_answers.version < excluded.version AND quiz_answers.created_at = excluded.created_at
RETURNING id";

#[async_trait]
impl Buffered for Answer {
    const ENTITY: &'static str = "quiz_answer";
    const SERVICE: ServiceName = ServiceName::Quiz;

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
    fn school(&self) -> SchoolId {
        self.school_id
    }
    fn version(&self) -> Version {
        self.version
    }
    fn created_at(&self) -> Timestamp {
        self.created_at
    }
    fn scopes(&self) -> Vec<String> {
        Vec::new()
    }

    fn same_content(&self, other: &Self) -> bool {
        let timeless = |row: &Self| Self {
            created_at: other.created_at,
            updated_at: other.updated_at,
            answered_at: other.answered_at,
            graded_at: other.graded_at,
            ..row.clone()
        };
        timeless(self) == timeless(other)
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let column = |f: fn(&Self) -> Uuid| rows.iter().map(f).collect::<Vec<_>>();
        let time = |f: fn(&Self) -> Option<Timestamp>| rows.iter().map(f).collect::<Vec<_>>();
        let flag = |f: fn(&Self) -> bool| rows.iter().map(f).collect::<Vec<_>>();
        let number = |f: fn(&Self) -> Option<Decimal>| rows.iter().map(f).collect::<Vec<_>>();
        let written = sqlx::query_scalar(UPSERT)
            .bind(column(|row| row.id.as_uuid()))
            .bind(column(|row| row.school_id.as_uuid()))
            .bind(column(|row| row.quiz_id.as_uuid()))
            .bind(column(|row| row.attempt_id.as_uuid()))
            .bind(column(|row| row.slot_id.as_uuid()))
            .bind(column(|row| row.question_id.as_uuid()))
            .bind(rows.iter().map(|row| row.question_version.get()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.graded_version.map(Version::get)).collect::<Vec<_>>())
            .bind(number(|row| Some(row.max_mark.decimal())))
            .bind(rows.iter().map(|row| row.state.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.response.as_ref().map(Json)).collect::<Vec<_>>())
            .bind(flag(|row| row.is_flagged))
            .bind(rows.iter().map(|row| row.tries).collect::<Vec<_>>())
            .bind(number(|row| row.best_fraction.map(Fraction::decimal)))
            .bind(flag(|row| row.is_checked))
            .bind(number(|row| row.mark.map(Mark::decimal)))
            .bind(rows.iter().map(|row| row.feedback.as_deref()).collect::<Vec<_>>())
            .bind(time(|row| row.answered_at))
            .bind(rows.iter().map(|row| row.graded_by.map(UserId::as_uuid)).collect::<Vec<_>>())
            .bind(time(|row| row.graded_at))
            .bind(rows.iter().map(|row| row.version.get()).collect::<Vec<_>>())
            .bind(time(|row| Some(row.created_at)))
            .bind(time(|row| Some(row.updated_at)))
            .bind(rows.iter().map(|row| row.numbers.as_ref().map(Json)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.certainty.map(|certainty| i16::from(u8::from(certainty)))).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        Ok(written)
    }

    async fn stored(connection: &mut PgConnection, keys: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError> {
        let (schools, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|(school, id)| (school.as_uuid(), *id)).unzip();
        let rows: Vec<Json<Self>> = sqlx::query_scalar(
            "SELECT to_jsonb(a) FROM quiz_answers a
             JOIN unnest($1::uuid[], $2::uuid[]) AS k(school_id, id) ON a.school_id = k.school_id AND a.id = k.id",
        )
        .bind(schools)
        .bind(ids)
        .fetch_all(connection)
        .await?;
        Ok(store::plain(rows))
    }
}

/// The answer to a slot of an attempt, saved or not; none if the attempt does not ask it. `guard` is compared on the way.
pub(crate) async fn find_answer(
    platform: &Platform,
    guard: Option<&Arc<Guard>>,
    school: SchoolId,
    attempt: AttemptId,
    slot: SlotId,
) -> Result<Option<Answer>, ReadError> {
    let id = answer_id(attempt, slot).as_uuid();
    let load = || async move {
        let mut transaction = platform.postgres(ServiceName::Quiz).school_read(school).await?;
        row(&mut transaction, "SELECT to_jsonb(a) FROM quiz_answers a WHERE a.school_id = $1 AND a.id = $2", school, id).await
    };
    Ok(platform.buffer().find_guarded(guard, school, id, load).await?.row())
}

/// All answers of an attempt, in its own order, to be shown. They are in Redis as long as the attempt is young, and then come in one round trip; one query brings
/// those that are not.
pub(crate) async fn answers_of(platform: &Platform, attempt: &Attempt) -> Result<Vec<Answer>, Problem> {
    let mut answers = in_redis(platform, attempt).await?;
    if answers.iter().any(Option::is_none) {
        // What Redis does not have is saved, and was before this is asked.
        let mut transaction = platform.postgres(ServiceName::Quiz).school_read(attempt.school_id).await?;
        let saved = marked_rows(&mut transaction, &[attempt.id]).await?;
        for (answer, slot) in answers.iter_mut().zip(&attempt.layout).filter(|(answer, _)| answer.is_none()) {
            *answer = saved.iter().find(|row| row.slot_id == *slot).cloned();
        }
    }
    whole(attempt, answers)
}

/// The same to be changed: a row that is to be replaced must be in Redis, so those that are not are put there.
pub(crate) async fn answers_to_change(platform: &Platform, attempt: &Attempt) -> Result<Vec<Answer>, Problem> {
    if platform.config().write_buffer.mode == WriteMode::Through {
        return answers_of(platform, attempt).await;
    }
    let answers = in_redis(platform, attempt).await?;
    let found = answers.into_iter().zip(&attempt.layout).map(async |(answer, slot)| match answer {
        Some(answer) => Ok(Some(answer)),
        None => find_answer(platform, None, attempt.school_id, attempt.id, *slot).await,
    });
    whole(attempt, try_join_all(found).await?)
}

async fn in_redis(platform: &Platform, attempt: &Attempt) -> Result<Vec<Option<Answer>>, ReadError> {
    let ids: Vec<Uuid> = attempt.layout.iter().map(|slot| answer_id(attempt.id, *slot).as_uuid()).collect();
    platform.buffer().present(attempt.school_id, &ids).await
}

fn whole(attempt: &Attempt, answers: Vec<Option<Answer>>) -> Result<Vec<Answer>, Problem> {
    let count = answers.len();
    let answers: Vec<Answer> = answers.into_iter().flatten().collect();
    if answers.len() == count {
        return Ok(answers);
    }
    Err(Problem::internal(std::io::Error::other(format!("attempt {} lacks {} of its answers", attempt.id, count - answers.len()))))
}
