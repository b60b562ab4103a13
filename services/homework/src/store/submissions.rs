//! The table `homework_submissions`.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use cache::Guard;
use domain::{HomeworkId, Points, SchoolId, ServiceName, StudentId, SubmissionId, Timestamp, UserId, Version};
use rust_decimal::Decimal;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use store::entity::homework_submissions::{Column, Entity, Model};
use uuid::Uuid;
use write_behind::{Buffered, Found, ReadError, merge};

use super::{decimal, points, unreadable};
use crate::model::submission::{Status, Submission};

const UPSERT: &str = "
INSERT INTO homework_submissions (id, school_id, homework_id, student_id, attempt, status, content, submitted_at, is_late, late_seconds, points,
    points_after_penalty, feedback, graded_by, graded_at, returned_at, version, created_at, updated_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::text[], $8::timestamptz[], $9::bool[], $10::bigint[],
    $11::numeric[], $12::numeric[], $13::text[], $14::uuid[], $15::timestamptz[], $16::timestamptz[], $17::int[], $18::timestamptz[], $19::timestamptz[])
ON CONFLICT (school_id, id) DO UPDATE SET
    status = excluded.status, content = excluded.content, submitted_at = excluded.submitted_at, is_late = excluded.is_late,
    late_seconds = excluded.late_seconds, points = excluded.points, points_after_penalty = excluded.points_after_penalty,
    feedback = excluded.feedback, graded_by = excluded.graded_by, graded_at = excluded.graded_at, returned_at = excluded.returned_at,
    version = excluded.version, updated_at = excluded.updated_at
WHERE homework_submissions.version < excluded.version AND homework_submissions.created_at = excluded.created_at
RETURNING id";

#[async_trait]
impl Buffered for Submission {
    const ENTITY: &'static str = "homework_submission";
    const SERVICE: ServiceName = ServiceName::Homework;

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
        vec![homework_scope(self.homework_id)]
    }

    fn same_content(&self, other: &Self) -> bool {
        // Being late is a matter of when, so two tries of one submission may differ in that too.
        let timeless = |row: &Self| Self {
            created_at: other.created_at,
            updated_at: other.updated_at,
            submitted_at: other.submitted_at,
            is_late: other.is_late,
            late_seconds: other.late_seconds,
            graded_at: other.graded_at,
            returned_at: other.returned_at,
            ..row.clone()
        };
        timeless(self) == timeless(other)
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let column = |f: fn(&Self) -> Uuid| rows.iter().map(f).collect::<Vec<_>>();
        let time = |f: fn(&Self) -> Option<Timestamp>| rows.iter().map(f).collect::<Vec<_>>();
        let text = |f: fn(&Self) -> Option<&str>| rows.iter().map(f).collect::<Vec<_>>();
        let marks = |f: fn(&Self) -> Option<Points>| rows.iter().map(|row| f(row).map(decimal)).collect::<Vec<Option<Decimal>>>();
        let written = sqlx::query_scalar(UPSERT)
            .bind(column(|row| row.id.as_uuid()))
            .bind(column(|row| row.school_id.as_uuid()))
            .bind(column(|row| row.homework_id.as_uuid()))
            .bind(column(|row| row.student_id.as_uuid()))
            .bind(rows.iter().map(|row| i32::from(row.attempt)).collect::<Vec<_>>())
            .bind(text(|row| Some(row.status.as_str())))
            .bind(text(|row| Some(&row.content)))
            .bind(time(|row| Some(row.submitted_at)))
            .bind(rows.iter().map(|row| row.is_late).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.late_seconds).collect::<Vec<_>>())
            .bind(marks(|row| row.points))
            .bind(marks(|row| row.points_after_penalty))
            .bind(text(|row| row.feedback.as_deref()))
            .bind(rows.iter().map(|row| row.graded_by.map(UserId::as_uuid)).collect::<Vec<_>>())
            .bind(time(|row| row.graded_at))
            .bind(time(|row| row.returned_at))
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
            "SELECT to_jsonb(s) FROM homework_submissions s
             JOIN unnest($1::uuid[], $2::uuid[]) AS k(school_id, id) ON s.school_id = k.school_id AND s.id = k.id",
        )
        .bind(schools)
        .bind(ids)
        .fetch_all(connection)
        .await?;
        Ok(store::plain(rows))
    }
}

fn homework_scope(homework: HomeworkId) -> String {
    format!("homework:{homework}")
}

