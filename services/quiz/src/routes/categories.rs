//! Categories of the question bank: create, list, rename, remove.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Fault, QuestionCategoryId, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Kind, MaybeIdempotencyKey, NoContent, Permit, Problem, Versioned, permits,
};
use store::StoreError;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{Rooms, owned};
use crate::store::{Categories, Category};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create).service(list).service(show).service(rename).service(remove);
}

/// A category.
#[derive(Debug, Serialize, ToSchema)]
pub struct CategoryView {
    /// Its id.
    id: QuestionCategoryId,
    /// The category that it is in.
    parent_id: Option<QuestionCategoryId>,
    /// What it is called; once in the category that it is in.
    name: String,
    /// Its version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was created.
    created_at: DateTime<Utc>,
}

impl From<Category> for CategoryView {
    fn from(row: Category) -> Self {
        Self { id: row.id, parent_id: row.parent_id, name: row.name, version: row.version, created_at: row.created_at }
    }
}

/// A category to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCategory {
    /// The category that it is in.
    parent_id: Option<QuestionCategoryId>,
    /// What it is called; once in the category that it is in.
    name: Text<100>,
}

/// A new name.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameCategory {
    /// What it is called; once in the category that it is in.
    name: Text<100>,
}

fn taken(error: StoreError) -> Problem {
    match error.constraint() {
        Some("question_categories_name") => Problem::conflict(Kind::AlreadyExists, "There is a category of this name already.")
            .with_faults(vec![Fault::new("/name", "is taken")]),
        Some("question_categories_parent") => Problem::new(Kind::ReferenceNotFound, "There is no such category in this school.")
            .with_faults(vec![Fault::new("/parent_id", "is not there")]),
        _ => error.into(),
    }
}

/// Adds a category.
#[utoipa::path(
    tag = "quiz",
    request_body = CreateCategory,
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request, so that a retry gets its first answer.")),
    responses((status = 201, body = CategoryView), (status = 409, description = "There is one of this name already."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/question-categories")]
async fn create(
    permit: Permit<permits::QuizWrite>,
    key: MaybeIdempotencyKey,
    rooms: Data<Rooms>,
    request: HttpRequest,
    body: Body<CreateCategory>,
) -> Result<HttpResponse, Problem> {
    let caller = permit.caller();
    let now = rooms.platform.clock().now();
    let row = Category {
        id: QuestionCategoryId::generate(),
        school_id: caller.school_id,
        parent_id: body.parent_id,
        name: owned(body.name.clone()),
        created_by: caller.user_id,
        version: Version::FIRST,
        created_at: now,
        updated_at: now,
    };
    rooms
        .create(caller, key.0, "POST /api/v1/question-categories", &body.0, &request, async |transaction| {
            Categories::save(transaction, &row).await.map_err(taken)?;
            let location = format!("/api/v1/question-categories/{}", row.id);
            Ok(Created { body: CategoryView::from(row.clone()), version: row.version, location })
        })
        .await
}

/// All categories of the school, by name.
#[utoipa::path(tag = "quiz", responses((status = 200, body = Vec<CategoryView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/question-categories")]
async fn list(permit: Permit<permits::QuizWrite>, rooms: Data<Rooms>) -> Result<Json<Vec<CategoryView>>, Problem> {
    let mut transaction = rooms.reading(permit.school_id).await?;
    let all = Categories::all(&mut transaction).await?;
    Ok(Json(all.into_iter().map(Into::into).collect()))
}

/// Shows a category.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuestionCategoryId, Path, description = "The category.")),
    responses((status = 200, body = CategoryView), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/question-categories/{id}")]
async fn show(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuestionCategoryId>,
    rooms: Data<Rooms>,
) -> Result<Versioned<CategoryView>, Problem> {
    let mut transaction = rooms.reading(permit.school_id).await?;
    let all = Categories::all(&mut transaction).await?;
    let row = all.into_iter().find(|category| category.id == *id).ok_or_else(|| Problem::not_found("category"))?;
    let version = row.version;
    Ok(Versioned(row.into(), version))
}

/// Renames a category.
#[utoipa::path(
    tag = "quiz",
    request_body = RenameCategory,
    params(("id" = QuestionCategoryId, Path, description = "The category."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = CategoryView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/question-categories/{id}")]
async fn rename(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuestionCategoryId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<RenameCategory>,
) -> Result<Versioned<CategoryView>, Problem> {
    let mut transaction = rooms.writing(permit.school_id).await?;
    let row = Categories::lock(&mut transaction, *id).await?.ok_or_else(|| Problem::not_found("category"))?;
    seen.require(row.version)?;
    let now = rooms.platform.clock().now();
    let row = Category { name: owned(body.name.clone()), version: row.version.next(), updated_at: now, ..row };
    Categories::save(&mut transaction, &row).await.map_err(taken)?;
    transaction.commit().await?;
    let version = row.version;
    Ok(Versioned(row.into(), version))
}

/// Removes a category that holds neither questions nor categories.
#[utoipa::path(
    tag = "quiz",
    params(("id" = QuestionCategoryId, Path, description = "The category."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/question-categories/{id}")]
async fn remove(
    permit: Permit<permits::QuizWrite>,
    id: IdPath<QuestionCategoryId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
) -> Result<NoContent, Problem> {
    let still_used = || Problem::conflict(Kind::StillInUse, "It still holds questions or categories.");
    let mut transaction = rooms.writing(permit.school_id).await?;
    let row = Categories::lock(&mut transaction, *id).await?.ok_or_else(|| Problem::not_found("category"))?;
    seen.require(row.version)?;
    // Questions are in another store: who adds one holds its category while it is written, so it is counted here, or finds the category gone.
    if rooms.bank.count(permit.school_id, *id).await? > 0 {
        return Err(still_used());
    }
    match Categories::remove(&mut transaction, *id).await {
        Ok(()) => {}
        Err(StoreError::ForeignKeyViolation { .. }) => return Err(still_used()),
        Err(error) => return Err(error.into()),
    }
    transaction.commit().await?;
    Ok(NoContent)
}
