//! Academic years.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{AcademicYearId, Fault, Text, Version};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::{AcademicsManage, AcademicsRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::entity::academic_years::{ActiveModel, Column, Entity, Model};
use store::{SchoolTransaction, StoreError};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::model::dates::Span;
use crate::store::rules::RULES;
use records::Listing;
use records::{Table, rows};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// An academic year.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct AcademicYear {
    /// Its id.
    id: AcademicYearId,
    /// What it is called, such as `2026/27`.
    name: String,
    /// The first day.
    starts_on: NaiveDate,
    /// The last day, inclusive.
    ends_on: NaiveDate,
    /// The id in the system that it was imported from.
    source_id: Option<String>,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for AcademicYear {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            starts_on: row.starts_on,
            ends_on: row.ends_on,
            source_id: row.source_id,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A year to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAcademicYear {
    /// What it is called; once in the school.
    name: Text<100>,
    /// The first day.
    starts_on: NaiveDate,
    /// The last day, inclusive; after the first.
    ends_on: NaiveDate,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeAcademicYear {
    /// What it is called; once in the school.
    name: Option<Text<100>>,
    /// The first day. The year's terms and enrolments must stay within it.
    starts_on: Option<NaiveDate>,
    /// The last day, inclusive. The year's terms and enrolments must stay within it.
    ends_on: Option<NaiveDate>,
}

/// Which academic years.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AcademicYearFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only the year that this day is in.
    on: Option<NaiveDate>,
}
filters!(AcademicYearFilter);

/// The school's academic years, oldest first.
#[utoipa::path(tag = "auth", params(AcademicYearFilter), responses((status = 200, body = Page<AcademicYear>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/academic-years")]
pub(super) async fn list(desk: Desk<AcademicsRead>, filter: Params<AcademicYearFilter>) -> Result<Page<AcademicYear>, Problem> {
    let listing = Listing::<_, NaiveDate>::open(&desk, "academic-years", &filter.0)?;
    let transaction = desk.read().await?;
    let mut select = rows::rows::<Entity>(&transaction).filter(Column::Status.eq("active"));
    if let Some(on) = filter.on {
        select = select.filter(Column::StartsOn.lte(on)).filter(Column::EndsOn.gte(on));
    }
    let found = listing.slice(select, Column::StartsOn, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.starts_on, row.id)).map(AcademicYear::from))
}

/// Adds an academic year.
#[utoipa::path(tag = "auth", request_body = NewAcademicYear, responses((status = 201, body = AcademicYear), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/academic-years")]
pub(super) async fn create(desk: Desk<AcademicsManage>, body: Body<NewAcademicYear>) -> Result<HttpResponse, Problem> {
    let NewAcademicYear { name, starts_on, ends_on } = body.0.clone();
    refuse(Span { starts_on, ends_on }.faults())?;
    desk.create(&body.0, async |transaction| {
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(AcademicYearId::generate().as_uuid()),
            name: Set(name.into()),
            starts_on: Set(starts_on),
            ends_on: Set(ends_on),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/academic-years/{}", row.id), version: Version::FIRST, body: AcademicYear::from(row) })
    })
    .await
}

/// An academic year.
#[utoipa::path(tag = "auth", params(("id" = AcademicYearId, Path)), responses((status = 200, body = AcademicYear), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/academic-years/{id}")]
pub(super) async fn show(
    desk: Desk<AcademicsRead>,
    id: IdPath<AcademicYearId>,
    known: IfNoneMatch,
) -> Result<NotModifiedOr<AcademicYear>, Problem> {
    let row = rows::find::<Entity>(&desk.read().await?, id.as_uuid()).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes an academic year.
#[utoipa::path(tag = "auth", params(("id" = AcademicYearId, Path)), request_body = ChangeAcademicYear, responses((status = 200, body = AcademicYear), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/academic-years/{id}")]
pub(super) async fn edit(
    desk: Desk<AcademicsManage>,
    id: IdPath<AcademicYearId>,
    based_on: IfMatch,
    body: Body<ChangeAcademicYear>,
) -> Result<Versioned<AcademicYear>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let span = Span { starts_on: change.starts_on.unwrap_or(row.starts_on), ends_on: change.ends_on.unwrap_or(row.ends_on) };
        refuse(span.faults())?;
        refuse(left_outside(transaction, &row, span).await?)?;
        let change = ActiveModel {
            name: rows::patch_required(change.name),
            starts_on: rows::patch_required(change.starts_on),
            ends_on: rows::patch_required(change.ends_on),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes an academic year that nothing refers to.
#[utoipa::path(tag = "auth", params(("id" = AcademicYearId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/academic-years/{id}")]
pub(super) async fn remove(desk: Desk<AcademicsManage>, id: IdPath<AcademicYearId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}

fn refuse(faults: Vec<Fault>) -> Result<(), Problem> {
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

/// Faults where terms or enrolments of the year `row` lie before or after `span`. The row is locked, and whoever adds a term or an enrolment
/// holds it, so that none can come in between.
async fn left_outside(transaction: &mut SchoolTransaction, row: &Model, span: Span) -> Result<Vec<Fault>, Problem> {
    let (before, after): (bool, bool) = sqlx::query_as(
        "SELECT coalesce(bool_or(p.first < $3), false), coalesce(bool_or(p.last > $4), false) FROM ( \
             SELECT starts_on, ends_on FROM terms WHERE school_id = $1 AND academic_year_id = $2 \
             UNION ALL SELECT e.begin_date, coalesce(e.end_date, e.begin_date) FROM enrollments e \
             JOIN classes c ON c.school_id = e.school_id AND c.id = e.class_id WHERE c.school_id = $1 AND c.academic_year_id = $2 \
         ) AS p (first, last)",
    )
    .bind(row.school_id)
    .bind(row.id)
    .bind(span.starts_on)
    .bind(span.ends_on)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    let fault = |wrong: bool, pointer| wrong.then(|| Fault::new(pointer, "would leave a term or an enrolment outside of the year"));
    Ok([fault(before, "/starts_on"), fault(after, "/ends_on")].into_iter().flatten().collect())
}
