//! The table `homework`.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use cache::Guard;
use domain::{ClassId, HomeworkId, SchoolId, ServiceName, SubjectId, TeacherId, Timestamp, UserId, Version};
use rust_decimal::Decimal;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use store::entity::homework::{Column, Entity, Model};
use uuid::Uuid;
use write_behind::{Buffered, Found, ReadError, merge};

use super::{decimal, points, unreadable};
use crate::model::homework::{Homework, Status};
use crate::model::late_policy::LatePolicy;

const UPSERT: &str = "
INSERT INTO homework (id, school_id, class_id, subject_id, teacher_id, created_by, title, description, instructions, max_points, assigned_at,
    due_at, cutoff_at, allow_late, late_policy, max_attempts, status, published_at, version, created_at, updated_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::numeric[],
    $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::bool[], $15::jsonb[], $16::int[], $17::text[], $18::timestamptz[], $19::int[],
    $20::timestamptz[], $21::timestamptz[])
ON CONFLICT (school_id, id) DO UPDATE SET
    title = excluded.title, description = excluded.description, instructions = excluded.instructions, max_points = excluded.max_points,
    assigned_at = excluded.assigned_at, due_at = excluded.due_at, cutoff_at = excluded.cutoff_at, allow_late = excluded.allow_late,
    late_policy = excluded.late_policy, max_attempts = excluded.max_attempts, status = excluded.status, published_at = excluded.published_at,
    version = excluded.version, updated_at = excluded.updated_at
WHERE homework.version < excluded.version AND homework.created_at = excluded.created_at
RETURNING id";

#[async_trait]
impl Buffered for Homework {
    const ENTITY: &'static str = "homework";
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
        vec![school_scope(self.school_id), class_scope(self.class_id), author_scope(self.created_by)]
    }

    fn same_content(&self, other: &Self) -> bool {
        let timeless = |row: &Self| Self {
            created_at: other.created_at,
            updated_at: other.updated_at,
            assigned_at: other.assigned_at,
            published_at: other.published_at,
            ..row.clone()
        };
        timeless(self) == timeless(other)
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let column = |f: fn(&Self) -> Uuid| rows.iter().map(f).collect::<Vec<_>>();
        let optional = |f: fn(&Self) -> Option<Uuid>| rows.iter().map(f).collect::<Vec<_>>();
        let time = |f: fn(&Self) -> Option<Timestamp>| rows.iter().map(f).collect::<Vec<_>>();
        let text = |f: fn(&Self) -> Option<&str>| rows.iter().map(f).collect::<Vec<_>>();
        let written = sqlx::query_scalar(UPSERT)
            .bind(column(|row| row.id.as_uuid()))
            .bind(column(|row| row.school_id.as_uuid()))
            .bind(column(|row| row.class_id.as_uuid()))
            .bind(optional(|row| row.subject_id.map(SubjectId::as_uuid)))
            .bind(optional(|row| row.teacher_id.map(TeacherId::as_uuid)))
            .bind(column(|row| row.created_by.as_uuid()))
            .bind(text(|row| Some(&row.title)))
            .bind(text(|row| row.description.as_deref()))
            .bind(text(|row| row.instructions.as_deref()))
            .bind(rows.iter().map(|row| decimal(row.max_points)).collect::<Vec<Decimal>>())
            .bind(time(|row| row.assigned_at))
            .bind(time(|row| Some(row.due_at)))
            .bind(time(|row| row.cutoff_at))
            .bind(rows.iter().map(|row| row.allow_late).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.late_policy.map(Json)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| i32::from(row.max_attempts)).collect::<Vec<_>>())
            .bind(text(|row| Some(row.status.as_str())))
            .bind(time(|row| row.published_at))
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
            "SELECT to_jsonb(h) FROM homework h JOIN unnest($1::uuid[], $2::uuid[]) AS k(school_id, id) ON h.school_id = k.school_id AND h.id = k.id",
        )
        .bind(schools)
        .bind(ids)
        .fetch_all(connection)
        .await?;
        Ok(store::plain(rows))
    }
}

fn school_scope(school: SchoolId) -> String {
    format!("school:{school}")
}

fn class_scope(class: ClassId) -> String {
    format!("class:{class}")
}

fn author_scope(author: UserId) -> String {
    format!("author:{author}")
}

