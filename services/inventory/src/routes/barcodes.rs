//! Labels, and what a scanner asks: what is this?

use actix_web::http::header;
use actix_web::{HttpResponse, get};
use domain::{InventoryItemId, InventoryUnitId, Text};
use records::rows;
use sea_orm::{ColumnTrait, Condition, QueryFilter};
use serde::{Deserialize, Serialize};
use service_kit::permits::InventoryRead;
use service_kit::{CommonProblems, IdPath, Kind, Params, Problem, Versioned};
use store::SchoolTransaction;
use store::entity::inventory_items::{Column, Entity};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::Desk;
use crate::model::barcode::Barcode;
use crate::model::item::{Item, Unit};
use crate::store::{find_unit, item, unit_of_serial};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(scan).service(item_label).service(unit_label);
}

/// What was scanned.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Scan {
    /// A product's barcode, a stock number, or the serial number on a label of the school.
    #[param(value_type = String, min_length = 1, max_length = 64)]
    code: Text<64>,
}

/// What it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Scanned {
    /// The item.
    item: Item,
    /// The unit, if it was a unit's label.
    unit: Option<Unit>,
}

/// Looks up what was scanned: a unit by its serial number, else an item by barcode or stock number. A product's barcode is found in each of its spellings:
/// UPC-A and EAN-13, with and without hyphens.
#[utoipa::path(params(Scan), responses((status = 200, body = Scanned), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/barcodes")]
async fn scan(desk: Desk<InventoryRead>, scan: Params<Scan>) -> Result<Versioned<Scanned>, Problem> {
    let mut transaction = desk.read().await?;
    let code = scan.code.as_str();
    if let Some(unit) = unit_of_serial(&mut transaction, code).await? {
        let item = item(&mut transaction, unit.item_id).await?;
        return versioned(item, Some(unit));
    }
    let id = item_of_code(&transaction, code).await?.ok_or_else(|| Problem::not_found("barcode"))?;
    versioned(item(&mut transaction, id).await?, None)
}

async fn item_of_code(transaction: &SchoolTransaction, code: &str) -> Result<Option<InventoryItemId>, Problem> {
    let mut either = Condition::any().add(Column::Sku.eq(code)).add(Column::Barcode.eq(code));
    if let Ok(barcode) = Barcode::try_from(code) {
        either = either.add(Column::Barcode.eq(barcode.as_str()));
    }
    let found = rows::rows::<Entity>(transaction).filter(either).one(transaction).await?;
    Ok(found.map(|row| row.id.into()))
}

fn versioned(item: Item, unit: Option<Unit>) -> Result<Versioned<Scanned>, Problem> {
    let version = domain::Version::try_from(item.version).map_err(Problem::internal)?;
    Ok(Versioned(Scanned { item, unit }, version))
}

/// An item's barcode as a label to print: EAN-13 or EAN-8 where it is one, else Code 128.
#[utoipa::path(
    params(("id" = InventoryItemId, Path)),
    responses((status = 200, body = String, content_type = "image/svg+xml"), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/inventory/items/{id}/label.svg")]
async fn item_label(desk: Desk<InventoryRead>, id: IdPath<InventoryItemId>) -> Result<HttpResponse, Problem> {
    let item = item(&mut desk.read().await?, *id).await?;
    let code = item.barcode.or(item.sku).ok_or_else(|| Problem::not_found("barcode of the item"))?;
    label(&code)
}

/// A unit's serial number as a label to print.
#[utoipa::path(
    params(("id" = InventoryUnitId, Path)),
    responses((status = 200, body = String, content_type = "image/svg+xml"), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/inventory/units/{id}/label.svg")]
async fn unit_label(desk: Desk<InventoryRead>, id: IdPath<InventoryUnitId>) -> Result<HttpResponse, Problem> {
    label(&find_unit(&mut desk.read().await?, *id).await?.serial_number)
}

fn label(code: &str) -> Result<HttpResponse, Problem> {
    let drawn = Barcode::printed(code);
    let svg = drawn
        .ok_or_else(|| Problem::conflict(Kind::Conflict, "A label holds letters, digits and signs of ASCII; this code has others."))?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "image/svg+xml")).body(svg))
}
