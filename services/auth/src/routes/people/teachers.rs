//! Teachers. The office, and the teacher, see the record; others the names of those who teach their classes.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Email, Patch, Role, TeacherId, Text, UserId, Version};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::{PeopleManage, PeopleRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::entity::teachers::{ActiveModel, Column, Entity, Model};
use store::entity::users;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{begins_with, joined, visible, with_users};
use crate::desk::Desk;
use crate::model::row_status::RowStatus;
use crate::store::reach::Reach;
use crate::store::rules::RULES;
use crate::store::users::{Who, admit, find};
use records::Listing;
use records::{Table, rows};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A teacher, as far as the caller may know.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum TeacherView {
    /// For the office and the teacher.
    Full(Teacher),
    /// For everybody whom the teacher teaches or teaches with.
    Public(PublicTeacher),
}

/// A teacher, in full.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Teacher {
    /// The teacher's id.
    id: TeacherId,
    /// The teacher's user.
    user_id: UserId,
    /// The name.
    full_name: String,
    /// The address to log in with.
    email: String,
    /// The number in the school's books.
    employee_number: Option<String>,
    /// What the teacher is qualified in.
    qualification: Option<String>,
    /// When the teacher joined the school.
    joined_on: Option<NaiveDate>,
    /// Whether the record is in use.
    status: RowStatus,
    /// The id in the system that it was imported from.
    source_id: Option<String>,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

/// A teacher's name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct PublicTeacher {
    /// The teacher's id.
    id: TeacherId,
    /// The teacher's user.
    user_id: UserId,
    /// The name.
    full_name: String,
}

impl From<(Model, users::Model)> for Teacher {
    fn from((row, user): (Model, users::Model)) -> Self {
        Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            full_name: user.full_name,
            email: user.email,
            employee_number: row.employee_number,
            qualification: row.qualification,
            joined_on: row.joined_on,
            status: RowStatus::of(&row.status),
            source_id: row.source_id,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl TeacherView {
    fn of(reach: &Reach, found: (Model, users::Model)) -> Self {
        if reach.is_office() || reach.is_self(found.0.user_id) {
            Self::Full(found.into())
        } else {
            let (row, user) = found;
            Self::Public(PublicTeacher { id: row.id.into(), user_id: row.user_id.into(), full_name: user.full_name })
        }
    }
}

/// A teacher to be: a member of the school, or anybody by address and name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTeacher {
    /// A member of the school.
    user_id: Option<UserId>,
    /// Instead of `user_id`: the address. A user is made, unless there is one with this address.
    email: Option<Email>,
    /// With `email`: the name, for a user that is made.
    full_name: Option<Text<255>>,
    /// The number in the school's books; once among teachers.
    employee_number: Option<Text<64>>,
    /// What the teacher is qualified in.
    qualification: Option<Text<500>>,
    /// When the teacher joins the school; today at the school unless said otherwise.
    joined_on: Option<NaiveDate>,
}

/// What changes; what is left out stays as it is, null empties.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeTeacher {
    /// The number in the school's books; once among teachers.
    #[serde(default)]
    #[schema(value_type = Option<Text<64>>)]
    employee_number: Patch<Text<64>>,
    /// What the teacher is qualified in.
    #[serde(default)]
    #[schema(value_type = Option<Text<500>>)]
    qualification: Patch<Text<500>>,
    /// When the teacher joined the school.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    joined_on: Patch<NaiveDate>,
    /// Whether the record is in use.
    status: Option<RowStatus>,
}

/// Which teachers.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TeacherFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only those whose name begins so.
    #[param(inline)]
    q: Option<Text<100>>,
    /// Whether they are in use; `active` unless the office asks otherwise.
    #[param(inline)]
    status: Option<RowStatus>,
}
filters!(TeacherFilter);

