//! A student's guardians: users of the school, as a rule parents. One of them may be the primary one.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Email, GuardianLinkId, Role, StudentId, Text, UserId, Version};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::{PeopleManage, PeopleRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::SchoolTransaction;
use store::entity::student_guardians::{ActiveModel, Column, Entity, Model};
use store::entity::{students, users};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::students::in_sight;
use super::{joined, visible, with_users};
use crate::desk::Desk;
use crate::store::reach::Reach;
use crate::store::rules::RULES;
use crate::store::users::{Who, admit, find};
use records::Listing;
use records::{Table, rows};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A guardian of a student.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Guardian {
    /// The id of the link between the two.
    id: GuardianLinkId,
    /// The student.
    student_id: StudentId,
    /// The guardian's user.
    user_id: UserId,
    /// The guardian's name.
    full_name: String,
    /// The guardian's address; null except for the office, the student's teachers and the guardian: guardians need not have each other's.
    email: Option<String>,
    /// What the guardian is to the student, such as `mother`.
    relationship: String,
    /// Whether the guardian is the one to turn to first.
    is_primary: bool,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl Guardian {
    fn of(reach: &Reach, (row, user): (Model, users::Model)) -> Self {
        let may_write = reach.is_office() || reach.teaches() || reach.is_self(user.id);
        Self {
            id: row.id.into(),
            student_id: row.student_id.into(),
            user_id: user.id.into(),
            full_name: user.full_name,
            email: may_write.then_some(user.email),
            relationship: row.relationship,
            is_primary: row.is_primary,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A guardian to be: a member of the school, or anybody by address and name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGuardian {
    /// A member of the school.
    user_id: Option<UserId>,
    /// Instead of `user_id`: the address. A user is made, unless there is one with this address.
    email: Option<Email>,
    /// With `email`: the name, for a user that is made.
    full_name: Option<Text<255>>,
    /// What the guardian is to the student; `guardian` unless said otherwise.
    relationship: Option<Text<32>>,
    /// Whether the guardian is the one to turn to first; there is at most one.
    #[serde(default)]
    is_primary: bool,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeGuardian {
    /// What the guardian is to the student.
    relationship: Option<Text<32>>,
    /// Whether the guardian is the one to turn to first; there is at most one.
    is_primary: Option<bool>,
}

/// Which page.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GuardianFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(GuardianFilter);

/// The guardians of a student whom the caller may see, in the order in which they were added.
#[utoipa::path(tag = "auth", params(("id" = StudentId, Path), GuardianFilter), responses((status = 200, body = Page<Guardian>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/students/{id}/guardians")]
pub(super) async fn list(desk: Desk<PeopleRead>, id: IdPath<StudentId>, filter: Params<GuardianFilter>) -> Result<Page<Guardian>, Problem> {
    let listing = Listing::<_, DateTime<Utc>>::open(&desk, format!("students/{}/guardians", *id), &filter.0)?;
    let reach = Reach::of_caller(&desk).await?;
    let transaction = desk.read().await?;
    let student = student(&reach, &transaction, *id).await?;
    let select = with_users::<Entity>(&transaction, Column::GuardianUserId)
        .filter(Column::StudentId.eq(student))
        .filter(Column::Status.eq("active"));
    let found = listing.slice(select, Column::CreatedAt, Column::Id).all(&transaction).await?;
    let found = found.into_iter().map(joined).collect::<Result<Vec<_>, _>>()?;
    Ok(listing.page(found, |(row, _)| (row.created_at, row.id)).map(|found| Guardian::of(&reach, found)))
}

/// Adds a guardian, and with `email` a user and a membership too.
#[utoipa::path(tag = "auth", params(("id" = StudentId, Path)), request_body = NewGuardian, responses((status = 201, body = Guardian), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/students/{id}/guardians")]
pub(super) async fn create(desk: Desk<PeopleManage>, id: IdPath<StudentId>, body: Body<NewGuardian>) -> Result<HttpResponse, Problem> {
    let NewGuardian { user_id, email, full_name, relationship, is_primary } = body.0.clone();
    let who = Who::of(user_id, email.as_ref(), full_name.as_ref())?;
    desk.create(&body.0, async |transaction| {
        let reach = Reach::of_office();
        let student = student(&reach, transaction, *id).await?;
        let now = desk.now();
        let user = admit(transaction, &who, Role::Parent, now).await?;
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(GuardianLinkId::generate().as_uuid()),
            student_id: Set(student),
            guardian_user_id: Set(user.id),
            relationship: Set(relationship.map_or_else(|| "guardian".to_owned(), String::from)),
            is_primary: Set(is_primary),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        let location = format!("/api/v1/students/{student}/guardians/{}", row.id);
        Ok(Created { location, version: Version::FIRST, body: Guardian::of(&reach, (row, user)) })
    })
    .await
}

/// A guardian of a student whom the caller may see.
#[utoipa::path(tag = "auth", params(("id" = StudentId, Path), ("guardian_id" = GuardianLinkId, Path)), responses((status = 200, body = Guardian), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/students/{id}/guardians/{guardian_id}")]
pub(super) async fn show(
    desk: Desk<PeopleRead>,
    ids: IdPath<(StudentId, GuardianLinkId)>,
    known: IfNoneMatch,
) -> Result<NotModifiedOr<Guardian>, Problem> {
    let reach = Reach::of_caller(&desk).await?;
    let transaction = desk.read().await?;
    student(&reach, &transaction, ids.0.0).await?;
    let row = of_student(&transaction, ids.0).await?;
    let version = Entity::version(&row)?;
    let user = find(&transaction, row.guardian_user_id).await?;
    Ok(NotModifiedOr(known, Guardian::of(&reach, (row, user)), version))
}

/// Changes what a guardian is to the student.
#[utoipa::path(tag = "auth", params(("id" = StudentId, Path), ("guardian_id" = GuardianLinkId, Path)), request_body = ChangeGuardian, responses((status = 200, body = Guardian), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/students/{id}/guardians/{guardian_id}")]
pub(super) async fn edit(
    desk: Desk<PeopleManage>,
    ids: IdPath<(StudentId, GuardianLinkId)>,
    based_on: IfMatch,
    body: Body<ChangeGuardian>,
) -> Result<Versioned<Guardian>, Problem> {
    let ChangeGuardian { relationship, is_primary } = body.into_inner();
    desk.change(async |transaction| {
        of_student(transaction, ids.0).await?;
        let row = rows::edit::<Entity>(transaction, ids.0.1.as_uuid(), based_on).await?;
        let change = ActiveModel {
            relationship: rows::patch_required(relationship),
            is_primary: rows::patch_required(is_primary),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        let user = find(transaction, row.guardian_user_id).await?;
        Ok(Versioned(Guardian::of(&Reach::of_office(), (row, user)), version))
    })
    .await
}

/// Takes a guardian from a student: at once, the guardian sees nothing of the student any more. The user and the membership stay.
#[utoipa::path(tag = "auth", params(("id" = StudentId, Path), ("guardian_id" = GuardianLinkId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/students/{id}/guardians/{guardian_id}")]
pub(super) async fn remove(
    desk: Desk<PeopleManage>,
    ids: IdPath<(StudentId, GuardianLinkId)>,
    based_on: IfMatch,
) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        of_student(transaction, ids.0).await?;
        rows::remove::<Entity>(transaction, ids.0.1.as_uuid(), based_on).await
    })
    .await?;
    Ok(NoContent)
}

/// The student's id, if the caller may see the student; else 404.
async fn student(reach: &Reach, transaction: &SchoolTransaction, id: StudentId) -> Result<Uuid, Problem> {
    let found = visible::<students::Entity>(transaction, students::Column::UserId, id.as_uuid(), in_sight(reach)).await?;
    Ok(found.0.id)
}

/// The link, if it is one of the student's; else 404.
async fn of_student(transaction: &SchoolTransaction, (student, id): (StudentId, GuardianLinkId)) -> Result<Model, Problem> {
    let row = rows::find::<Entity>(transaction, id.as_uuid()).await?;
    if row.student_id == student.as_uuid() { Ok(row) } else { Err(Problem::not_found(Entity::NOUN)) }
}
