//! The tables `grades` and `grade_changes`. A change of a grade writes both rows in one operation.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{ClassId, GradeId, GradeItemId, Points, SchoolId, ServiceName, StudentId, Timestamp, UserId, Version};
use rust_decimal::Decimal;
use service_kit::{Platform, Problem};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;
use write_behind::{Absence, Buffered, Found, ReadError, merge};

use super::{plain, reading};
use crate::model::grade::{Change, Grade, decimal};

const UPSERT: &str = "
INSERT INTO grades (id, school_id, class_id, item_id, student_id, points, override_points, is_excluded, is_exempt, is_missing, comment, graded_by,
    graded_at, version, created_at, updated_at, effort)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::numeric[], $7::numeric[], $8::bool[], $9::bool[], $10::bool[],
    $11::text[], $12::uuid[], $13::timestamptz[], $14::int[], $15::timestamptz[], $16::timestamptz[], $17::int[])
ON CONFLICT (school_id, id) DO UPDATE SET
    effort = excluded.effort, points = excluded.points, override_points = excluded.override_points, is_excluded = excluded.is_excluded, is_exempt = excluded.is_exempt,
    is_missing = excluded.is_missing, comment = excluded.comment, graded_by = excluded.graded_by, graded_at = excluded.graded_at,
    version = excluded.version, updated_at = excluded.updated_at
WHERE grades.version < excluded.version AND grades.created_at = excluded.created_at
RETURNING id";

const INSERT_CHANGES: &str = "
INSERT INTO grade_changes (id, school_id, class_id, item_id, student_id, grade_id, grade_version, points, override_points, is_excluded, is_exempt,
    is_missing, comment, changed_by, created_at, updated_at, effort)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::int[], $8::numeric[], $9::numeric[], $10::bool[],
    $11::bool[], $12::bool[], $13::text[], $14::uuid[], $15::timestamptz[], $15::timestamptz[], $16::int[])
ON CONFLICT (school_id, id) DO NOTHING
RETURNING id";

/// `to_jsonb` of a row, as the model reads it.
macro_rules! select {
    ($table:literal, $rest:literal) => {
        concat!("SELECT to_jsonb(g) FROM ", $table, " g ", $rest)
    };
}

fn marks(points: Option<Points>) -> Option<Decimal> {
    points.map(decimal)
}

