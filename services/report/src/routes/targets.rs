//! What students are to reach in a class.

use actix_web::web::Json;
use actix_web::{get, put};
use domain::{ClassId, StudentId, Version};
use records::{Table, rows};
use rust_decimal::Decimal;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::GradesWrite;
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, IfNoneMatch, NotModifiedOr, Problem, Versioned};
use store::entity::grade_targets::{ActiveModel, Column, Entity, Model};
use store::{SchoolTransaction, StoreError};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;
use write_behind::natural_id;

use super::access::Viewer;
use super::percent_fault;
use crate::desk::Desk;
use crate::store::RULES;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(show).service(set);
}

/// What a student is to reach in a class.
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetView {
    /// The class.
    class_id: ClassId,
    /// The student.
    student_id: StudentId,
    /// Percent; null: no target.
    #[serde(with = "super::number::option")]
    #[schema(value_type = Option<f64>)]
    percent: Option<Decimal>,
    /// One more with each change; the `ETag` is this number as `"v3"`.
    version: i32,
}

impl From<Model> for TargetView {
    fn from(row: Model) -> Self {
        Self {
            class_id: row.class_id.into(),
            student_id: row.student_id.into(),
            percent: row.percent.map(|percent| percent.normalize()),
            version: row.version,
        }
    }
}

/// A target.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTarget {
    /// Percent, at most two decimals; null: no target.
    #[serde(with = "super::number::option")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 100)]
    percent: Option<Decimal>,
}

/// There is one for a class and a student.
fn id_of(class: ClassId, student: StudentId) -> Uuid {
    natural_id("grade_target", &[class.as_uuid().as_bytes(), student.as_uuid().as_bytes()])
}

/// Whom nobody has set a target for has none, in version 1.
const fn none_yet(class: ClassId, student: StudentId) -> TargetView {
    TargetView { class_id: class, student_id: student, percent: None, version: Version::FIRST.get() }
}

/// 404 for who was never in the class.
async fn require_pupil(transaction: &mut SchoolTransaction, class: ClassId, student: StudentId) -> Result<(), Problem> {
    let query = "SELECT EXISTS (SELECT FROM enrollments WHERE school_id = $1 AND class_id = $2 AND student_id = $3 AND status = 'active')";
    let query = sqlx::query_scalar(query).bind(transaction.school_id().as_uuid()).bind(class.as_uuid()).bind(student.as_uuid());
    let is_there: bool = query.fetch_one(transaction.connection()?).await.map_err(StoreError::from)?;
    if is_there { Ok(()) } else { Err(Problem::not_found("student")) }
}

/// The targets of a class, those that were ever set.
#[utoipa::path(params(("id" = ClassId, Path, description = "The class.")), responses((status = 200, body = Vec<TargetView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/classes/{id}/gradebook/targets")]
async fn list(desk: Desk<GradesWrite>, id: IdPath<ClassId>) -> Result<Json<Vec<TargetView>>, Problem> {
    Viewer::of(desk.platform(), desk.caller()).await?.keep(*id).await?;
    let transaction = desk.read().await?;
    let found = rows::rows::<Entity>(&transaction).filter(Column::ClassId.eq(id.as_uuid())).all(&transaction).await?;
    let mut views: Vec<TargetView> = found.into_iter().map(TargetView::from).collect();
    views.sort_by_key(|view| view.student_id);
    Ok(Json(views))
}

/// What a student is to reach.
#[utoipa::path(
    params(("id" = ClassId, Path, description = "The class."), ("student_id" = StudentId, Path, description = "The student.")),
    responses((status = 200, body = TargetView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/classes/{id}/gradebook/targets/{student_id}")]
async fn show(
    desk: Desk<GradesWrite>,
    path: IdPath<(ClassId, StudentId)>,
    known: IfNoneMatch,
) -> Result<NotModifiedOr<TargetView>, Problem> {
    let (class, student) = path.0;
    Viewer::of(desk.platform(), desk.caller()).await?.keep(class).await?;
    let mut transaction = desk.read().await?;
    require_pupil(&mut transaction, class, student).await?;
    let row = rows::rows::<Entity>(&transaction).filter(Column::Id.eq(id_of(class, student))).one(&transaction).await?;
    let version = row.as_ref().map(Entity::version).transpose()?.unwrap_or(Version::FIRST);
    Ok(NotModifiedOr(known, row.map_or_else(|| none_yet(class, student), TargetView::from), version))
}

/// Sets what a student is to reach
///
/// Whose total, or whose grade for an item, is below it shows as a concern in the grade book, and to the family if the class's settings say so. A target that
/// nobody has set yet has version 1.
#[utoipa::path(
    params(
        ("id" = ClassId, Path, description = "The class."),
        ("student_id" = StudentId, Path, description = "The student."),
        ("If-Match" = String, Header, description = "The `ETag` that was read."),
    ),
    request_body = SetTarget,
    responses((status = 200, body = TargetView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[put("/api/v1/classes/{id}/gradebook/targets/{student_id}")]
async fn set(
    desk: Desk<GradesWrite>,
    path: IdPath<(ClassId, StudentId)>,
    based_on: IfMatch,
    body: Body<SetTarget>,
) -> Result<Versioned<TargetView>, Problem> {
    let (class, student) = path.0;
    Viewer::of(desk.platform(), desk.caller()).await?.keep(class).await?;
    if let Some(fault) = body.percent.and_then(|percent| percent_fault(percent, 100, "/percent")) {
        return Err(Problem::invalid(vec![fault]));
    }
    desk.change(async |transaction| {
        require_pupil(transaction, class, student).await?;
        // The row is made when it is first needed: what is version 1 to a reader is version 1 here.
        sqlx::query("INSERT INTO grade_targets (id, school_id, class_id, student_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING")
            .bind(id_of(class, student))
            .bind(transaction.school_id().as_uuid())
            .bind(class.as_uuid())
            .bind(student.as_uuid())
            .bind(desk.now())
            .execute(transaction.connection()?)
            .await
            .map_err(StoreError::from)?;
        let row = rows::edit::<Entity>(transaction, id_of(class, student), based_on).await?;
        let change = ActiveModel { percent: Set(body.percent), ..Default::default() };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}
