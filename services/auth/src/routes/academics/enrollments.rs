//! Enrolments: a student's time in a class. It lies within the class's year, doesn't overlap another of the same student in the same class, and finds
//! room in the class on each of its days.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{ClassId, EnrollmentId, Fault, Patch, StudentId, Version};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::{AcademicsManage, AcademicsRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, NoContent, NotModifiedOr, Page, Params,
    Problem, Versioned, filters,
};
use store::SchoolTransaction;
use store::entity::enrollments::{ActiveModel, Column, Entity, Model};
use store::entity::{academic_years, classes, students};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::model::dates::{Span, enrollment_faults};
use crate::store::occupancy::{Stay, busiest};
use crate::store::reach::Reach;
use crate::store::rules::RULES;
use records::Listing;
use records::References;
use records::{Table, rows};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A student's time in a class.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Enrollment {
    /// Its id.
    id: EnrollmentId,
    /// The class.
    class_id: ClassId,
    /// The student.
    student_id: StudentId,
    /// The first day.
    begin_date: NaiveDate,
    /// The last day, inclusive; null while it is open.
    end_date: Option<NaiveDate>,
    /// `active`, or `withdrawn` or `tobedeleted` if an import took it back: then it counts as if it had never been.
    status: String,
    /// The id in the system that it was imported from.
    source_id: Option<String>,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for Enrollment {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            class_id: row.class_id.into(),
            student_id: row.student_id.into(),
            begin_date: row.begin_date,
            end_date: row.end_date,
            status: row.status,
            source_id: row.source_id,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// An enrolment to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEnrollment {
    /// The class.
    class_id: ClassId,
    /// The student.
    student_id: StudentId,
    /// The first day; today at the school unless said otherwise.
    begin_date: Option<NaiveDate>,
    /// The last day, inclusive; left out means open.
    end_date: Option<NaiveDate>,
}

/// What changes; what is left out stays as it is. A student who leaves the class gets an end date.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeEnrollment {
    /// The first day.
    begin_date: Option<NaiveDate>,
    /// The last day, inclusive; null opens it again.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    end_date: Patch<NaiveDate>,
}

/// Which enrolments.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EnrollmentFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only those in this class.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// Only this student's.
    #[param(inline)]
    student_id: Option<StudentId>,
    /// Only those that this day is in.
    on: Option<NaiveDate>,
}
filters!(EnrollmentFilter);

/// The enrolments that the caller may see, by their first day.
#[utoipa::path(tag = "auth", params(EnrollmentFilter), responses((status = 200, body = Page<Enrollment>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/enrollments")]
pub(super) async fn list(desk: Desk<AcademicsRead>, filter: Params<EnrollmentFilter>) -> Result<Page<Enrollment>, Problem> {
    let listing = Listing::<_, NaiveDate>::open(&desk, "enrollments", &filter.0)?;
    let reach = Reach::of_caller(&desk).await?;
    let transaction = desk.read().await?;
    let mut select = rows::rows::<Entity>(&transaction).filter(reach.enrollments()).filter(Column::Status.eq("active"));
    if let Some(class) = filter.class_id {
        select = select.filter(Column::ClassId.eq(class.as_uuid()));
    }
    if let Some(student) = filter.student_id {
        select = select.filter(Column::StudentId.eq(student.as_uuid()));
    }
    if let Some(on) = filter.on {
        let open = Condition::any().add(Column::EndDate.is_null()).add(Column::EndDate.gte(on));
        select = select.filter(Column::BeginDate.lte(on)).filter(open);
    }
    let found = listing.slice(select, Column::BeginDate, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.begin_date, row.id)).map(Enrollment::from))
}

