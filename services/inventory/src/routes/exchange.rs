//! Items as a file: out as CSV, with what there is of them, and in again.

use std::collections::{HashMap, HashSet};

use actix_web::http::header;
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, get, post};
use domain::{Fault, InventoryItemId, Timestamp};
use records::rows;
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;
use serde::Serialize;
use service_kit::permits::InventoryRead;
use service_kit::{CommonProblems, EditProblems, Params, Problem};
use spreadsheet::csv_file;
use store::SchoolTransaction;
use store::entity::inventory_items::{ActiveModel, Entity, Model};
use store::entity::{inventory_categories, inventory_suppliers};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::items::currency;
use super::upload::{CSV, ImportFile, ImportOf, file, lines, rehearse, shown};
use crate::desk::{Desk, KeepersDesk};
use crate::model::import::{COLUMNS, Entry, SHOWN, interpret};
use crate::model::item::Item;
use crate::store::{RULES, Shelf, change_items, items, one_import_at_a_time};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(export).service(import);
}

/// The largest file.
const LIMIT: usize = 1024 * 1024;

/// All items as CSV, by name, with what there is of them and what it is worth. What a spreadsheet would take for a formula is made harmless. The file can be
/// changed and imported again.
#[utoipa::path(
    responses((status = 200, body = String, content_type = "text/csv", description = "UTF-8, commas, CRLF."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/inventory/items.csv")]
async fn export(desk: Desk<InventoryRead>) -> Result<HttpResponse, Problem> {
    let mut transaction = desk.read().await?;
    let names = |rows: Vec<(Uuid, String)>| rows.into_iter().collect::<HashMap<Uuid, String>>();
    let categories = rows::rows::<inventory_categories::Entity>(&transaction).all(&transaction).await?;
    let categories = names(categories.into_iter().map(|row| (row.id, row.name)).collect());
    let suppliers = rows::rows::<inventory_suppliers::Entity>(&transaction).all(&transaction).await?;
    let suppliers = names(suppliers.into_iter().map(|row| (row.id, row.name)).collect());
    // All of them; PostgreSQL counts up to here.
    let found = items(&mut transaction, &Shelf::default(), None, i64::MAX.unsigned_abs()).await?;
    let line = |item: &Item| {
        let name = |names: &HashMap<Uuid, String>, id: Option<Uuid>| id.and_then(|id| names.get(&id).cloned()).unwrap_or_default();
        vec![
            item.sku.clone().unwrap_or_default(),
            item.name.clone(),
            item.kind.as_str().to_owned(),
            item.unit.clone(),
            item.barcode.clone().unwrap_or_default(),
            name(&categories, item.category_id.map(Uuid::from)),
            name(&suppliers, item.supplier_id.map(Uuid::from)),
            item.is_serialised.to_string(),
            item.reorder_level.to_string(),
            item.replacement_cost_minor.map(|cost| cost.to_string()).unwrap_or_default(),
            item.id.to_string(),
            item.on_hand.to_string(),
            item.owned.to_string(),
            item.value_minor.to_string(),
            item.unit_cost_minor.map(|cost| cost.to_string()).unwrap_or_default(),
            item.currency.clone(),
            item.status.as_str().to_owned(),
        ]
    };
    let heading = COLUMNS.iter().chain(&SHOWN).map(|name| (*name).to_owned()).collect();
    let lines = std::iter::once(heading).chain(found.iter().map(line)).collect::<Vec<_>>();
    let bytes = csv_file::write(lines).map_err(Problem::internal)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8"));
    response.insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"items.csv\""));
    Ok(response.body(bytes))
}

/// What the file did, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemImportReport {
    /// Whether nothing was written.
    dry_run: bool,
    /// Lines below the heading.
    rows: usize,
    /// Items that are new.
    created: usize,
    /// Items that changed.
    changed: usize,
}

/// Takes items from a file of the form that the export has. The `id` that the export gave tells which item a line is of, or, if it is
/// left out or of another school, the stock number (`sku`); a stock number that is not there yet is a new item's. Columns: `sku`, `name`, `kind`, and if you
/// like `id`, `unit`, `barcode`, `category`, `supplier` (by name), `serialised`, `reorder_level`, `replacement_cost_minor`; what the export shows besides is not
/// read, stock moves by movements alone. A column that is left out changes nothing, an empty cell empties. All or nothing; a
/// fault's `pointer` names line and column, `/rows/4/kind`.
#[utoipa::path(
    params(ImportOf),
    request_body(content = ImportFile, content_type = "text/csv", description = "UTF-8, commas or semicolons, at most 1 MiB and 500 lines."),
    responses((status = 200, body = ItemImportReport), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/items/import")]
async fn import(desk: KeepersDesk, params: Params<ImportOf>, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let (_, bytes) = file(&request, payload, &[CSV], LIMIT).await?;
    let lines = lines(&bytes)?;
    let entries = interpret(&lines).map_err(shown)?;
    let named: Vec<String> =
        lines.first().map(|heading| heading.cells.iter().map(|cell| cell.to_ascii_lowercase()).collect()).unwrap_or_default();
    let mut report = ItemImportReport { dry_run: params.dry_run, rows: entries.len(), created: 0, changed: 0 };
    let work = async |transaction: &mut SchoolTransaction| write(transaction, &entries, &named, desk.now()).await;
    (report.created, report.changed) = if params.dry_run { rehearse(&desk, work).await? } else { desk.change(work).await? };
    Ok(HttpResponse::Ok().json(report))
}

/// What a new item is counted in unless its line says otherwise.
const PIECE: &str = "piece";

/// What a line by itself says of a new item.
fn made(entry: &Entry, now: Timestamp) -> ActiveModel {
    ActiveModel {
        id: Set(InventoryItemId::generate().as_uuid()),
        name: Set(entry.name.as_str().to_owned()),
        kind: Set(entry.kind.as_str().to_owned()),
        unit: Set(entry.unit.clone().map_or_else(|| PIECE.to_owned(), String::from)),
        sku: Set(entry.sku.clone().map(String::from)),
        reorder_level: Set(entry.reorder_level),
        is_serialised: Set(entry.is_serialised),
        replacement_cost_minor: Set(entry.replacement_cost_minor),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    }
}

/// The item that a line is of, if it is there, and what is wrong with how the line names it: column and detail.
fn known<'m>(
    entry: &Entry,
    by_id: &HashMap<Uuid, &'m Model>,
    by_sku: &HashMap<&str, &'m Model>,
) -> (Option<&'m Model>, Option<(&'static str, &'static str)>) {
    let of_id = entry.id.and_then(|id| by_id.get(&id.as_uuid()).copied());
    let of_sku = entry.sku.as_ref().and_then(|sku| by_sku.get(sku.as_str()).copied());
    let strange = match (of_id, of_sku) {
        (Some(item), Some(other)) if item.id != other.id => Some(("sku", "is another item's")),
        (None, None) if entry.sku.is_none() => Some(("id", "is no item's of this school")),
        _ => None,
    };
    (of_id.or(of_sku), strange)
}

