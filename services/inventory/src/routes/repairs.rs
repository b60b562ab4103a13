//! Repairs: what is away to be mended, and what became of it.

use actix_web::{HttpResponse, get, post};
use domain::{Fault, InventoryItemId, InventoryLocationId, RepairId, SupplierId, Text, Version};
use records::References;
use serde::{Deserialize, Serialize};
use service_kit::permits::InventoryRead;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IdempotencyKey, IfMatch, Kind as ProblemKind, Limit, Page, Params, Problem,
    Versioned, filters,
};
use store::entity::inventory_suppliers;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::{Desk, KeepersDesk};
use crate::events::repair_changed;
use crate::model::movement::Kind;
use crate::store::{Books, Note, Pieces, Repair, RepairState, find_repair, finish_repair, list_repairs, lock_repair, send_to_repair};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(finish);
}

/// The most that a repair costs, in minor units.
const MOST_COST: i64 = 1_000_000_000_000;

/// A repair to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRepair {
    /// What is to be mended.
    item_id: InventoryItemId,
    /// From where it goes.
    location_id: InventoryLocationId,
    /// How many; left out for an item with serial numbers.
    #[schema(minimum = 1, maximum = 1_000_000)]
    quantity: Option<i32>,
    /// The unit, for an item with serial numbers.
    serial_number: Option<Text<64>>,
    /// What is wrong with it.
    problem: Text<500>,
    /// Who mends it.
    supplier_id: Option<SupplierId>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is mended and back.
    Repaired,
    /// It is beyond mending.
    WrittenOff,
}

/// The end of a repair.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// How it ended.
    outcome: Outcome,
    /// What it cost, in minor units of the item's currency.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    cost_minor: Option<i64>,
}

/// Which repairs.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RepairFilter {
    /// That stand so.
    #[param(inline)]
    state: Option<RepairState>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(RepairFilter);

/// Repairs, the latest first.
#[utoipa::path(params(RepairFilter), responses((status = 200, body = Page<Repair>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/repairs")]
async fn list(desk: Desk<InventoryRead>, filter: Params<RepairFilter>) -> Result<Page<Repair>, Problem> {
    let paging = desk.paging("repairs", &filter.0);
    let found = list_repairs(&mut desk.read().await?, filter.state, paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |repair| repair.id.as_uuid()))
}

fn version_of(repair: &Repair) -> Result<Version, Problem> {
    Version::try_from(repair.version).map_err(Problem::internal)
}

/// A repair.
#[utoipa::path(params(("id" = RepairId, Path)), responses((status = 200, body = Repair), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/repairs/{id}")]
async fn show(desk: Desk<InventoryRead>, id: IdPath<RepairId>) -> Result<Versioned<Repair>, Problem> {
    let repair = find_repair(&mut desk.read().await?, *id).await?;
    let version = version_of(&repair)?;
    Ok(Versioned(repair, version))
}

/// Sends something to be mended: it is on no shelf meanwhile, and still the school's.
#[utoipa::path(
    params(("Idempotency-Key" = String, Header, description = "Required: a retry under the same key gets the first answer, and moves nothing.")),
    request_body = NewRepair,
    responses((status = 201, body = Repair), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/repairs")]
async fn create(desk: KeepersDesk, _key: IdempotencyKey, body: Body<NewRepair>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let mut references = References::default();
        references.check::<inventory_suppliers::Entity>(transaction, "/supplier_id", new.supplier_id).await?;
        references.settle()?;
        let mut books = Books::open(&desk, transaction, "/item_id", new.item_id).await?;
        let serials = new.serial_number.map(|serial| vec![serial]);
        let pieces = books.pieces(new.quantity, serials.as_deref()).await?;
        let id = send_to_repair(&mut books, &pieces, new.location_id, new.problem.as_str(), new.supplier_id).await?;
        let note = Note { repair: Some(id.as_uuid()), supplier: new.supplier_id, ..Note::default() };
        books.take(new.location_id, &pieces, Kind::Repair, &note).await?;
        let repair = find_repair(books.transaction, id).await?;
        repair_changed(&mut books, &repair).await?;
        books.close().await?;
        Ok(Created { location: format!("/api/v1/inventory/repairs/{id}"), version: version_of(&repair)?, body: repair })
    })
    .await
}

/// Says how a repair ended: it is back where it came from, or written off.
#[utoipa::path(
    params(("id" = RepairId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = Finish,
    responses((status = 200, body = Repair), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/repairs/{id}/finish")]
async fn finish(desk: KeepersDesk, id: IdPath<RepairId>, based_on: IfMatch, body: Body<Finish>) -> Result<Versioned<Repair>, Problem> {
    if body.cost_minor.is_some_and(|cost| !(0..=MOST_COST).contains(&cost)) {
        return Err(Problem::invalid(vec![Fault::new("/cost_minor", format!("must be from 0 to {MOST_COST}"))]));
    }
    desk.change(async |transaction| {
        let item = find_repair(transaction, *id).await?.item_id;
        let mut books = Books::open(&desk, transaction, "/item_id", item).await?;
        let repair = lock_repair(&mut books, *id).await?;
        based_on.require(version_of(&repair)?)?;
        if repair.state != RepairState::Open {
            return Err(Problem::conflict(ProblemKind::Conflict, "The repair is over already."));
        }
        let outcome = match body.outcome {
            Outcome::Repaired => RepairState::Repaired,
            Outcome::WrittenOff => RepairState::WrittenOff,
        };
        finish_repair(&mut books, *id, outcome, body.cost_minor).await?;
        let pieces = Pieces::of(repair.unit_id.map(Into::into), repair.quantity);
        let note = Note { repair: Some(id.as_uuid()), ..Note::default() };
        books.put(repair.location_id, &pieces, Kind::RepairReturn, 0, &note).await?;
        if outcome == RepairState::WrittenOff {
            let note = Note { reason: Some("Beyond repair".to_owned()), ..Note::default() };
            books.take(repair.location_id, &pieces, Kind::WriteOff, &note).await?;
        }
        let repair = find_repair(books.transaction, *id).await?;
        repair_changed(&mut books, &repair).await?;
        books.close().await?;
        let version = version_of(&repair)?;
        Ok(Versioned(repair, version))
    })
    .await
}
