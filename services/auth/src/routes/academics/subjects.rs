//! Subjects that the school teaches.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Patch, SubjectId, Text, Version};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::{AcademicsManage, AcademicsRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::entity::subjects::{ActiveModel, Column, Entity, Model};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::store::rules::RULES;
use records::Listing;
use records::{Table, rows};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A subject.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Subject {
    /// Its id.
    id: SubjectId,
    /// What it is called.
    name: String,
    /// Its short code, such as `MATH`.
    code: Option<String>,
    /// The id in the system that it was imported from.
    source_id: Option<String>,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for Subject {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            code: row.code,
            source_id: row.source_id,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A subject to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSubject {
    /// What it is called.
    name: Text<200>,
    /// Its short code; once in the school.
    code: Option<Text<64>>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeSubject {
    /// What it is called.
    name: Option<Text<200>>,
    /// Its short code; once in the school. Null takes it away.
    #[serde(default)]
    #[schema(value_type = Option<Text<64>>)]
    code: Patch<Text<64>>,
}

/// Which subjects.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SubjectFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only the one with this code.
    #[param(inline)]
    code: Option<Text<64>>,
}
filters!(SubjectFilter);

/// The school's subjects, by name.
#[utoipa::path(tag = "auth", params(SubjectFilter), responses((status = 200, body = Page<Subject>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/subjects")]
pub(super) async fn list(desk: Desk<AcademicsRead>, filter: Params<SubjectFilter>) -> Result<Page<Subject>, Problem> {
    let listing = Listing::<_, String>::open(&desk, "subjects", &filter.0)?;
    let transaction = desk.read().await?;
    let mut select = rows::rows::<Entity>(&transaction).filter(Column::Status.eq("active"));
    if let Some(code) = &filter.code {
        select = select.filter(Column::Code.eq(code.as_str()));
    }
    let found = listing.slice(select, Column::Name, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.name.clone(), row.id)).map(Subject::from))
}

/// Adds a subject.
#[utoipa::path(tag = "auth", request_body = NewSubject, responses((status = 201, body = Subject), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/subjects")]
pub(super) async fn create(desk: Desk<AcademicsManage>, body: Body<NewSubject>) -> Result<HttpResponse, Problem> {
    let NewSubject { name, code } = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(SubjectId::generate().as_uuid()),
            name: Set(name.into()),
            code: Set(code.map(String::from)),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/subjects/{}", row.id), version: Version::FIRST, body: Subject::from(row) })
    })
    .await
}

/// A subject.
#[utoipa::path(tag = "auth", params(("id" = SubjectId, Path)), responses((status = 200, body = Subject), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/subjects/{id}")]
pub(super) async fn show(desk: Desk<AcademicsRead>, id: IdPath<SubjectId>, known: IfNoneMatch) -> Result<NotModifiedOr<Subject>, Problem> {
    let row = rows::find::<Entity>(&desk.read().await?, id.as_uuid()).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes a subject.
#[utoipa::path(tag = "auth", params(("id" = SubjectId, Path)), request_body = ChangeSubject, responses((status = 200, body = Subject), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/subjects/{id}")]
pub(super) async fn edit(
    desk: Desk<AcademicsManage>,
    id: IdPath<SubjectId>,
    based_on: IfMatch,
    body: Body<ChangeSubject>,
) -> Result<Versioned<Subject>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let change = ActiveModel { name: rows::patch_required(change.name), code: rows::patch(change.code), ..Default::default() };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes a subject that nothing refers to.
#[utoipa::path(tag = "auth", params(("id" = SubjectId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/subjects/{id}")]
pub(super) async fn remove(desk: Desk<AcademicsManage>, id: IdPath<SubjectId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}
