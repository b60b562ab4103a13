//! Fee structures: what a class, a category or everybody owes in a year or term, by heads and instalments. A structure is written as a draft, becomes active
//! as a whole, and is then what invoices are made from: it doesn't change any more.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{AcademicYearId, ClassId, Currency, Fault, FeeItemId, FeeStructureId, TermId, Text, Version};
use records::References;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::permits::FeesManage;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, NoContent, NotModifiedOr, Page, Params,
    Problem, Versioned, filters,
};
use sqlx::types::Json;
use store::SchoolTransaction;
use store::entity::{academic_years, classes, terms};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::heads::{Item, NewHead, items};
use crate::desk::Desk;
use crate::store::{ItemRow, StructureRow, db, items_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove).service(activate).service(retire);
}

/// A fee structure.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeeStructureView {
    /// Its id.
    id: FeeStructureId,
    /// The year.
    academic_year_id: AcademicYearId,
    /// The term; null: the whole year.
    term_id: Option<TermId>,
    /// The class that it is for; null: all of the year.
    class_id: Option<ClassId>,
    /// What it is called.
    name: String,
    /// The category of students that it is for; null: all.
    category: Option<String>,
    /// The currency of all its amounts.
    currency: String,
    /// `draft`, `active` or `retired`.
    status: String,
    /// What is owed, by instalment.
    items: Vec<FeeItemView>,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

/// A head in one of the instalments.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeeItemView {
    /// Its id.
    id: FeeItemId,
    /// What for.
    head: String,
    /// Which instalment.
    instalment: i32,
    /// How much, in minor units, without tax.
    amount_minor: i64,
    /// Tax on it, in hundredths of a percent.
    tax_basis_points: i32,
    /// When it is due.
    due_on: NaiveDate,
    /// Whether it is charged only when asked for, and not by a run.
    is_optional: bool,
}

/// A fee structure to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFeeStructure {
    /// The year.
    academic_year_id: AcademicYearId,
    /// The term; left out: the whole year.
    term_id: Option<TermId>,
    /// The class that it is for; left out: all of the year.
    class_id: Option<ClassId>,
    /// What it is called; once in a year.
    name: Text<200>,
    /// The category of students that it is for.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    category: Option<Text<100>>,
    /// The currency of all its amounts.
    currency: Currency,
    /// What is owed.
    #[serde(default)]
    #[schema(max_items = 100)]
    heads: Vec<NewHead>,
}

/// What changes; what is left out stays as it is. Only a draft can be changed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeFeeStructure {
    /// What it is called; once in a year.
    name: Option<Text<200>>,
    /// What is owed: all of it anew.
    #[schema(max_items = 100)]
    heads: Option<Vec<NewHead>>,
}

/// Which structures.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeeStructureFilter {
    /// Of this year.
    #[param(inline)]
    academic_year_id: Option<AcademicYearId>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(FeeStructureFilter);

