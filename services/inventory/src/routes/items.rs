//! Items: what the school keeps, with what there is of it.

use actix_web::{HttpResponse, delete, get, patch, post};
use domain::{Fault, InventoryCategoryId, InventoryItemId, InventoryLocationId, Patch, SupplierId, Text, Version};
use records::{References, rows};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};
use service_kit::permits::InventoryRead;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Limit, NoContent, Page, Params, Problem, Versioned, filters,
};
use store::SchoolTransaction;
use store::entity::inventory_items::{ActiveModel, Entity};
use store::entity::{inventory_categories, inventory_suppliers, schools};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::{Desk, KeepersDesk};
use crate::model::barcode::Barcode;
use crate::model::item::{Item, ItemKind, Status};
use crate::store::{RULES, Shelf, item, items};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(edit).service(remove);
}

/// The most that one thing costs, in minor units.
const MOST_COST: i64 = 1_000_000_000_000;

/// An item to be. Whether it is an asset and has serial numbers stays as it is said here.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// What it is called.
    pub(super) name: Text<200>,
    /// What kind of thing it is; only assets are lent.
    pub(super) kind: ItemKind,
    /// What it is counted in; `piece` unless said otherwise.
    pub(super) unit: Option<Text<32>>,
    /// The school's stock number; once in the school.
    pub(super) sku: Option<Text<64>>,
    /// The barcode that is printed on it; once in the school.
    pub(super) barcode: Option<Barcode>,
    /// Its category.
    pub(super) category_id: Option<InventoryCategoryId>,
    /// From whom it is usually bought.
    pub(super) supplier_id: Option<SupplierId>,
    /// Whether each has a serial number of its own; assets only.
    #[serde(default)]
    pub(super) is_serialised: bool,
    /// At so many or fewer it is to be ordered again; 0: never.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub(super) reorder_level: i32,
    /// What a borrower owes for one that is lost, in minor units of the school's currency.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    pub(super) replacement_cost_minor: Option<i64>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeItem {
    /// What it is called.
    name: Option<Text<200>>,
    /// What it is counted in.
    unit: Option<Text<32>>,
    /// The school's stock number.
    #[serde(default)]
    #[schema(value_type = Option<Text<64>>)]
    sku: Patch<Text<64>>,
    /// The barcode that is printed on it.
    #[serde(default)]
    #[schema(value_type = Option<Barcode>)]
    barcode: Patch<Barcode>,
    /// Its category.
    #[serde(default)]
    #[schema(value_type = Option<InventoryCategoryId>)]
    category_id: Patch<InventoryCategoryId>,
    /// From whom it is usually bought.
    #[serde(default)]
    #[schema(value_type = Option<SupplierId>)]
    supplier_id: Patch<SupplierId>,
    /// At so many or fewer it is to be ordered again; 0: never.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    reorder_level: Option<i32>,
    /// What a borrower owes for one that is lost.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 1_000_000_000_000_i64)]
    replacement_cost_minor: Patch<i64>,
    /// Whether it is in use.
    status: Option<Status>,
}

/// Which items.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ItemFilter {
    /// With this in their name, or under this stock number.
    #[param(value_type = Option<String>, min_length = 1, max_length = 200)]
    q: Option<Text<200>>,
    /// Of this category.
    #[param(inline)]
    category_id: Option<InventoryCategoryId>,
    /// Bought from this supplier.
    #[param(inline)]
    supplier_id: Option<SupplierId>,
    /// On the shelf at this location.
    #[param(inline)]
    location_id: Option<InventoryLocationId>,
    /// Of this kind.
    #[param(inline)]
    kind: Option<ItemKind>,
    /// In use, or not.
    #[param(inline)]
    status: Option<Status>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(ItemFilter);

pub(super) fn figures(reorder_level: Option<i32>, replacement: Option<i64>) -> impl Iterator<Item = Fault> {
    let level = reorder_level.filter(|level| !(0..=1_000_000_000).contains(level));
    let cost = replacement.filter(|cost| !(0..=MOST_COST).contains(cost));
    let level = level.map(|_| Fault::new("/reorder_level", "must be from 0 to 1000000000"));
    level.into_iter().chain(cost.map(|_| Fault::new("/replacement_cost_minor", format!("must be from 0 to {MOST_COST}"))))
}

/// Checks an item and writes it down.
async fn add(transaction: &mut SchoolTransaction, new: NewItem, now: domain::Timestamp) -> Result<Uuid, Problem> {
    let mut references = References::default();
    references.add(figures(Some(new.reorder_level), new.replacement_cost_minor));
    if new.is_serialised && new.kind != ItemKind::Asset {
        references.add([Fault::new("/is_serialised", "is for assets only")]);
    }
    references.check::<inventory_categories::Entity>(transaction, "/category_id", new.category_id).await?;
    references.check::<inventory_suppliers::Entity>(transaction, "/supplier_id", new.supplier_id).await?;
    references.settle()?;
    let currency = currency(transaction).await?;
    insert(transaction, new, &currency, now).await
}

/// What the school counts in.
pub(super) async fn currency(transaction: &SchoolTransaction) -> Result<String, Problem> {
    let school = schools::Entity::find_by_id(transaction.school_id().as_uuid()).one(transaction).await?;
    school.map(|school| school.currency).ok_or_else(|| Problem::not_found("school"))
}

