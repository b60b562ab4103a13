//! The table `quiz_attempts`. Buffered.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use cache::Guard;
use domain::{AttemptId, QuizId, SchoolId, ServiceName, StudentId, Timestamp, Version};
use futures_util::future::try_join_all;
use rust_decimal::Decimal;
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;
use write_behind::{Buffered, Found, ReadError, merge};

use super::row;
use crate::model::attempt::{Attempt, State, attempt_id};
use crate::model::mark::Mark;
use crate::model::quiz::{MAX_ATTEMPTS, Quiz};

const UPSERT: &str = "
INSERT INTO quiz_attempts (id, school_id, quiz_id, student_id, attempt, state, seed, layout, started_at, due_at, submitted_at, score, graded_at, version,
    created_at, updated_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::bigint[], $8::jsonb[], $9::timestamptz[],
    $10::timestamptz[], $11::timestamptz[], $12::numeric[], $13::timestamptz[], $14::int[], $15::timestamptz[], $16::timestamptz[])
ON CONFLICT (school_id, id) DO UPDATE SET
    state = excluded.state, due_at = excluded.due_at, submitted_at = excluded.submitted_at, score = excluded.score, graded_at = excluded.graded_at,
    version = excluded.version, updated_at = excluded.updated_at
WHERE quiz_attempts.version < excluded.version AND quiz_attempts.created_at = excluded.created_at
RETURNING id";

#[async_trait]
impl Buffered for Attempt {
    const ENTITY: &'static str = "quiz_attempt";
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
        vec![quiz_scope(self.quiz_id)]
    }

    fn same_content(&self, other: &Self) -> bool {
        let timeless = |row: &Self| Self {
            created_at: other.created_at,
            updated_at: other.updated_at,
            started_at: other.started_at,
            due_at: other.due_at,
            submitted_at: other.submitted_at,
            graded_at: other.graded_at,
            ..row.clone()
        };
        timeless(self) == timeless(other)
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let column = |f: fn(&Self) -> Uuid| rows.iter().map(f).collect::<Vec<_>>();
        let time = |f: fn(&Self) -> Option<Timestamp>| rows.iter().map(f).collect::<Vec<_>>();
        let written = sqlx::query_scalar(UPSERT)
            .bind(column(|row| row.id.as_uuid()))
            .bind(column(|row| row.school_id.as_uuid()))
            .bind(column(|row| row.quiz_id.as_uuid()))
            .bind(column(|row| row.student_id.as_uuid()))
            .bind(rows.iter().map(|row| i32::from(row.attempt)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.state.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.seed).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| Json(&row.layout)).collect::<Vec<_>>())
            .bind(time(|row| Some(row.started_at)))
            .bind(time(|row| row.due_at))
            .bind(time(|row| row.submitted_at))
            .bind(rows.iter().map(|row| row.score.map(Mark::decimal)).collect::<Vec<Option<Decimal>>>())
            .bind(time(|row| row.graded_at))
            .bind(rows.iter().map(|row| row.version.get()).collect::<Vec<_>>())
            .bind(time(|row| Some(row.created_at)))
            .bind(time(|row| Some(row.updated_at)))
            .fetch_all(connection)
            .await?;
        Ok(written)
    }

    async fn stored(connection: &mut PgConnection, keys: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError> {
        let (schools, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|(school, id)| (school.as_uuid(), *id)).unzip();
        let rows: Vec<Json<Self>> = sqlx::query_scalar(
            "SELECT to_jsonb(a) FROM quiz_attempts a
             JOIN unnest($1::uuid[], $2::uuid[]) AS k(school_id, id) ON a.school_id = k.school_id AND a.id = k.id",
        )
        .bind(schools)
        .bind(ids)
        .fetch_all(connection)
        .await?;
        Ok(store::plain(rows))
    }
}

fn quiz_scope(quiz: QuizId) -> String {
    format!("quiz:{quiz}")
}

/// The attempt with this id, saved or not, or the proof that there is none. `guard` is compared on the way.
pub(crate) async fn find_attempt(
    platform: &Platform,
    guard: Option<&Arc<Guard>>,
    school: SchoolId,
    id: AttemptId,
) -> Result<Found<Attempt>, ReadError> {
    let load = || async move {
        let mut transaction = platform.postgres(ServiceName::Quiz).school_read(school).await?;
        row(&mut transaction, "SELECT to_jsonb(a) FROM quiz_attempts a WHERE a.school_id = $1 AND a.id = $2", school, id.as_uuid()).await
    };
    platform.buffer().find_guarded(guard, school, id.as_uuid(), load).await
}