fn from_model(row: Model) -> Result<Submission, StoreError> {
    let status = match row.status.as_str() {
        "submitted" => Status::Submitted,
        "graded" => Status::Graded,
        "returned" => Status::Returned,
        _ => return Err(unreadable("a status")),
    };
    Ok(Submission {
        id: SubmissionId::from_uuid(row.id),
        school_id: SchoolId::from_uuid(row.school_id),
        homework_id: HomeworkId::from_uuid(row.homework_id),
        student_id: StudentId::from_uuid(row.student_id),
        attempt: u8::try_from(row.attempt).map_err(|_| unreadable("an attempt"))?,
        status,
        content: row.content.unwrap_or_default(),
        submitted_at: row.submitted_at.ok_or_else(|| unreadable("no time of submission"))?,
        is_late: row.is_late,
        late_seconds: row.late_seconds,
        points: row.points.map(points).transpose()?,
        points_after_penalty: row.points_after_penalty.map(points).transpose()?,
        feedback: row.feedback,
        graded_by: row.graded_by.map(UserId::from_uuid),
        graded_at: row.graded_at,
        returned_at: row.returned_at,
        version: Version::try_from(row.version).map_err(|_| unreadable("a version"))?,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// The submission with this id, saved or not, or the proof that there is none.
pub(crate) async fn find_submission(
    platform: &Platform,
    guard: Option<&Arc<Guard>>,
    school: SchoolId,
    id: SubmissionId,
) -> Result<Found<Submission>, ReadError> {
    let postgres = platform.postgres(ServiceName::Homework);
    let load = || async move {
        let transaction = postgres.school_read(school).await?;
        let row = Entity::find_by_id((school.as_uuid(), id.as_uuid())).one(&transaction).await?;
        row.map(from_model).transpose()
    };
    platform.buffer().find_guarded(guard, school, id.as_uuid(), load).await
}

/// Which submissions of a piece of homework a list holds.
#[derive(Debug, Clone)]
pub(crate) struct SubmissionFilter {
    pub(crate) homework: HomeworkId,
    /// Of these students only; none means of all.
    pub(crate) students: Option<Vec<StudentId>>,
    pub(crate) status: Option<Status>,
    /// After this row, in the order of the list.
    pub(crate) after: Option<(Timestamp, SubmissionId)>,
}

impl SubmissionFilter {
    /// The same question that [`SubmissionFilter::condition`] asks PostgreSQL.
    fn holds(&self, row: &Submission) -> bool {
        self.students.as_ref().is_none_or(|students| students.contains(&row.student_id))
            && self.status.is_none_or(|status| row.status == status)
            && self.after.is_none_or(|after| (row.submitted_at, row.id) > after)
    }

    fn condition(&self) -> Condition {
        let mut condition = Condition::all().add(Column::HomeworkId.eq(self.homework.as_uuid()));
        if let Some(students) = &self.students {
            condition = condition.add(Column::StudentId.is_in(students.iter().map(|student| student.as_uuid())));
        }
        if let Some(status) = self.status {
            condition = condition.add(Column::Status.eq(status.as_str()));
        }
        if let Some((submitted_at, id)) = self.after {
            let same_time = Condition::all().add(Column::SubmittedAt.eq(submitted_at)).add(Column::Id.gt(id.as_uuid()));
            condition = condition.add(Condition::any().add(Column::SubmittedAt.gt(submitted_at)).add(same_time));
        }
        condition
    }
}

/// The first `limit` rows, in the order in which they were handed in.
pub(crate) async fn list_submissions(
    platform: &Platform,
    school: SchoolId,
    filter: &SubmissionFilter,
    limit: u64,
) -> Result<Vec<Submission>, Problem> {
    let unsaved: HashMap<Uuid, Submission> = platform.buffer().unsaved(school, &homework_scope(filter.homework)).await?;
    let transaction = platform.postgres(ServiceName::Homework).school_read(school).await?;
    let saved = Entity::find()
        .filter(filter.condition())
        .order_by_asc(Column::SubmittedAt)
        .order_by_asc(Column::Id)
        .limit(limit + unsaved.len() as u64)
        .all(&transaction)
        .await?;
    let saved = saved.into_iter().map(from_model).collect::<Result<Vec<_>, _>>()?;
    let as_handed_in = |a: &Submission, b: &Submission| (a.submitted_at, a.id).cmp(&(b.submitted_at, b.id));
    Ok(merge(saved, unsaved, |row| filter.holds(row), as_handed_in))
}
