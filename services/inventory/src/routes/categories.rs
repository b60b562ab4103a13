//! Categories: what things are filed under, and on which terms they are lent.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{Fault, InventoryCategoryId, Patch, Text, Version};
use records::{Listing, Table, rows};
use sea_orm::ActiveValue::Set;
use serde::{Deserialize, Serialize};
use service_kit::permits::InventoryRead;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::entity::inventory_categories::{ActiveModel, Column, Entity, Model};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::{Desk, KeepersDesk};
use crate::model::item::Status;
use crate::store::RULES;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// The most that a day costs, and that anything costs, in minor units.
const MOST_A_DAY: i64 = 1_000_000_000;
const MOST: i64 = 1_000_000_000_000;

const fn two_weeks() -> i32 {
    14
}

const fn twice() -> i32 {
    2
}

const fn three() -> i32 {
    3
}

fn within<T: PartialOrd + std::fmt::Display + Copy>(pointer: &str, value: Option<T>, low: T, high: T) -> Option<Fault> {
    value.filter(|value| *value < low || *value > high).map(|_| Fault::new(pointer, format!("must be from {low} to {high}")))
}

fn refuse(faults: [Option<Fault>; 6]) -> Result<(), Problem> {
    let faults: Vec<Fault> = faults.into_iter().flatten().collect();
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

/// A category.
#[derive(Debug, Serialize, ToSchema)]
pub struct CategoryView {
    /// Its id.
    id: InventoryCategoryId,
    /// What it is called; once in the school.
    name: String,
    /// How long its things are lent, in days.
    loan_days: i32,
    /// How often a loan can be renewed.
    max_renewals: i32,
    /// For how many days something that came back is kept for who is next in the queue.
    hold_days: i32,
    /// What a day of being late costs for each piece, in minor units of the item's currency.
    penalty_per_day_minor: i64,
    /// Days of being late that cost nothing.
    penalty_grace_days: i32,
    /// The most that being late costs for each piece.
    penalty_cap_minor: Option<i64>,
    /// Whether it is in use.
    status: String,
    /// One more with each change.
    version: i32,
    /// When it was created.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<Model> for CategoryView {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            loan_days: row.loan_days,
            max_renewals: row.max_renewals,
            hold_days: row.hold_days,
            penalty_per_day_minor: row.penalty_per_day_minor,
            penalty_grace_days: row.penalty_grace_days,
            penalty_cap_minor: row.penalty_cap_minor,
            status: row.status,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A category to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCategory {
    /// What it is called; once in the school.
    name: Text<100>,
    /// How long its things are lent, in days.
    #[serde(default = "two_weeks")]
    #[schema(minimum = 1, maximum = 366)]
    loan_days: i32,
    /// How often a loan can be renewed.
    #[serde(default = "twice")]
    #[schema(minimum = 0, maximum = 100)]
    max_renewals: i32,
    /// For how many days something that came back is kept for who is next in the queue.
    #[serde(default = "three")]
    #[schema(minimum = 1, maximum = 60)]
    hold_days: i32,
    /// What a day of being late costs for each piece, in minor units of the item's currency.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    penalty_per_day_minor: i64,
    /// Days of being late that cost nothing.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 366)]
    penalty_grace_days: i32,
    /// The most that being late costs for each piece.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    penalty_cap_minor: Option<i64>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeCategory {
    /// What it is called; once in the school.
    name: Option<Text<100>>,
    /// How long its things are lent, in days.
    #[schema(minimum = 1, maximum = 366)]
    loan_days: Option<i32>,
    /// How often a loan can be renewed.
    #[schema(minimum = 0, maximum = 100)]
    max_renewals: Option<i32>,
    /// For how many days something that came back is kept for who is next in the queue.
    #[schema(minimum = 1, maximum = 60)]
    hold_days: Option<i32>,
    /// What a day of being late costs for each piece, in minor units of the item's currency.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    penalty_per_day_minor: Option<i64>,
    /// Days of being late that cost nothing.
    #[schema(minimum = 0, maximum = 366)]
    penalty_grace_days: Option<i32>,
    /// The most that being late costs for each piece.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 1_000_000_000_000_i64)]
    penalty_cap_minor: Patch<i64>,
    /// Whether it is in use.
    status: Option<Status>,
}

/// Which part of the list.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CategoryFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(CategoryFilter);

/// The school's categories, by name.
#[utoipa::path(params(CategoryFilter), responses((status = 200, body = Page<CategoryView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/categories")]
async fn list(desk: Desk<InventoryRead>, filter: Params<CategoryFilter>) -> Result<Page<CategoryView>, Problem> {
    let listing = Listing::<_, String>::open(&desk, "inventory-categories", &filter.0)?;
    let transaction = desk.read().await?;
    let found = listing.slice(rows::rows::<Entity>(&transaction), Column::Name, Column::Id).all(&transaction).await?;
    Ok(listing.page(found, |row| (row.name.clone(), row.id)).map(CategoryView::from))
}

/// Adds a category.
#[utoipa::path(request_body = NewCategory, responses((status = 201, body = CategoryView), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/inventory/categories")]
async fn create(desk: KeepersDesk, body: Body<NewCategory>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let terms = [
            within("/loan_days", Some(new.loan_days), 1, 366),
            within("/max_renewals", Some(new.max_renewals), 0, 100),
            within("/hold_days", Some(new.hold_days), 1, 60),
            within("/penalty_per_day_minor", Some(new.penalty_per_day_minor), 0, MOST_A_DAY),
            within("/penalty_grace_days", Some(new.penalty_grace_days), 0, 366),
            within("/penalty_cap_minor", new.penalty_cap_minor, 0, MOST),
        ];
        refuse(terms)?;
        let now = desk.now();
        let row = ActiveModel {
            school_id: Set(transaction.school_id().as_uuid()),
            id: Set(InventoryCategoryId::generate().as_uuid()),
            name: Set(new.name.into()),
            loan_days: Set(new.loan_days),
            max_renewals: Set(new.max_renewals),
            hold_days: Set(new.hold_days),
            penalty_per_day_minor: Set(new.penalty_per_day_minor),
            penalty_grace_days: Set(new.penalty_grace_days),
            penalty_cap_minor: Set(new.penalty_cap_minor),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        let row = rows::insert(transaction, RULES, row).await?;
        Ok(Created { location: format!("/api/v1/inventory/categories/{}", row.id), version: Version::FIRST, body: CategoryView::from(row) })
    })
    .await
}

/// A category.
#[utoipa::path(params(("id" = InventoryCategoryId, Path)), responses((status = 200, body = CategoryView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/categories/{id}")]
async fn show(
    desk: Desk<InventoryRead>,
    id: IdPath<InventoryCategoryId>,
    known: IfNoneMatch,
) -> Result<NotModifiedOr<CategoryView>, Problem> {
    let row = rows::find::<Entity>(&desk.read().await?, id.as_uuid()).await?;
    let version = Entity::version(&row)?;
    Ok(NotModifiedOr(known, row.into(), version))
}

/// Changes a category.
#[utoipa::path(
    params(("id" = InventoryCategoryId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeCategory,
    responses((status = 200, body = CategoryView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/inventory/categories/{id}")]
async fn edit(
    desk: KeepersDesk,
    id: IdPath<InventoryCategoryId>,
    based_on: IfMatch,
    body: Body<ChangeCategory>,
) -> Result<Versioned<CategoryView>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let cap = if let Patch::Set(cap) = change.penalty_cap_minor { Some(cap) } else { None };
        let terms = [
            within("/loan_days", change.loan_days, 1, 366),
            within("/max_renewals", change.max_renewals, 0, 100),
            within("/hold_days", change.hold_days, 1, 60),
            within("/penalty_per_day_minor", change.penalty_per_day_minor, 0, MOST_A_DAY),
            within("/penalty_grace_days", change.penalty_grace_days, 0, 366),
            within("/penalty_cap_minor", cap, 0, MOST),
        ];
        refuse(terms)?;
        let change = ActiveModel {
            name: rows::patch_required(change.name),
            loan_days: rows::patch_required(change.loan_days),
            max_renewals: rows::patch_required(change.max_renewals),
            hold_days: rows::patch_required(change.hold_days),
            penalty_per_day_minor: rows::patch_required(change.penalty_per_day_minor),
            penalty_grace_days: rows::patch_required(change.penalty_grace_days),
            penalty_cap_minor: rows::patch(change.penalty_cap_minor),
            status: rows::patch_required(change.status.map(|status| status.as_str().to_owned())),
            ..Default::default()
        };
        let row = rows::save(transaction, RULES, &row, change, desk.now()).await?;
        let version = Entity::version(&row)?;
        Ok(Versioned(row.into(), version))
    })
    .await
}

/// Removes a category that nothing refers to; what is in use can be made inactive.
#[utoipa::path(
    params(("id" = InventoryCategoryId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/inventory/categories/{id}")]
async fn remove(desk: KeepersDesk, id: IdPath<InventoryCategoryId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}