/// Enrols a student in a class. 409 if the class is full or the student is in it at that time already.
#[utoipa::path(tag = "auth", request_body = NewEnrollment, responses((status = 201, body = Enrollment), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/enrollments")]
pub(super) async fn create(desk: Desk<AcademicsManage>, body: Body<NewEnrollment>) -> Result<HttpResponse, Problem> {
    let NewEnrollment { class_id, student_id, begin_date, end_date } = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let begin = match begin_date {
            Some(begin) => begin,
            None => desk.today(transaction).await?,
        };
        let mut references = References::default();
        references.check::<students::Entity>(transaction, "/student_id", Some(student_id)).await?;
        admit(transaction, references, class_id, Stay { begin, end: end_date, except: None }).await?;
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(EnrollmentId::generate().as_uuid()),
            class_id: Set(class_id.as_uuid()),
            student_id: Set(student_id.as_uuid()),
            begin_date: Set(begin),
            end_date: Set(end_date),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/enrollments/{}", row.id), version: Version::FIRST, body: Enrollment::from(row) })
    })
    .await
}

/// An enrolment that the caller may see.
#[utoipa::path(tag = "auth", params(("id" = EnrollmentId, Path)), responses((status = 200, body = Enrollment), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/enrollments/{id}")]
pub(super) async fn show(
    desk: Desk<AcademicsRead>,
    id: IdPath<EnrollmentId>,
    known: IfNoneMatch,
) -> Result<NotModifiedOr<Enrollment>, Problem> {
    let reach = Reach::of_caller(&desk).await?;
    let transaction = desk.read().await?;
    let select = rows::rows::<Entity>(&transaction).filter(Column::Id.eq(id.as_uuid())).filter(reach.enrollments());
    let row = select.one(&transaction).await?.ok_or_else(|| Problem::not_found(Entity::NOUN))?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes the dates of an enrolment: ends it, or opens it again.
#[utoipa::path(tag = "auth", params(("id" = EnrollmentId, Path)), request_body = ChangeEnrollment, responses((status = 200, body = Enrollment), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/enrollments/{id}")]
pub(super) async fn edit(
    desk: Desk<AcademicsManage>,
    id: IdPath<EnrollmentId>,
    based_on: IfMatch,
    body: Body<ChangeEnrollment>,
) -> Result<Versioned<Enrollment>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        // The class before the enrolment, as whoever adds one does: in one order nobody waits for each other.
        let seen = rows::find::<Entity>(transaction, id.as_uuid()).await?;
        rows::lock::<classes::Entity>(transaction, seen.class_id).await?;
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let begin = change.begin_date.unwrap_or(row.begin_date);
        let end = change.end_date.clone().apply(row.end_date);
        admit(transaction, References::default(), row.class_id.into(), Stay { begin, end, except: Some(row.id) }).await?;
        let change = ActiveModel { begin_date: Set(begin), end_date: Set(end), ..Default::default() };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes an enrolment that was a mistake, as if it had never been. A student who leaves gets an end date instead.
#[utoipa::path(tag = "auth", params(("id" = EnrollmentId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/enrollments/{id}")]
pub(super) async fn remove(desk: Desk<AcademicsManage>, id: IdPath<EnrollmentId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}

/// Refuses a stay that is not within the class's year, or for which the class has no room. The class is locked, so that two can't take one seat.
async fn admit(transaction: &mut SchoolTransaction, mut references: References, class: ClassId, stay: Stay) -> Result<(), Problem> {
    let class = rows::lock::<classes::Entity>(transaction, class.as_uuid()).await?.filter(|class| class.status == "active");
    let Some(class) = class else {
        references.add([Fault::new("/class_id", "there is no such class in this school")]);
        return references.settle();
    };
    if let Some(year) = rows::hold::<academic_years::Entity>(transaction, class.academic_year_id).await? {
        references.add(enrollment_faults(stay.begin, stay.end, Span { starts_on: year.starts_on, ends_on: year.ends_on }));
    }
    references.settle()?;
    if let Some(capacity) = class.capacity
        && busiest(transaction, class.id, stay).await? >= i64::from(capacity)
    {
        let fault = Fault::new("/class_id", format!("the class takes {capacity} students"));
        return Err(Problem::conflict(Kind::Conflict, "The class is full.").with_faults(vec![fault]));
    }
    Ok(())
}
