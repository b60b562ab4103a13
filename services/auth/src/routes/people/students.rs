//! Students.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::NaiveDate;
use domain::{ClassId, Email, Patch, Role, StudentId, Text, UserId, Version};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::{PeopleManage, PeopleRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::entity::students::{ActiveModel, Column, Entity};
use store::entity::{classes, enrollments, users};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::student_view::Student;
use super::{begins_with, joined, visible, with_users};
use crate::desk::Desk;
use crate::model::dates::future_faults;
use crate::model::row_status::RowStatus;
use crate::store::reach::{Reach, enrolled};
use crate::store::rules::RULES;
use crate::store::users::{Who, admit, find};
use records::Listing;
use records::References;
use records::{Table, rows};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A student to be: a member of the school, or anybody by address and name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStudent {
    /// A member of the school.
    user_id: Option<UserId>,
    /// Instead of `user_id`: the address. A user is made, unless there is one with this address.
    email: Option<Email>,
    /// With `email`: the name, for a user that is made.
    full_name: Option<Text<255>>,
    /// The number in the school's register; once in the school.
    admission_number: Text<64>,
    /// The number on the roll of the class.
    roll_number: Option<Text<64>>,
    /// The home class. What the student attends is in the enrolments.
    class_id: Option<ClassId>,
    /// The section.
    section: Option<Text<32>>,
    /// Not in the future.
    date_of_birth: Option<NaiveDate>,
    /// As the school records it.
    gender: Option<Text<32>>,
    /// Such as `AB+`.
    blood_group: Option<Text<8>>,
    /// Where the student lives.
    address: Option<Text<1000>>,
    /// A parent's name, for parents who are no users.
    parent_name: Option<Text<255>>,
    /// That parent's address.
    parent_email: Option<Email>,
    /// That parent's telephone number.
    parent_phone: Option<Text<32>>,
    /// Whom to call in an emergency.
    emergency_contact: Option<Text<255>>,
    /// When the student was admitted; today at the school unless said otherwise.
    admission_date: Option<NaiveDate>,
    /// The academic year of admission, as the school writes it.
    academic_year: Option<Text<100>>,
}

/// What changes; what is left out stays as it is, null empties.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeStudent {
    /// The number in the school's register; once in the school.
    admission_number: Option<Text<64>>,
    /// The number on the roll of the class.
    #[serde(default)]
    #[schema(value_type = Option<Text<64>>)]
    roll_number: Patch<Text<64>>,
    /// The home class. What the student attends is in the enrolments.
    #[serde(default)]
    #[schema(value_type = Option<ClassId>)]
    class_id: Patch<ClassId>,
    /// The section.
    #[serde(default)]
    #[schema(value_type = Option<Text<32>>)]
    section: Patch<Text<32>>,
    /// Not in the future.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    date_of_birth: Patch<NaiveDate>,
    /// As the school records it.
    #[serde(default)]
    #[schema(value_type = Option<Text<32>>)]
    gender: Patch<Text<32>>,
    /// Such as `AB+`.
    #[serde(default)]
    #[schema(value_type = Option<Text<8>>)]
    blood_group: Patch<Text<8>>,
    /// Where the student lives.
    #[serde(default)]
    #[schema(value_type = Option<Text<1000>>)]
    address: Patch<Text<1000>>,
    /// A parent's name, for parents who are no users.
    #[serde(default)]
    #[schema(value_type = Option<Text<255>>)]
    parent_name: Patch<Text<255>>,
    /// That parent's address.
    #[serde(default)]
    #[schema(value_type = Option<Email>)]
    parent_email: Patch<Email>,
    /// That parent's telephone number.
    #[serde(default)]
    #[schema(value_type = Option<Text<32>>)]
    parent_phone: Patch<Text<32>>,
    /// Whom to call in an emergency.
    #[serde(default)]
    #[schema(value_type = Option<Text<255>>)]
    emergency_contact: Patch<Text<255>>,
    /// When the student was admitted.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    admission_date: Patch<NaiveDate>,
    /// The academic year of admission, as the school writes it.
    #[serde(default)]
    #[schema(value_type = Option<Text<100>>)]
    academic_year: Patch<Text<100>>,
    /// Whether the record is in use.
    status: Option<RowStatus>,
}

/// Which students.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StudentFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only those who are enrolled in this class today, or whose home class it is.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// Only those whose name or admission number begins so.
    #[param(inline)]
    q: Option<Text<100>>,
    /// Whether they are in use; `active` unless the office asks otherwise.
    #[param(inline)]
    status: Option<RowStatus>,
}
filters!(StudentFilter);

/// The students whom the caller may see, by admission number.
#[utoipa::path(tag = "auth", params(StudentFilter), responses((status = 200, body = Page<Student>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/students")]
pub(super) async fn list(desk: Desk<PeopleRead>, filter: Params<StudentFilter>) -> Result<Page<Student>, Problem> {
    let listing = Listing::<_, String>::open(&desk, "students", &filter.0)?;
    let reach = Reach::of_caller(&desk).await?;
    let transaction = desk.read().await?;
    let status = reach.status(filter.status);
    let mut select = with_users::<Entity>(&transaction, Column::UserId).filter(reach.students()).filter(Column::Status.eq(status.as_str()));
    if let Some(class) = filter.class_id {
        let today = desk.today(&transaction).await?;
        let attends = Condition::all()
            .add(enrollments::Column::SchoolId.eq(transaction.school_id().as_uuid()))
            .add(enrollments::Column::ClassId.eq(class.as_uuid()))
            .add(enrollments::Column::BeginDate.lte(today))
            .add(Condition::any().add(enrollments::Column::EndDate.is_null()).add(enrollments::Column::EndDate.gte(today)));
        let at_home = Column::ClassId.eq(class.as_uuid());
        select = select.filter(Condition::any().add(at_home).add(Column::Id.in_subquery(enrolled(attends))));
    }
    if let Some(q) = &filter.q {
        select = select.filter(begins_with(q, [users::Column::FullName.as_column_ref(), Column::AdmissionNumber.as_column_ref()]));
    }
    let found = listing.slice(select, Column::AdmissionNumber, Column::Id).all(&transaction).await?;
    let found = found.into_iter().map(joined).collect::<Result<Vec<_>, _>>()?;
    Ok(listing.page(found, |(row, _)| (row.admission_number.clone(), row.id)).map(Student::from))
}

