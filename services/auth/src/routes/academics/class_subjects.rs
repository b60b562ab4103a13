//! Who teaches what in a class.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{ClassId, ClassSubjectId, Patch, SubjectId, TeacherId, Version};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::{AcademicsManage, AcademicsRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::SchoolTransaction;
use store::entity::class_subjects::{ActiveModel, Column, Entity, Model};
use store::entity::{subjects, teachers};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::classes::visible;
use crate::desk::Desk;
use crate::store::reach::Reach;
use crate::store::rules::RULES;
use records::Listing;
use records::References;
use records::{Table, rows};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A subject of a class, and who teaches it there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct ClassSubject {
    /// Its id.
    id: ClassSubjectId,
    /// The class.
    class_id: ClassId,
    /// The subject; null means the class as such.
    subject_id: Option<SubjectId>,
    /// The teacher; null while nobody teaches it yet.
    teacher_id: Option<TeacherId>,
    /// Whether the teacher is the one in charge, not one who helps.
    is_primary: bool,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for ClassSubject {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            class_id: row.class_id.into(),
            subject_id: row.subject_id.map(SubjectId::from),
            teacher_id: row.teacher_id.map(TeacherId::from),
            is_primary: row.is_primary,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A subject to be taught in the class.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClassSubject {
    /// The subject.
    subject_id: SubjectId,
    /// The teacher; left out while nobody teaches it yet.
    teacher_id: Option<TeacherId>,
    /// Whether the teacher is the one in charge; true unless said otherwise.
    is_primary: Option<bool>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeClassSubject {
    /// The teacher; null means nobody.
    #[serde(default)]
    #[schema(value_type = Option<TeacherId>)]
    teacher_id: Patch<TeacherId>,
    /// Whether the teacher is the one in charge.
    is_primary: Option<bool>,
}

/// Which page.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ClassSubjectFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(ClassSubjectFilter);

/// What is taught in a class and by whom, in the order in which it was added. For those who may see the class.
#[utoipa::path(tag = "auth", params(("id" = ClassId, Path), ClassSubjectFilter), responses((status = 200, body = Page<ClassSubject>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/classes/{id}/subjects")]
pub(super) async fn list(
    desk: Desk<AcademicsRead>,
    id: IdPath<ClassId>,
    filter: Params<ClassSubjectFilter>,
) -> Result<Page<ClassSubject>, Problem> {
    let listing = Listing::<_, DateTime<Utc>>::open(&desk, format!("classes/{}/subjects", *id), &filter.0)?;
    let reach = Reach::of_caller(&desk).await?;
    let transaction = desk.read().await?;
    let class = visible(&reach, &transaction, *id).await?;
    let select = rows::rows::<Entity>(&transaction).filter(Column::ClassId.eq(class.id)).filter(Column::Status.eq("active"));
    let found = listing.slice(select, Column::CreatedAt, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.created_at, row.id)).map(ClassSubject::from))
}

/// Adds a subject to a class, or another teacher to a subject.
#[utoipa::path(tag = "auth", params(("id" = ClassId, Path)), request_body = NewClassSubject, responses((status = 201, body = ClassSubject), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/classes/{id}/subjects")]
pub(super) async fn create(desk: Desk<AcademicsManage>, id: IdPath<ClassId>, body: Body<NewClassSubject>) -> Result<HttpResponse, Problem> {
    let NewClassSubject { subject_id, teacher_id, is_primary } = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let class = visible(&Reach::of_office(), transaction, *id).await?;
        let mut references = References::default();
        references.check::<subjects::Entity>(transaction, "/subject_id", Some(subject_id)).await?;
        references.check::<teachers::Entity>(transaction, "/teacher_id", teacher_id).await?;
        references.settle()?;
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(class.school_id),
            id: Set(ClassSubjectId::generate().as_uuid()),
            class_id: Set(class.id),
            subject_id: Set(Some(subject_id.as_uuid())),
            teacher_id: Set(teacher_id.map(TeacherId::as_uuid)),
            is_primary: Set(is_primary.unwrap_or(true)),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        let location = format!("/api/v1/classes/{}/subjects/{}", class.id, row.id);
        Ok(Created { location, version: Version::FIRST, body: ClassSubject::from(row) })
    })
    .await
}

/// A subject of a class.
#[utoipa::path(tag = "auth", params(("id" = ClassId, Path), ("class_subject_id" = ClassSubjectId, Path)), responses((status = 200, body = ClassSubject), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/classes/{id}/subjects/{class_subject_id}")]
pub(super) async fn show(
    desk: Desk<AcademicsRead>,
    ids: IdPath<(ClassId, ClassSubjectId)>,
    known: IfNoneMatch,
) -> Result<NotModifiedOr<ClassSubject>, Problem> {
    let reach = Reach::of_caller(&desk).await?;
    let transaction = desk.read().await?;
    let class = visible(&reach, &transaction, ids.0.0).await?;
    let row = rows::find::<Entity>(&transaction, ids.0.1.as_uuid()).await?;
    of_class(&row, class.id)?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes who teaches a subject in a class.
#[utoipa::path(tag = "auth", params(("id" = ClassId, Path), ("class_subject_id" = ClassSubjectId, Path)), request_body = ChangeClassSubject, responses((status = 200, body = ClassSubject), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/classes/{id}/subjects/{class_subject_id}")]
pub(super) async fn edit(
    desk: Desk<AcademicsManage>,
    ids: IdPath<(ClassId, ClassSubjectId)>,
    based_on: IfMatch,
    body: Body<ChangeClassSubject>,
) -> Result<Versioned<ClassSubject>, Problem> {
    let ChangeClassSubject { teacher_id, is_primary } = body.into_inner();
    desk.change(async |transaction| {
        let row = locked(transaction, ids.0, based_on).await?;
        if let Patch::Set(teacher) = teacher_id {
            let mut references = References::default();
            references.check::<teachers::Entity>(transaction, "/teacher_id", Some(teacher)).await?;
            references.settle()?;
        }
        let change =
            ActiveModel { teacher_id: rows::patch(teacher_id), is_primary: rows::patch_required(is_primary), ..Default::default() };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Takes a subject from a class.
#[utoipa::path(tag = "auth", params(("id" = ClassId, Path), ("class_subject_id" = ClassSubjectId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/classes/{id}/subjects/{class_subject_id}")]
pub(super) async fn remove(
    desk: Desk<AcademicsManage>,
    ids: IdPath<(ClassId, ClassSubjectId)>,
    based_on: IfMatch,
) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        let row = locked(transaction, ids.0, based_on).await?;
        rows::remove::<Entity>(transaction, row.id, based_on).await
    })
    .await?;
    Ok(NoContent)
}

async fn locked(transaction: &SchoolTransaction, (class, id): (ClassId, ClassSubjectId), based_on: IfMatch) -> Result<Model, Problem> {
    // Whose it is comes first: under another class it is not there, whatever its version.
    of_class(&rows::find::<Entity>(transaction, id.as_uuid()).await?, class.as_uuid())?;
    rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await
}

fn of_class(row: &Model, class: uuid::Uuid) -> Result<(), Problem> {
    if row.class_id == class { Ok(()) } else { Err(Problem::not_found(Entity::NOUN)) }
}