/// The teachers whom the caller may see, by name.
#[utoipa::path(tag = "auth", params(TeacherFilter), responses((status = 200, body = Page<TeacherView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/teachers")]
pub(super) async fn list(desk: Desk<PeopleRead>, filter: Params<TeacherFilter>) -> Result<Page<TeacherView>, Problem> {
    let listing = Listing::<_, String>::open(&desk, "teachers", &filter.0)?;
    let reach = Reach::of_caller(&desk).await?;
    let transaction = desk.read().await?;
    let status = reach.status(filter.status);
    let mut select = with_users::<Entity>(&transaction, Column::UserId).filter(reach.teachers()).filter(Column::Status.eq(status.as_str()));
    if let Some(q) = &filter.q {
        select = select.filter(begins_with(q, [users::Column::FullName.as_column_ref()]));
    }
    let found = listing.slice(select, users::Column::FullName, Column::Id).all(&transaction).await?;
    let found = found.into_iter().map(joined).collect::<Result<Vec<_>, _>>()?;
    Ok(listing.page(found, |(row, user)| (user.full_name.clone(), row.id)).map(|found| TeacherView::of(&reach, found)))
}

/// Adds a teacher, and with `email` a user and a membership too.
#[utoipa::path(tag = "auth", request_body = NewTeacher, responses((status = 201, body = Teacher), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/teachers")]
pub(super) async fn create(desk: Desk<PeopleManage>, body: Body<NewTeacher>) -> Result<HttpResponse, Problem> {
    let NewTeacher { user_id, email, full_name, employee_number, qualification, joined_on } = body.0.clone();
    let who = Who::of(user_id, email.as_ref(), full_name.as_ref())?;
    desk.create(&body.0, async |transaction| {
        let now = desk.now();
        let joined_on = joined_on.unwrap_or(desk.today(transaction).await?);
        let user = admit(transaction, &who, Role::Teacher, now).await?;
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(TeacherId::generate().as_uuid()),
            user_id: Set(user.id),
            employee_number: Set(employee_number.map(String::from)),
            qualification: Set(qualification.map(String::from)),
            joined_on: Set(Some(joined_on)),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/teachers/{}", row.id), version: Version::FIRST, body: Teacher::from((row, user)) })
    })
    .await
}

/// A teacher whom the caller may see.
#[utoipa::path(tag = "auth", params(("id" = TeacherId, Path)), responses((status = 200, body = TeacherView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/teachers/{id}")]
pub(super) async fn show(desk: Desk<PeopleRead>, id: IdPath<TeacherId>, known: IfNoneMatch) -> Result<NotModifiedOr<TeacherView>, Problem> {
    let reach = Reach::of_caller(&desk).await?;
    let sight = Condition::all().add(reach.teachers());
    let sight = if reach.is_office() { sight } else { sight.add(Column::Status.eq("active")) };
    let found = visible::<Entity>(&desk.read().await?, Column::UserId, id.as_uuid(), sight).await?;
    let version = Entity::version(&found.0)?;
    Ok(NotModifiedOr(known, TeacherView::of(&reach, found), version))
}

/// Changes a teacher.
#[utoipa::path(tag = "auth", params(("id" = TeacherId, Path)), request_body = ChangeTeacher, responses((status = 200, body = Teacher), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/teachers/{id}")]
pub(super) async fn edit(
    desk: Desk<PeopleManage>,
    id: IdPath<TeacherId>,
    based_on: IfMatch,
    body: Body<ChangeTeacher>,
) -> Result<Versioned<Teacher>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let change = ActiveModel {
            employee_number: rows::patch(change.employee_number),
            qualification: rows::patch(change.qualification),
            joined_on: rows::patch(change.joined_on),
            status: rows::patch_required(change.status),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        let user = find(transaction, row.user_id).await?;
        Ok(Versioned(Teacher::from((row, user)), version))
    })
    .await
}

/// Removes a teacher who teaches nothing. The user and the membership stay.
#[utoipa::path(tag = "auth", params(("id" = TeacherId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/teachers/{id}")]
pub(super) async fn remove(desk: Desk<PeopleManage>, id: IdPath<TeacherId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}