#[async_trait]
impl Buffered for Grade {
    const ENTITY: &'static str = "grade";
    const SERVICE: ServiceName = ServiceName::Report;

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
        vec![class_scope(self.class_id)]
    }

    fn same_content(&self, other: &Self) -> bool {
        Self { created_at: other.created_at, updated_at: other.updated_at, graded_at: other.graded_at, ..self.clone() } == *other
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let column = |f: fn(&Self) -> Uuid| rows.iter().map(f).collect::<Vec<_>>();
        let flag = |f: fn(&Self) -> bool| rows.iter().map(f).collect::<Vec<_>>();
        let written = sqlx::query_scalar(UPSERT)
            .bind(column(|row| row.id.as_uuid()))
            .bind(column(|row| row.school_id.as_uuid()))
            .bind(column(|row| row.class_id.as_uuid()))
            .bind(column(|row| row.item_id.as_uuid()))
            .bind(column(|row| row.student_id.as_uuid()))
            .bind(rows.iter().map(|row| marks(row.points)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| marks(row.override_points)).collect::<Vec<_>>())
            .bind(flag(|row| row.is_excluded))
            .bind(flag(|row| row.is_exempt))
            .bind(flag(|row| row.is_missing))
            .bind(rows.iter().map(|row| row.comment.as_deref()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.graded_by.map(UserId::as_uuid)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.graded_at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.version.get()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.updated_at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.effort.map(i32::from)).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        Ok(written)
    }

    async fn stored(connection: &mut PgConnection, keys: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError> {
        let (schools, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|(school, id)| (school.as_uuid(), *id)).unzip();
        let query =
            select!("grades", "JOIN unnest($1::uuid[], $2::uuid[]) AS k(school_id, id) ON g.school_id = k.school_id AND g.id = k.id");
        Ok(plain(sqlx::query_scalar(query).bind(schools).bind(ids).fetch_all(connection).await?))
    }
}

#[async_trait]
impl Buffered for Change {
    const ENTITY: &'static str = "grade_change";
    const SERVICE: ServiceName = ServiceName::Report;

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
    fn school(&self) -> SchoolId {
        self.school_id
    }
    /// A change is never changed.
    fn version(&self) -> Version {
        Version::FIRST
    }
    fn created_at(&self) -> Timestamp {
        self.created_at
    }
    fn scopes(&self) -> Vec<String> {
        vec![grade_scope(self.grade_id)]
    }

    fn same_content(&self, other: &Self) -> bool {
        Self { created_at: other.created_at, ..self.clone() } == *other
    }

    async fn upsert(connection: &mut PgConnection, rows: &[Self]) -> Result<Vec<Uuid>, StoreError> {
        let column = |f: fn(&Self) -> Uuid| rows.iter().map(f).collect::<Vec<_>>();
        let flag = |f: fn(&Self) -> bool| rows.iter().map(f).collect::<Vec<_>>();
        let written = sqlx::query_scalar(INSERT_CHANGES)
            .bind(column(|row| row.id.as_uuid()))
            .bind(column(|row| row.school_id.as_uuid()))
            .bind(column(|row| row.class_id.as_uuid()))
            .bind(column(|row| row.item_id.as_uuid()))
            .bind(column(|row| row.student_id.as_uuid()))
            .bind(column(|row| row.grade_id.as_uuid()))
            .bind(rows.iter().map(|row| row.grade_version.get()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| marks(row.points)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| marks(row.override_points)).collect::<Vec<_>>())
            .bind(flag(|row| row.is_excluded))
            .bind(flag(|row| row.is_exempt))
            .bind(flag(|row| row.is_missing))
            .bind(rows.iter().map(|row| row.comment.as_deref()).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.changed_by.map(UserId::as_uuid)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.created_at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.effort.map(i32::from)).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        Ok(written)
    }

    async fn stored(connection: &mut PgConnection, keys: &[(SchoolId, Uuid)]) -> Result<Vec<Self>, StoreError> {
        let (schools, ids): (Vec<Uuid>, Vec<Uuid>) = keys.iter().map(|(school, id)| (school.as_uuid(), *id)).unzip();
        let query = select!(
            "grade_changes",
            "JOIN unnest($1::uuid[], $2::uuid[]) AS k(school_id, id) ON g.school_id = k.school_id AND g.id = k.id"
        );
        Ok(plain(sqlx::query_scalar(query).bind(schools).bind(ids).fetch_all(connection).await?))
    }
}

fn class_scope(class: ClassId) -> String {
    format!("class:{class}")
}

fn grade_scope(grade: GradeId) -> String {
    format!("grade:{grade}")
}

/// The grade with this id, saved or not.
pub(crate) async fn find_grade(platform: &Platform, school: SchoolId, id: GradeId) -> Result<Option<Grade>, ReadError> {
    Ok(look_for_grade(platform, school, id).await?.row())
}

/// The grade with this id, saved or not, or the proof that there is none.
pub(crate) async fn look_for_grade(platform: &Platform, school: SchoolId, id: GradeId) -> Result<Found<Grade>, ReadError> {
    let load = || async move {
        let mut transaction = reading(platform, school).await?;
        Ok(Grade::stored(transaction.connection()?, &[(school, id.as_uuid())]).await?.pop())
    };
    platform.buffer().find(school, id.as_uuid(), load).await
}

/// The grades of a class: by item and student.
#[derive(Debug, Default)]
pub(crate) struct Grades(HashMap<(GradeItemId, StudentId), Grade>);

impl Grades {
    pub(crate) fn get(&self, item: GradeItemId, student: StudentId) -> Option<&Grade> {
        self.0.get(&(item, student))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Grade> {
        self.0.values()
    }

    /// The version of those that `which` picks: one more than the sum of theirs. Grades are never deleted and each change moves one of them by one, so
    /// that it moves with every change and never goes back.
    pub(crate) fn version(&self, which: impl Fn(&Grade) -> bool) -> Version {
        let sum = self.0.values().filter(|grade| which(grade)).fold(1_i32, |sum, grade| sum.saturating_add(grade.version.get()));
        Version::try_from(sum).unwrap_or(Version::FIRST)
    }
}

/// All grades of a class, saved or not.
pub(crate) async fn grades_of(platform: &Platform, school: SchoolId, class: ClassId) -> Result<Grades, Problem> {
    let unsaved: HashMap<Uuid, Grade> = platform.buffer().unsaved(school, &class_scope(class)).await?;
    let mut transaction = reading(platform, school).await?;
    with_saved(&mut transaction, class, unsaved).await
}

/// The same from within a transaction, which needs no second connection. It must see what others commit meanwhile.
pub(crate) async fn grades_in(platform: &Platform, transaction: &mut SchoolTransaction, class: ClassId) -> Result<Grades, Problem> {
    let unsaved: HashMap<Uuid, Grade> = platform.buffer().unsaved(transaction.school_id(), &class_scope(class)).await?;
    with_saved(transaction, class, unsaved).await
}

async fn with_saved(transaction: &mut SchoolTransaction, class: ClassId, unsaved: HashMap<Uuid, Grade>) -> Result<Grades, Problem> {
    let school = transaction.school_id();
    let saved: Vec<Json<Grade>> = sqlx::query_scalar(select!("grades", "WHERE g.school_id = $1 AND g.class_id = $2"))
        .bind(school.as_uuid())
        .bind(class.as_uuid())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    let rows = merge(plain(saved), unsaved, |_| true, |a: &Grade, b| a.id.cmp(&b.id));
    Ok(Grades(rows.into_iter().map(|row| ((row.item_id, row.student_id), row)).collect()))
}

/// The same, to be written on: with the proof that there are no others. One proof serves all rows of the service in the school, as it says up to which write
/// PostgreSQL had been brought before it was asked; a row that only Redis has is seen by the write itself.
pub(crate) async fn grades_to_write(platform: &Platform, school: SchoolId, class: ClassId) -> Result<(Grades, Absence), Problem> {
    // A fresh id, which nobody has written: only how far PostgreSQL has come is of interest, and it must be read before the grades are.
    let nothing = || async { Ok(None) };
    let absence = match platform.buffer().find::<Grade, _>(school, GradeId::generate().as_uuid(), nothing).await? {
        Found::Absent(absence) => absence,
        Found::Row(_) => Absence::unproven(),
    };
    Ok((grades_of(platform, school, class).await?, absence))
}

/// The changes of a grade, the latest first, before version `before` if given.
pub(crate) async fn changes_of(
    platform: &Platform,
    school: SchoolId,
    grade: GradeId,
    before: Option<i32>,
    limit: u64,
) -> Result<Vec<Change>, Problem> {
    let unsaved: HashMap<Uuid, Change> = platform.buffer().unsaved(school, &grade_scope(grade)).await?;
    let mut transaction = reading(platform, school).await?;
    let query = select!(
        "grade_changes",
        "WHERE g.school_id = $1 AND g.grade_id = $2 AND ($3::int IS NULL OR g.grade_version < $3) ORDER BY g.grade_version DESC LIMIT $4"
    );
    let saved: Vec<Json<Change>> = sqlx::query_scalar(query)
        .bind(school.as_uuid())
        .bind(grade.as_uuid())
        .bind(before)
        .bind(i64::try_from(limit.saturating_add(unsaved.len() as u64)).unwrap_or(i64::MAX))
        .fetch_all(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    let keep = |row: &Change| before.is_none_or(|before| row.grade_version.get() < before);
    Ok(merge(plain(saved), unsaved, keep, |a, b| b.grade_version.cmp(&a.grade_version)))
}
