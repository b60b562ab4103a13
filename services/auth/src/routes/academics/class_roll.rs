//! Who is in a class.

use actix_web::get;
use chrono::NaiveDate;
use domain::{ClassId, EnrollmentId, StudentId};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use service_kit::permits::PeopleRead;
use service_kit::{CommonProblems, IdPath, Limit, Page, Params, Problem, filters};
use store::entity::{enrollments, students, users};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::classes::visible;
use crate::desk::Desk;
use crate::store::reach::Reach;
use records::Listing;
use records::rows;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// A student of a class as everybody in the class may see them: no address, no telephone numbers, no birthday.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct RollEntry {
    /// The student.
    student_id: StudentId,
    /// The student's name.
    full_name: String,
    /// The number on the roll.
    roll_number: Option<String>,
    /// The enrolment.
    enrollment_id: EnrollmentId,
    /// The student's first day in the class.
    begin_date: NaiveDate,
    /// The last day, inclusive; null while it is open.
    end_date: Option<NaiveDate>,
}

#[derive(Debug, FromQueryResult)]
struct Row {
    student_id: Uuid,
    full_name: String,
    roll_number: Option<String>,
    enrollment_id: Uuid,
    begin_date: NaiveDate,
    end_date: Option<NaiveDate>,
}

impl From<Row> for RollEntry {
    fn from(row: Row) -> Self {
        Self {
            student_id: row.student_id.into(),
            full_name: row.full_name,
            roll_number: row.roll_number,
            enrollment_id: row.enrollment_id.into(),
            begin_date: row.begin_date,
            end_date: row.end_date,
        }
    }
}

/// Which day's roll.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RollFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// The day; today at the school unless said otherwise.
    on: Option<NaiveDate>,
}
filters!(RollFilter);

/// The students of a class on a day, by name. For those who may see the class.
#[utoipa::path(tag = "auth", params(("id" = ClassId, Path), RollFilter), responses((status = 200, body = Page<RollEntry>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/classes/{id}/students")]
pub(super) async fn list(desk: Desk<PeopleRead>, id: IdPath<ClassId>, filter: Params<RollFilter>) -> Result<Page<RollEntry>, Problem> {
    let listing = Listing::<_, String>::open(&desk, format!("classes/{}/students", *id), &filter.0)?;
    let reach = Reach::of_caller(&desk).await?;
    let transaction = desk.read().await?;
    let class = visible(&reach, &transaction, *id).await?;
    let on = match filter.on {
        Some(on) => on,
        None => desk.today(&transaction).await?,
    };
    let student = enrollments::Entity::belongs_to(students::Entity)
        .from((enrollments::Column::SchoolId, enrollments::Column::StudentId))
        .to((students::Column::SchoolId, students::Column::Id));
    let user = students::Entity::belongs_to(users::Entity).from(students::Column::UserId).to(users::Column::Id);
    let select = rows::rows::<enrollments::Entity>(&transaction)
        .filter(enrollments::Column::ClassId.eq(class.id))
        .filter(enrollments::Column::Status.eq("active"))
        .filter(enrollments::Column::BeginDate.lte(on))
        .filter(Condition::any().add(enrollments::Column::EndDate.is_null()).add(enrollments::Column::EndDate.gte(on)))
        .join(JoinType::InnerJoin, student.into())
        .join(JoinType::InnerJoin, user.into())
        .filter(students::Column::Status.eq("active"))
        .select_only()
        .column_as(students::Column::Id, "student_id")
        .column(users::Column::FullName)
        .column(students::Column::RollNumber)
        .column_as(enrollments::Column::Id, "enrollment_id")
        .column(enrollments::Column::BeginDate)
        .column(enrollments::Column::EndDate);
    let found: Vec<Row> = listing.slice(select, users::Column::FullName, students::Column::Id).into_model().all(&transaction).await?;
    Ok(listing.page(found, |row| (row.full_name.clone(), row.student_id)).map(RollEntry::from))
}