fn from_model(row: Model) -> Result<Homework, StoreError> {
    let status = match row.status.as_str() {
        "draft" => Status::Draft,
        "published" => Status::Published,
        "closed" => Status::Closed,
        _ => return Err(unreadable("a status")),
    };
    let late_policy = row.late_policy.map(serde_json::from_value::<LatePolicy>).transpose();
    Ok(Homework {
        id: HomeworkId::from_uuid(row.id),
        school_id: SchoolId::from_uuid(row.school_id),
        class_id: ClassId::from_uuid(row.class_id),
        subject_id: row.subject_id.map(SubjectId::from_uuid),
        teacher_id: row.teacher_id.map(TeacherId::from_uuid),
        created_by: UserId::from_uuid(row.created_by),
        title: row.title,
        description: row.description,
        instructions: row.instructions,
        max_points: points(row.max_points)?,
        assigned_at: row.assigned_at,
        due_at: row.due_at,
        cutoff_at: row.cutoff_at,
        allow_late: row.allow_late,
        late_policy: late_policy.map_err(|_| unreadable("a late policy"))?,
        max_attempts: u8::try_from(row.max_attempts).map_err(|_| unreadable("a number of attempts"))?,
        status,
        published_at: row.published_at,
        version: Version::try_from(row.version).map_err(|_| unreadable("a version"))?,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// The homework with this id, saved or not.
pub(crate) async fn find_homework(
    platform: &Platform,
    guard: Option<&Arc<Guard>>,
    school: SchoolId,
    id: HomeworkId,
) -> Result<Option<Homework>, ReadError> {
    Ok(look_for_homework(platform, guard, school, id).await?.row())
}

/// The homework with this id, saved or not, or the proof that there is none.
pub(crate) async fn look_for_homework(
    platform: &Platform,
    guard: Option<&Arc<Guard>>,
    school: SchoolId,
    id: HomeworkId,
) -> Result<Found<Homework>, ReadError> {
    let postgres = platform.postgres(ServiceName::Homework);
    let load = || async move {
        let transaction = postgres.school_read(school).await?;
        let row = Entity::find_by_id((school.as_uuid(), id.as_uuid())).one(&transaction).await?;
        row.map(from_model).transpose()
    };
    platform.buffer().find_guarded(guard, school, id.as_uuid(), load).await
}

/// Which homework a list holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct HomeworkFilter {
    /// Of any of these classes or by this author; both empty means the whole school.
    pub(crate) classes: Vec<ClassId>,
    pub(crate) author: Option<UserId>,
    pub(crate) status: Option<Status>,
    /// Not what is still being written.
    pub(crate) given_only: bool,
    pub(crate) due_from: Option<Timestamp>,
    pub(crate) due_before: Option<Timestamp>,
    /// After this row, in the order of the list.
    pub(crate) after: Option<(Timestamp, HomeworkId)>,
}

impl HomeworkFilter {
    fn whole_school(&self) -> bool {
        self.classes.is_empty() && self.author.is_none()
    }

    /// The same question that [`HomeworkFilter::condition`] asks PostgreSQL.
    fn holds(&self, row: &Homework) -> bool {
        (self.whole_school() || self.classes.contains(&row.class_id) || self.author == Some(row.created_by))
            && self.status.is_none_or(|status| row.status == status)
            && (!self.given_only || row.status != Status::Draft)
            && self.due_from.is_none_or(|from| row.due_at >= from)
            && self.due_before.is_none_or(|before| row.due_at < before)
            && self.after.is_none_or(|after| (row.created_at, row.id) < after)
    }

    fn condition(&self) -> Condition {
        let mut condition = Condition::all();
        if !self.whole_school() {
            let mut whose = Condition::any().add(Column::ClassId.is_in(self.classes.iter().map(|class| class.as_uuid())));
            if let Some(author) = self.author {
                whose = whose.add(Column::CreatedBy.eq(author.as_uuid()));
            }
            condition = condition.add(whose);
        }
        if let Some(status) = self.status {
            condition = condition.add(Column::Status.eq(status.as_str()));
        }
        if self.given_only {
            condition = condition.add(Column::Status.ne(Status::Draft.as_str()));
        }
        if let Some(from) = self.due_from {
            condition = condition.add(Column::DueAt.gte(from));
        }
        if let Some(before) = self.due_before {
            condition = condition.add(Column::DueAt.lt(before));
        }
        if let Some((created_at, id)) = self.after {
            let same_time = Condition::all().add(Column::CreatedAt.eq(created_at)).add(Column::Id.lt(id.as_uuid()));
            condition = condition.add(Condition::any().add(Column::CreatedAt.lt(created_at)).add(same_time));
        }
        condition
    }

    fn scopes(&self, school: SchoolId) -> Vec<String> {
        if self.whole_school() {
            return vec![school_scope(school)];
        }
        self.classes.iter().map(|class| class_scope(*class)).chain(self.author.map(author_scope)).collect()
    }
}

/// The first `limit` rows, newest first.
pub(crate) async fn list_homework(
    platform: &Platform,
    school: SchoolId,
    filter: &HomeworkFilter,
    limit: u64,
) -> Result<Vec<Homework>, Problem> {
    let unsaved: HashMap<Uuid, Homework> = platform.buffer().unsaved_many(school, &filter.scopes(school)).await?;
    let transaction = platform.postgres(ServiceName::Homework).school_read(school).await?;
    let saved = Entity::find()
        .filter(filter.condition())
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(limit + unsaved.len() as u64)
        .all(&transaction)
        .await?;
    let saved = saved.into_iter().map(from_model).collect::<Result<Vec<_>, _>>()?;
    let newest_first = |a: &Homework, b: &Homework| (b.created_at, b.id).cmp(&(a.created_at, a.id));
    Ok(merge(saved, unsaved, |row| filter.holds(row), newest_first))
}