/// Adds a student, and with `email` a user and a membership too.
#[utoipa::path(tag = "auth", request_body = NewStudent, responses((status = 201, body = Student), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/students")]
pub(super) async fn create(desk: Desk<PeopleManage>, body: Body<NewStudent>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let today = desk.today(transaction).await?;
        let mut references = References::default();
        let who = references.value(Who::of(new.user_id, new.email.as_ref(), new.full_name.as_ref()));
        references.add(future_faults(today, [("/date_of_birth", new.date_of_birth)]));
        references.check::<classes::Entity>(transaction, "/class_id", new.class_id).await?;
        let who = references.settle_with(who)?;
        let now = desk.now();
        let user = admit(transaction, &who, Role::Student, now).await?;
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(StudentId::generate().as_uuid()),
            user_id: Set(user.id),
            admission_number: Set(new.admission_number.into()),
            roll_number: Set(new.roll_number.map(String::from)),
            class_id: Set(new.class_id.map(ClassId::as_uuid)),
            section: Set(new.section.map(String::from)),
            date_of_birth: Set(new.date_of_birth),
            gender: Set(new.gender.map(String::from)),
            blood_group: Set(new.blood_group.map(String::from)),
            address: Set(new.address.map(String::from)),
            parent_name: Set(new.parent_name.map(String::from)),
            parent_email: Set(new.parent_email.map(String::from)),
            parent_phone: Set(new.parent_phone.map(String::from)),
            emergency_contact: Set(new.emergency_contact.map(String::from)),
            admission_date: Set(Some(new.admission_date.unwrap_or(today))),
            academic_year: Set(new.academic_year.map(String::from)),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/students/{}", row.id), version: Version::FIRST, body: Student::from((row, user)) })
    })
    .await
}

/// A student whom the caller may see.
#[utoipa::path(tag = "auth", params(("id" = StudentId, Path)), responses((status = 200, body = Student), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/students/{id}")]
pub(super) async fn show(desk: Desk<PeopleRead>, id: IdPath<StudentId>, known: IfNoneMatch) -> Result<NotModifiedOr<Student>, Problem> {
    let sight = in_sight(&Reach::of_caller(&desk).await?);
    let found = visible::<Entity>(&desk.read().await?, Column::UserId, id.as_uuid(), sight).await?;
    let version = Entity::version(&found.0)?;
    Ok(NotModifiedOr(known, Student::from(found), version))
}

/// Changes a student.
#[utoipa::path(tag = "auth", params(("id" = StudentId, Path)), request_body = ChangeStudent, responses((status = 200, body = Student), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/students/{id}")]
pub(super) async fn edit(
    desk: Desk<PeopleManage>,
    id: IdPath<StudentId>,
    based_on: IfMatch,
    body: Body<ChangeStudent>,
) -> Result<Versioned<Student>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let mut references = References::default();
        if let Patch::Set(day) = change.date_of_birth {
            references.add(future_faults(desk.today(transaction).await?, [("/date_of_birth", Some(day))]));
        }
        if let Patch::Set(class) = change.class_id {
            references.check::<classes::Entity>(transaction, "/class_id", Some(class)).await?;
        }
        references.settle()?;
        let change = ActiveModel {
            admission_number: rows::patch_required(change.admission_number),
            roll_number: rows::patch(change.roll_number),
            class_id: rows::patch(change.class_id),
            section: rows::patch(change.section),
            date_of_birth: rows::patch(change.date_of_birth),
            gender: rows::patch(change.gender),
            blood_group: rows::patch(change.blood_group),
            address: rows::patch(change.address),
            parent_name: rows::patch(change.parent_name),
            parent_email: rows::patch(change.parent_email),
            parent_phone: rows::patch(change.parent_phone),
            emergency_contact: rows::patch(change.emergency_contact),
            admission_date: rows::patch(change.admission_date),
            academic_year: rows::patch(change.academic_year),
            status: rows::patch_required(change.status),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        let user = find(transaction, row.user_id).await?;
        Ok(Versioned(Student::from((row, user)), version))
    })
    .await
}

/// Removes a student whom nothing refers to. Guardians' links go along; the user and the membership stay.
#[utoipa::path(tag = "auth", params(("id" = StudentId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/students/{id}")]
pub(super) async fn remove(desk: Desk<PeopleManage>, id: IdPath<StudentId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}

/// The students within reach; who is not in use is there for the office only.
pub(super) fn in_sight(reach: &Reach) -> Condition {
    let seen = Condition::all().add(reach.students());
    if reach.is_office() { seen } else { seen.add(Column::Status.eq("active")) }
}
