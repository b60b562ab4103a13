//! What is to be ordered again, and what all of it is worth.

use actix_web::{HttpResponse, get};
use domain::{InventoryCategoryId, SupplierId};
use serde::{Deserialize, Serialize};
use service_kit::permits::InventoryRead;
use service_kit::{CommonProblems, Limit, Page, Params, Problem, filters};
use sqlx::types::Json;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::model::item::Item;
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(low_stock).service(valuation);
}

/// Which part of the list.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LowStockFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(LowStockFilter);

/// An item that is running out.
#[derive(Debug, Serialize, ToSchema)]
pub struct LowStock {
    /// The item.
    item: Item,
    /// How many are missing to one more than the reorder level.
    short_by: i32,
    /// From whom it is usually bought.
    supplier_id: Option<SupplierId>,
}

/// Active items of which there are no more on the shelves than their reorder level, by name.
#[utoipa::path(params(LowStockFilter), responses((status = 200, body = Page<LowStock>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/low-stock")]
async fn low_stock(desk: Desk<InventoryRead>, filter: Params<LowStockFilter>) -> Result<Page<LowStock>, Problem> {
    let paging = desk.paging("low-stock", &filter.0);
    let found = store::low_stock(&mut desk.read().await?, paging.after()?, paging.limit()).await?;
    let page = paging.page(found, |item| (item.name.clone(), item.id.as_uuid()));
    Ok(page.map(|item| LowStock {
        short_by: item.reorder_level.saturating_sub(item.on_hand).saturating_add(1),
        supplier_id: item.supplier_id,
        item,
    }))
}

/// What is owned of a category.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CategoryValue {
    /// The category; null: things without one.
    category_id: Option<InventoryCategoryId>,
    /// Its name.
    category_name: Option<String>,
    /// The currency, ISO 4217.
    currency: String,
    /// How many items.
    items: i64,
    /// How many pieces and units, on the shelves, on loan and in repair.
    quantity: i64,
    /// What they cost, in minor units, by moving average.
    value_minor: i64,
}

/// What the school owns.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValuationView {
    /// By category and currency.
    categories: Vec<CategoryValue>,
}

/// What everything that the school owns is worth, by category. Of an item, `GET /api/v1/inventory/items/{id}` tells.
#[utoipa::path(responses((status = 200, body = ValuationView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/valuation")]
async fn valuation(desk: Desk<InventoryRead>) -> Result<HttpResponse, Problem> {
    let mut transaction = desk.read().await?;
    let school = transaction.school_id().as_uuid();
    let query = "SELECT jsonb_build_object('category_id', c.id, 'category_name', c.name, 'currency', i.currency, 'items', count(*),
            'quantity', sum(v.quantity), 'value_minor', sum(v.value_minor))
        FROM inventory_items i JOIN inventory_valuations v ON v.school_id = i.school_id AND v.item_id = i.id
        LEFT JOIN inventory_categories c ON c.school_id = i.school_id AND c.id = i.category_id
        WHERE i.school_id = $1 AND v.quantity > 0 GROUP BY c.id, c.name, i.currency ORDER BY c.name NULLS LAST, i.currency";
    let rows: Vec<Json<CategoryValue>> =
        sqlx::query_scalar(query).bind(school).fetch_all(transaction.connection()?).await.map_err(store::refuse)?;
    Ok(HttpResponse::Ok().json(ValuationView { categories: rows.into_iter().map(|Json(row)| row).collect() }))
}