/// Writes an item down that was checked.
pub(super) async fn insert(
    transaction: &mut SchoolTransaction,
    new: NewItem,
    currency: &str,
    now: domain::Timestamp,
) -> Result<Uuid, Problem> {
    let school = transaction.school_id().as_uuid();
    let id = InventoryItemId::generate().as_uuid();
    let row = ActiveModel {
        school_id: Set(school),
        id: Set(id),
        name: Set(new.name.into()),
        kind: Set(new.kind.as_str().to_owned()),
        unit: new.unit.map_or(NotSet, |unit| Set(unit.into())),
        sku: Set(new.sku.map(String::from)),
        barcode: Set(new.barcode.map(String::from)),
        reorder_level: Set(new.reorder_level),
        currency: Set(currency.to_owned()),
        category_id: Set(new.category_id.map(InventoryCategoryId::as_uuid)),
        supplier_id: Set(new.supplier_id.map(SupplierId::as_uuid)),
        is_serialised: Set(new.is_serialised),
        replacement_cost_minor: Set(new.replacement_cost_minor),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    rows::insert(transaction, RULES, row).await?;
    Ok(id)
}

/// The school's items, by name.
#[utoipa::path(params(ItemFilter), responses((status = 200, body = Page<Item>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/items")]
async fn list(desk: Desk<InventoryRead>, filter: Params<ItemFilter>) -> Result<Page<Item>, Problem> {
    let paging = desk.paging("inventory-items", &filter.0);
    let shelf = Shelf {
        text: filter.q.clone().map(String::from),
        category: filter.category_id,
        supplier: filter.supplier_id,
        location: filter.location_id,
        kind: filter.kind,
        status: filter.status,
    };
    let found = items(&mut desk.read().await?, &shelf, paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |item| (item.name.clone(), item.id.as_uuid())))
}

/// Adds an item. There is nothing of it yet: a movement of the kind `receive` brings some.
#[utoipa::path(
    params(("Idempotency-Key" = Option<String>, Header, description = "A retry under the same key gets the first answer.")),
    request_body = NewItem,
    responses((status = 201, body = Item), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/items")]
async fn create(desk: KeepersDesk, body: Body<NewItem>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let id = add(transaction, new, desk.now()).await?;
        let item = item(transaction, id.into()).await?;
        Ok(Created { location: format!("/api/v1/inventory/items/{id}"), version: Version::FIRST, body: item })
    })
    .await
}

fn versioned(item: Item) -> Result<Versioned<Item>, Problem> {
    let version = Version::try_from(item.version).map_err(Problem::internal)?;
    Ok(Versioned(item, version))
}

/// An item, with what there is of it. Its `ETag` is for changing the item; stock moves without it.
#[utoipa::path(params(("id" = InventoryItemId, Path)), responses((status = 200, body = Item), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/items/{id}")]
async fn show(desk: Desk<InventoryRead>, id: IdPath<InventoryItemId>) -> Result<Versioned<Item>, Problem> {
    versioned(item(&mut desk.read().await?, *id).await?)
}

/// Changes an item.
#[utoipa::path(
    params(("id" = InventoryItemId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = ChangeItem,
    responses((status = 200, body = Item), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[patch("/api/v1/inventory/items/{id}")]
async fn edit(
    desk: KeepersDesk,
    id: IdPath<InventoryItemId>,
    based_on: IfMatch,
    body: Body<ChangeItem>,
) -> Result<Versioned<Item>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = rows::edit::<Entity>(transaction, id.as_uuid(), based_on).await?;
        let mut references = References::default();
        let cost = if let Patch::Set(cost) = change.replacement_cost_minor { Some(cost) } else { None };
        references.add(figures(change.reorder_level, cost));
        if let Patch::Set(category) = change.category_id {
            references.check::<inventory_categories::Entity>(transaction, "/category_id", Some(category)).await?;
        }
        if let Patch::Set(supplier) = change.supplier_id {
            references.check::<inventory_suppliers::Entity>(transaction, "/supplier_id", Some(supplier)).await?;
        }
        references.settle()?;
        let change = ActiveModel {
            name: rows::patch_required(change.name),
            unit: rows::patch_required(change.unit),
            sku: rows::patch(change.sku),
            barcode: rows::patch(change.barcode),
            category_id: rows::patch(change.category_id),
            supplier_id: rows::patch(change.supplier_id),
            reorder_level: rows::patch_required(change.reorder_level),
            replacement_cost_minor: rows::patch(change.replacement_cost_minor),
            status: rows::patch_required(change.status.map(|status| status.as_str().to_owned())),
            ..Default::default()
        };
        rows::save(transaction, RULES, &row, change, desk.now()).await?;
        versioned(item(transaction, *id).await?)
    })
    .await
}

/// Removes an item that never was there; what has a history can be made inactive.
#[utoipa::path(
    params(("id" = InventoryItemId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 204), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[delete("/api/v1/inventory/items/{id}")]
async fn remove(desk: KeepersDesk, id: IdPath<InventoryItemId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| rows::remove::<Entity>(transaction, id.as_uuid(), based_on).await).await?;
    Ok(NoContent)
}