fn view(row: StructureRow, items: impl IntoIterator<Item = ItemRow>) -> FeeStructureView {
    let item = |item: ItemRow| FeeItemView {
        id: item.id.into(),
        head: item.head,
        instalment: item.instalment,
        amount_minor: item.amount_minor,
        tax_basis_points: item.tax_basis_points,
        due_on: item.due_on,
        is_optional: item.is_optional,
    };
    FeeStructureView {
        id: row.id.into(),
        academic_year_id: row.academic_year_id.into(),
        term_id: row.term_id.map(TermId::from),
        class_id: row.class_id.map(ClassId::from),
        name: row.name,
        category: row.category,
        currency: row.currency,
        status: row.status,
        items: items.into_iter().map(item).collect(),
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

async fn put_items(transaction: &mut SchoolTransaction, structure: Uuid, items: Vec<Item>) -> Result<(), Problem> {
    let school = transaction.school_id().as_uuid();
    sqlx::query("DELETE FROM fee_items WHERE school_id = $1 AND fee_structure_id = $2")
        .bind(school)
        .bind(structure)
        .execute(transaction.connection()?)
        .await
        .map_err(db)?;
    let item = |(head, instalment, amount, tax, due_on, is_optional): Item| {
        json!({"id": FeeItemId::generate().as_uuid(), "head": head, "instalment": instalment, "amount_minor": amount, "tax_basis_points": tax,
            "due_on": due_on, "is_optional": is_optional})
    };
    let rows: Vec<serde_json::Value> = items.into_iter().map(item).collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO fee_items (school_id, id, fee_structure_id, head, instalment, amount_minor, tax_basis_points, due_on, is_optional)
         SELECT $1, id, $2, head, instalment, amount_minor, tax_basis_points, due_on, is_optional FROM jsonb_populate_recordset(NULL::fee_items, $3)",
    )
    .bind(school)
    .bind(structure)
    .bind(Json(rows))
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(())
}

async fn find(transaction: &mut SchoolTransaction, id: Uuid) -> Result<StructureRow, Problem> {
    sqlx::query_as("SELECT * FROM fee_structures WHERE school_id = $1 AND id = $2")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?
        .ok_or_else(|| Problem::not_found("fee structure"))
}

/// The structure, locked, if it still is what the change is based on.
async fn lock(transaction: &mut SchoolTransaction, id: Uuid, based_on: IfMatch) -> Result<StructureRow, Problem> {
    let row: Option<StructureRow> = sqlx::query_as("SELECT * FROM fee_structures WHERE school_id = $1 AND id = $2 FOR UPDATE")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?;
    let row = row.ok_or_else(|| Problem::not_found("fee structure"))?;
    based_on.require(Version::try_from(row.version).map_err(Problem::internal)?)?;
    Ok(row)
}

async fn whole(transaction: &mut SchoolTransaction, id: Uuid) -> Result<(FeeStructureView, Version), Problem> {
    let row = find(transaction, id).await?;
    let version = Version::try_from(row.version).map_err(Problem::internal)?;
    let items = items_of(transaction, &[id]).await?;
    Ok((view(row, items), version))
}

/// The first day of the structure's term, or of its year.
async fn start_of(transaction: &mut SchoolTransaction, row: &StructureRow) -> Result<NaiveDate, Problem> {
    sqlx::query_scalar(
        "SELECT coalesce(t.starts_on, y.starts_on) FROM academic_years y LEFT JOIN terms t ON t.school_id = y.school_id AND t.id = $3
         WHERE y.school_id = $1 AND y.id = $2",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(row.academic_year_id)
    .bind(row.term_id)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(db)
}

fn only_drafts(row: &StructureRow) -> Result<(), Problem> {
    if row.status == "draft" { Ok(()) } else { Err(Problem::conflict(Kind::Conflict, "Only a draft can be changed.")) }
}

/// The structures, by name.
#[utoipa::path(params(FeeStructureFilter), responses((status = 200, body = Page<FeeStructureView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fee-structures")]
async fn list(desk: Desk<FeesManage>, filter: Params<FeeStructureFilter>) -> Result<Page<FeeStructureView>, Problem> {
    let paging = desk.paging("fee-structures", &filter.0);
    let (name, id) = paging.after::<(String, Uuid)>()?.unzip();
    let mut transaction = desk.read().await?;
    let rows: Vec<StructureRow> = sqlx::query_as(
        "SELECT * FROM fee_structures WHERE school_id = $1 AND ($2::uuid IS NULL OR academic_year_id = $2) AND ($3::text IS NULL OR (name, id) > ($3, $4))
         ORDER BY name, id LIMIT $5",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(filter.academic_year_id.map(AcademicYearId::as_uuid))
    .bind(name)
    .bind(id)
    .bind(paging.limit().cast_signed())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let page = paging.page(rows, |row| (row.name.clone(), row.id));
    let ids: Vec<Uuid> = page.items.iter().map(|row| row.id).collect();
    let mut items = items_of(&mut transaction, &ids).await?;
    Ok(page.map(|row| {
        let (own, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut items).into_iter().partition(|item| item.fee_structure_id == row.id);
        items = rest;
        view(row, own)
    }))
}

/// Adds a structure, as a draft.
#[utoipa::path(
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = NewFeeStructure,
    responses((status = 201, body = FeeStructureView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/fee-structures")]
async fn create(desk: Desk<FeesManage>, body: Body<NewFeeStructure>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let mut references = References::default();
        let year = new.academic_year_id.as_uuid();
        let found = references.get::<academic_years::Entity>(transaction, "/academic_year_id", year).await?;
        // Without a year nothing is made of the days.
        let mut start = found.map(|year| year.starts_on).unwrap_or_default();
        if let Some(term) = new.term_id {
            let found = references.get::<terms::Entity>(transaction, "/term_id", term.as_uuid()).await?;
            start = found.as_ref().map_or(start, |term| term.starts_on);
            references.add(found.filter(|term| term.academic_year_id != year).map(|_| Fault::new("/term_id", "must be of the same year")));
        }
        if let Some(class) = new.class_id {
            let found = references.get::<classes::Entity>(transaction, "/class_id", class.as_uuid()).await?;
            references.add(found.filter(|class| class.academic_year_id != year).map(|_| Fault::new("/class_id", "must be of the same year")));
        }
        let items = references.value(items(&new.heads, start));
        let items = references.settle_with(items)?;
        let id = FeeStructureId::generate().as_uuid();
        sqlx::query(
            "INSERT INTO fee_structures (school_id, id, academic_year_id, term_id, class_id, name, category, currency, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        )
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .bind(year)
        .bind(new.term_id.map(TermId::as_uuid))
        .bind(new.class_id.map(ClassId::as_uuid))
        .bind(String::from(new.name))
        .bind(new.category.map(String::from))
        .bind(new.currency.code())
        .bind(desk.now())
        .execute(transaction.connection()?)
        .await
        .map_err(db)?;
        put_items(transaction, id, items).await?;
        let (body, version) = whole(transaction, id).await?;
        Ok(Created { location: format!("/api/v1/fee-structures/{id}"), version, body })
    })
    .await
}

/// A structure.
#[utoipa::path(params(("id" = FeeStructureId, Path)), responses((status = 200, body = FeeStructureView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fee-structures/{id}")]
async fn show(desk: Desk<FeesManage>, id: IdPath<FeeStructureId>, known: IfNoneMatch) -> Result<NotModifiedOr<FeeStructureView>, Problem> {
    let (view, version) = whole(&mut desk.read().await?, id.as_uuid()).await?;
    Ok(NotModifiedOr(known, view, version))
}

/// Changes a draft.
#[utoipa::path(
    params(("id" = FeeStructureId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeFeeStructure,
    responses((status = 200, body = FeeStructureView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/fee-structures/{id}")]
async fn edit(
    desk: Desk<FeesManage>,
    id: IdPath<FeeStructureId>,
    based_on: IfMatch,
    body: Body<ChangeFeeStructure>,
) -> Result<Versioned<FeeStructureView>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = lock(transaction, id.as_uuid(), based_on).await?;
        only_drafts(&row)?;
        let heads = match change.heads {
            Some(heads) => Some(items(&heads, start_of(transaction, &row).await?)?),
            None => None,
        };
        sqlx::query(
            "UPDATE fee_structures SET name = coalesce($3, name), version = version + 1, updated_at = $4 WHERE school_id = $1 AND id = $2",
        )
        .bind(transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(change.name.map(String::from))
        .bind(desk.now())
        .execute(transaction.connection()?)
        .await
        .map_err(db)?;
        if let Some(items) = heads {
            put_items(transaction, id.as_uuid(), items).await?;
        }
        let (view, version) = whole(transaction, id.as_uuid()).await?;
        Ok(Versioned(view, version))
    })
    .await
}

/// Removes a draft.
#[utoipa::path(
    params(("id" = FeeStructureId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/fee-structures/{id}")]
async fn remove(desk: Desk<FeesManage>, id: IdPath<FeeStructureId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        only_drafts(&lock(transaction, id.as_uuid(), based_on).await?)?;
        put_items(transaction, id.as_uuid(), Vec::new()).await?;
        sqlx::query("DELETE FROM fee_structures WHERE school_id = $1 AND id = $2")
            .bind(transaction.school_id().as_uuid())
            .bind(id.as_uuid())
            .execute(transaction.connection()?)
            .await
            .map_err(db)?;
        Ok(NoContent)
    })
    .await
}

async fn set_status(
    desk: &Desk<FeesManage>,
    id: Uuid,
    based_on: IfMatch,
    (from, to): (&'static str, &'static str),
) -> Result<Versioned<FeeStructureView>, Problem> {
    desk.change(async |transaction| {
        let row = lock(transaction, id, based_on).await?;
        if row.status != from {
            return Err(Problem::conflict(Kind::Conflict, format!("It is {}, not {from}.", row.status)));
        }
        if to == "active" && items_of(transaction, &[id]).await?.is_empty() {
            return Err(Problem::conflict(Kind::Conflict, "It charges nothing yet."));
        }
        sqlx::query("UPDATE fee_structures SET status = $3, version = version + 1, updated_at = $4 WHERE school_id = $1 AND id = $2")
            .bind(transaction.school_id().as_uuid())
            .bind(id)
            .bind(to)
            .bind(desk.now())
            .execute(transaction.connection()?)
            .await
            .map_err(db)?;
        let (view, version) = whole(transaction, id).await?;
        Ok(Versioned(view, version))
    })
    .await
}

/// Makes a draft what invoices are made from. It doesn't change any more.
#[utoipa::path(
    params(("id" = FeeStructureId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = FeeStructureView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/fee-structures/{id}/activate")]
async fn activate(desk: Desk<FeesManage>, id: IdPath<FeeStructureId>, based_on: IfMatch) -> Result<Versioned<FeeStructureView>, Problem> {
    set_status(&desk, id.as_uuid(), based_on, ("draft", "active")).await
}

/// Takes a structure out of use. Its invoices stay.
#[utoipa::path(
    params(("id" = FeeStructureId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = FeeStructureView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/fee-structures/{id}/retire")]
async fn retire(desk: Desk<FeesManage>, id: IdPath<FeeStructureId>, based_on: IfMatch) -> Result<Versioned<FeeStructureView>, Problem> {
    set_status(&desk, id.as_uuid(), based_on, ("active", "retired")).await
}