async fn write(
    transaction: &mut SchoolTransaction,
    entries: &[Entry],
    named: &[String],
    now: Timestamp,
) -> Result<(usize, usize), Problem> {
    one_import_at_a_time(transaction).await?;
    let school = transaction.school_id().as_uuid();
    let currency = currency(transaction).await?;
    let categories: HashMap<String, Uuid> =
        rows::rows::<inventory_categories::Entity>(transaction).all(transaction).await?.into_iter().map(|row| (row.name, row.id)).collect();
    let suppliers: HashMap<String, Uuid> =
        rows::rows::<inventory_suppliers::Entity>(transaction).all(transaction).await?.into_iter().map(|row| (row.name, row.id)).collect();
    let present = rows::rows::<Entity>(transaction).all(transaction).await?;
    let by_sku: HashMap<&str, &Model> = present.iter().filter_map(|row| Some((row.sku.as_deref()?, row))).collect();
    let by_id: HashMap<Uuid, &Model> = present.iter().map(|row| (row.id, row)).collect();
    let by_barcode: HashMap<&str, &Model> = present.iter().filter_map(|row| Some((row.barcode.as_deref()?, row))).collect();
    let mut told = HashSet::new();
    let has = |column: &str| named.iter().any(|name| name == column);
    let (mut faults, mut fresh, mut changes): (Vec<Fault>, Vec<ActiveModel>, Vec<Model>) = Default::default();
    for entry in entries {
        let mut fault = |column: &str, detail: &str| faults.push(Fault::new(format!("/rows/{}/{column}", entry.line), detail));
        let mut named = |names: &HashMap<String, Uuid>, column: &str, name: &Option<String>| {
            let name = name.as_ref()?;
            let id = names.get(name).copied();
            if id.is_none() {
                fault(column, &format!("there is no {column} of this name"));
            }
            id
        };
        let category = named(&categories, "category", &entry.category);
        let supplier = named(&suppliers, "supplier", &entry.supplier);
        let (before, strange) = known(entry, &by_id, &by_sku);
        if let Some((column, detail)) = strange {
            fault(column, detail);
        }
        if before.is_some_and(|before| !told.insert(before.id)) {
            fault("sku", "is of an item that is in the file a second time");
        }
        let barcode = entry.barcode.as_ref().map(|barcode| barcode.as_str().to_owned());
        let taken = barcode.as_deref().and_then(|barcode| by_barcode.get(barcode));
        if taken.is_some_and(|other| before.is_none_or(|before| before.id != other.id)) {
            fault("barcode", "is another item's");
        }
        if before.is_some_and(|before| before.kind != entry.kind.as_str()) {
            fault("kind", "is not what the item is, and stays so");
        }
        if before.is_some_and(|before| has("serialised") && before.is_serialised != entry.is_serialised) {
            fault("serialised", "is not what the item is, and stays so");
        }
        if let Some(before) = before {
            let mut after = before.clone();
            entry.name.as_str().clone_into(&mut after.name);
            if let Some(unit) = &entry.unit {
                unit.as_str().clone_into(&mut after.unit);
            }
            let mut say = |column: &str, change: &mut dyn FnMut(&mut Model)| {
                if has(column) {
                    change(&mut after);
                }
            };
            say("sku", &mut |after| after.sku = entry.sku.clone().map(String::from));
            say("barcode", &mut |after| after.barcode.clone_from(&barcode));
            say("category", &mut |after| after.category_id = category);
            say("supplier", &mut |after| after.supplier_id = supplier);
            say("reorder_level", &mut |after| after.reorder_level = entry.reorder_level);
            say("replacement_cost_minor", &mut |after| after.replacement_cost_minor = entry.replacement_cost_minor);
            if after != *before {
                changes.push(after);
            }
            continue;
        }
        fresh.push(ActiveModel {
            school_id: Set(school),
            barcode: Set(barcode),
            currency: Set(currency.clone()),
            category_id: Set(category),
            supplier_id: Set(supplier),
            ..made(entry, now)
        });
    }
    if !faults.is_empty() {
        return Err(shown(faults));
    }
    let done = (fresh.len(), changes.len());
    change_items(transaction, &changes, now).await?;
    if !fresh.is_empty() {
        Entity::insert_many(fresh).exec_without_returning(transaction).await.map_err(|error| records::refuse(RULES, error))?;
    }
    Ok(done)
}
