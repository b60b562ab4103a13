//! Terms: semesters, terms and grading periods of an academic year.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{AcademicYearId, Fault, TermId, Text, Version};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::{AcademicsManage, AcademicsRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::entity::terms::{ActiveModel, Column, Entity, Model};
use store::entity::{academic_years, terms};
use store::{SchoolTransaction, StoreError};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::model::dates::Span;
use crate::model::term_kind::TermKind;
use crate::store::rules::RULES;
use records::Listing;
use records::References;
use records::{Table, rows};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// A term of an academic year. Terms of one kind don't overlap.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Term {
    /// Its id.
    id: TermId,
    /// Its year.
    academic_year_id: AcademicYearId,
    /// The term that it is a part of.
    parent_term_id: Option<TermId>,
    /// What part of the year it is.
    kind: TermKind,
    /// What it is called.
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

impl From<Model> for Term {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            academic_year_id: row.academic_year_id.into(),
            parent_term_id: row.parent_term_id.map(TermId::from),
            kind: TermKind::of(&row.kind),
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

/// A term to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTerm {
    /// Its year.
    academic_year_id: AcademicYearId,
    /// The term that it is a part of: of the same year, and around its dates.
    parent_term_id: Option<TermId>,
    /// What part of the year it is; a term unless said otherwise.
    #[serde(default)]
    kind: TermKind,
    /// What it is called; once in the year and kind.
    name: Text<100>,
    /// The first day, within the year.
    starts_on: NaiveDate,
    /// The last day, inclusive, within the year; after the first.
    ends_on: NaiveDate,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeTerm {
    /// What it is called; once in the year and kind.
    name: Option<Text<100>>,
    /// The first day, within the year.
    starts_on: Option<NaiveDate>,
    /// The last day, inclusive, within the year; after the first.
    ends_on: Option<NaiveDate>,
}

/// Which terms.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TermFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only those of this year.
    #[param(inline)]
    academic_year_id: Option<AcademicYearId>,
    /// Only those of this kind.
    #[param(inline)]
    kind: Option<TermKind>,
    /// Only those that this day is in.
    on: Option<NaiveDate>,
}
filters!(TermFilter);

/// The school's terms, by their first day.
#[utoipa::path(tag = "auth", params(TermFilter), responses((status = 200, body = Page<Term>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/terms")]
pub(super) async fn list(desk: Desk<AcademicsRead>, filter: Params<TermFilter>) -> Result<Page<Term>, Problem> {
    let listing = Listing::<_, NaiveDate>::open(&desk, "terms", &filter.0)?;
    let transaction = desk.read().await?;
    let mut select = rows::rows::<Entity>(&transaction).filter(Column::Status.eq("active"));
    if let Some(year) = filter.academic_year_id {
        select = select.filter(Column::AcademicYearId.eq(year.as_uuid()));
    }
    if let Some(kind) = filter.kind {
        select = select.filter(Column::Kind.eq(kind.as_str()));
    }
    if let Some(on) = filter.on {
        select = select.filter(Column::StartsOn.lte(on)).filter(Column::EndsOn.gte(on));
    }
    let found = listing.slice(select, Column::StartsOn, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.starts_on, row.id)).map(Term::from))
}

/// Adds a term.
#[utoipa::path(tag = "auth", request_body = NewTerm, responses((status = 201, body = Term), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/terms")]
pub(super) async fn create(desk: Desk<AcademicsManage>, body: Body<NewTerm>) -> Result<HttpResponse, Problem> {
    let NewTerm { academic_year_id, parent_term_id, kind, name, starts_on, ends_on } = body.0.clone();
    desk.create(&body.0, async |transaction| {
        fits(transaction, Span { starts_on, ends_on }, academic_year_id.as_uuid(), parent_term_id.map(TermId::as_uuid)).await?;
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(TermId::generate().as_uuid()),
            academic_year_id: Set(academic_year_id.as_uuid()),
            parent_term_id: Set(parent_term_id.map(TermId::as_uuid)),
            kind: Set(kind.as_str().to_owned()),
            name: Set(name.into()),
            starts_on: Set(starts_on),
            ends_on: Set(ends_on),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/terms/{}", row.id), version: Version::FIRST, body: Term::from(row) })
    })
    .await
}