/// A student's other attempts at a quiz, where `attempt` is one of them as it is about to be written. Looking for one more than there are asks PostgreSQL, which is not
/// needed where the attempt itself tells that it is the last.
pub(crate) async fn other_attempts(platform: &Platform, quiz: &Quiz, attempt: &Attempt) -> Result<Vec<Attempt>, ReadError> {
    let find = |number| find_attempt(platform, None, quiz.school_id, attempt_id(quiz, attempt.student_id, number));
    let earlier = try_join_all((1..attempt.attempt).map(find)).await?;
    let mut others: Vec<Attempt> = earlier.into_iter().filter_map(Found::row).collect();
    if !attempt.is_in_turn() {
        for number in attempt.attempt.saturating_add(1)..=MAX_ATTEMPTS {
            let Some(later) = find(number).await?.row() else { break };
            others.push(later);
        }
    }
    Ok(others)
}

/// What never changes about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sitting {
    pub(crate) quiz_id: QuizId,
    pub(crate) student_id: StudentId,
    pub(crate) started_at: Timestamp,
}

impl From<&Attempt> for Sitting {
    fn from(attempt: &Attempt) -> Self {
        Self { quiz_id: attempt.quiz_id, student_id: attempt.student_id, started_at: attempt.started_at }
    }
}

/// How many sittings a process remembers: several schools' exam mornings, some 200 bytes each.
const REMEMBERED: u64 = 50_000;

/// Sittings that this process has seen. An answer is saved again and again; whose attempt it belongs to is asked once.
#[derive(Debug, Clone)]
pub(crate) struct Sittings(moka::sync::Cache<(SchoolId, AttemptId), Sitting>);

impl Default for Sittings {
    fn default() -> Self {
        Self(moka::sync::Cache::new(REMEMBERED))
    }
}

impl Sittings {
    /// Remembers an attempt that was read, or whose write was acknowledged.
    pub(crate) fn remember(&self, attempt: &Attempt) {
        self.0.insert((attempt.school_id, attempt.id), attempt.into());
    }

    /// The sitting of this id, from memory or as `find_attempt` finds it.
    pub(crate) async fn find(
        &self,
        platform: &Platform,
        guard: Option<&Arc<Guard>>,
        school: SchoolId,
        id: AttemptId,
    ) -> Result<Option<Sitting>, ReadError> {
        if let Some(sitting) = self.0.get(&(school, id)) {
            return Ok(Some(sitting));
        }
        // Once an attempt and process, and large: not worth its room in every request.
        let Some(attempt) = Box::pin(find_attempt(platform, guard, school, id)).await?.row() else { return Ok(None) };
        self.remember(&attempt);
        Ok(Some((&attempt).into()))
    }
}

/// Which attempts at a quiz a list holds.
#[derive(Debug, Clone)]
pub(crate) struct AttemptFilter {
    pub(crate) quiz: QuizId,
    /// Of these students only; none means of all.
    pub(crate) students: Option<Vec<StudentId>>,
    pub(crate) state: Option<State>,
    /// After this row, in the order of the list.
    pub(crate) after: Option<(Timestamp, AttemptId)>,
}

impl AttemptFilter {
    pub(crate) const fn all(quiz: QuizId) -> Self {
        Self { quiz, students: None, state: None, after: None }
    }

    /// The same question that the query asks PostgreSQL.
    fn holds(&self, row: &Attempt) -> bool {
        self.students.as_ref().is_none_or(|students| students.contains(&row.student_id))
            && self.state.is_none_or(|state| row.state == state)
            && self.after.is_none_or(|after| (row.started_at, row.id) > after)
    }
}

const LIST: &str = "
SELECT to_jsonb(a) FROM quiz_attempts a
WHERE a.school_id = $1 AND a.quiz_id = $2 AND ($3::uuid[] IS NULL OR a.student_id = ANY ($3)) AND ($4::text IS NULL OR a.state = $4)
    AND ($5::timestamptz IS NULL OR (a.started_at, a.id) > ($5, $6))
ORDER BY a.started_at, a.id LIMIT $7";

/// The first `limit` attempts, or all of them, in the order in which they began.
pub(crate) async fn list_attempts(
    platform: &Platform,
    school: SchoolId,
    filter: &AttemptFilter,
    limit: Option<u64>,
) -> Result<Vec<Attempt>, Problem> {
    let unsaved: HashMap<Uuid, Attempt> = platform.buffer().unsaved(school, &quiz_scope(filter.quiz)).await?;
    let limit = limit.and_then(|limit| i64::try_from(limit + unsaved.len() as u64).ok());
    let mut transaction = platform.postgres(ServiceName::Quiz).school_read(school).await?;
    let saved: Vec<Json<Attempt>> = sqlx::query_scalar(LIST)
        .bind(school.as_uuid())
        .bind(filter.quiz.as_uuid())
        .bind(filter.students.as_ref().map(|students| students.iter().map(|student| student.as_uuid()).collect::<Vec<_>>()))
        .bind(filter.state.map(State::as_str))
        .bind(filter.after.map(|(started, _)| started))
        .bind(filter.after.map(|(_, id)| id.as_uuid()))
        .bind(limit)
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    let saved = store::plain(saved);
    Ok(merge(saved, unsaved, |row| filter.holds(row), |a, b| (a.started_at, a.id).cmp(&(b.started_at, b.id))))
}
