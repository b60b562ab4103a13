//! What is to be ordered again, and what all of it is worth.

use actix_web::{HttpResponse, get};
use chrono::NaiveDate;
use domain::{Fault, SupplierId};
use serde::{Deserialize, Serialize};
use service_kit::permits::InventoryRead;
use service_kit::{CommonProblems, Limit, Page, Params, Problem, filters};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::model::item::Item;
use crate::store::{self, CategoryValue};

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

/// What the school owns, or owned.
#[derive(Debug, Serialize, ToSchema)]
pub struct ValuationView {
    /// At the end of this day; null: now.
    as_of: Option<NaiveDate>,
    /// By category and currency.
    categories: Vec<CategoryValue>,
}

/// When.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ValuationOf {
    /// At the end of this day, in the school's time zone; left out: now.
    #[param(inline)]
    as_of: Option<NaiveDate>,
}

/// What everything that the school owns is worth, or was worth on a day, by the category that things are of today. Of an item,
/// `GET /api/v1/inventory/items/{id}` tells.
#[utoipa::path(params(ValuationOf), responses((status = 200, body = ValuationView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/valuation")]
async fn valuation(desk: Desk<InventoryRead>, params: Params<ValuationOf>) -> Result<HttpResponse, Problem> {
    let mut transaction = desk.read().await?;
    if params.as_of > Some(desk.today(&transaction).await?) {
        return Err(Problem::invalid(vec![Fault::new("query:as_of", "must not be after today")]));
    }
    let categories = store::worth(&mut transaction, params.as_of).await?;
    Ok(HttpResponse::Ok().json(ValuationView { as_of: params.as_of, categories }))
}