/// A term.
#[utoipa::path(tag = "auth", params(("id" = TermId, Path)), responses((status = 200, body = Term), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/terms/{id}")]
pub(super) async fn show(desk: Desk<AcademicsRead>, id: IdPath<TermId>, known: IfNoneMatch) -> Result<NotModifiedOr<Term>, Problem> {
    let row = rows::find::<Entity>(&desk.read().await?, id.as_uuid()).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes a term.
#[utoipa::path(tag = "auth", params(("id" = TermId, Path)), request_body = ChangeTerm, responses((status = 200, body = Term), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/terms/{id}")]
pub(super) async fn edit(
    desk: Desk<AcademicsManage>,
    id: IdPath<TermId>,
    based_on: IfMatch,
    body: Body<ChangeTerm>,
) -> Result<Versioned<Term>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        // The year before the term, as whoever adds or changes one does: in one order nobody waits for each other.
        let seen = rows::find::<Entity>(transaction, id.as_uuid()).await?;
        rows::hold::<academic_years::Entity>(transaction, seen.academic_year_id).await?;
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let span = Span { starts_on: change.starts_on.unwrap_or(row.starts_on), ends_on: change.ends_on.unwrap_or(row.ends_on) };
        fits(transaction, span, row.academic_year_id, row.parent_term_id).await?;
        keeps_its_parts(transaction, &row, span).await?;
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

/// Removes a term that nothing refers to.
#[utoipa::path(tag = "auth", params(("id" = TermId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/terms/{id}")]
pub(super) async fn remove(desk: Desk<AcademicsManage>, id: IdPath<TermId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}

/// 422 unless `span` is a span, within the year and within the term around it; both are held.
async fn fits(transaction: &SchoolTransaction, span: Span, year: Uuid, parent: Option<Uuid>) -> Result<(), Problem> {
    let mut references = References::default();
    match references.hold::<academic_years::Entity>(transaction, "/academic_year_id", year).await? {
        Some(year) => {
            references.add(span.faults_within(Span { starts_on: year.starts_on, ends_on: year.ends_on }, "academic year"));
        }
        None => references.add(span.faults()),
    }
    if let Some(parent) = parent
        && let Some(parent) = references.hold::<terms::Entity>(transaction, "/parent_term_id", parent).await?
    {
        if parent.academic_year_id != year {
            references.add([Fault::new("/parent_term_id", "must be of the same academic year")]);
        }
        // That it is a span at all is said above.
        let around = Span { starts_on: parent.starts_on, ends_on: parent.ends_on };
        references.add(span.faults_within(around, "parent term").into_iter().skip(span.faults().len()));
    }
    references.settle()
}

/// 422 if a part of the term would lie outside of `span`. The term is locked, and whoever adds a part holds it.
async fn keeps_its_parts(transaction: &mut SchoolTransaction, row: &Model, span: Span) -> Result<(), Problem> {
    let (before, after): (bool, bool) = sqlx::query_as(
        "SELECT coalesce(bool_or(starts_on < $3), false), coalesce(bool_or(ends_on > $4), false) FROM terms \
         WHERE school_id = $1 AND parent_term_id = $2",
    )
    .bind(row.school_id)
    .bind(row.id)
    .bind(span.starts_on)
    .bind(span.ends_on)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    let mut references = References::default();
    let fault = |wrong: bool, pointer| wrong.then(|| Fault::new(pointer, "would leave a part of the term outside of it"));
    references.add([fault(before, "/starts_on"), fault(after, "/ends_on")].into_iter().flatten());
    references.settle()
}
