//! Movements: what comes into the store room, what leaves it for good, what puts the books right; and the history of all of them.

use actix_web::{HttpResponse, get, post};
use chrono::NaiveDate;
use domain::{ClassId, Fault, InventoryItemId, InventoryLocationId, InventoryUnitId, MovementId, SupplierId, Text, Version};
use records::References;
use serde::{Deserialize, Serialize};
use service_kit::permits::InventoryRead;
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IdempotencyKey, Limit, Page, Params, Problem, Versioned, filters};
use store::entity::inventory_suppliers;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::desk::{Desk, KeepersDesk};
use crate::events::item_lost;
use crate::model::movement::{Kind, Movement};
use crate::model::valuation::MOST_VALUE;
use crate::store::{Books, Note, Wanted, item, movement, movements_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(create).service(list).service(show).service(of_item);
}

/// What is entered here; other movements have routes of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Bought or given to the school.
    Receive,
    /// The books were wrong: so many more, or, with a negative quantity, fewer.
    Adjust,
    /// Broken, expired, stolen.
    WriteOff,
}

/// A movement to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMovement {
    /// What happens.
    kind: Entry,
    /// To what.
    item_id: InventoryItemId,
    /// Where.
    location_id: InventoryLocationId,
    /// How many, from 1 to a million; negative for an adjustment that takes away. Left out for an item with serial numbers.
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    quantity: Option<i32>,
    /// The units, for an item with serial numbers: new ones are received, units that are there are written off, adjusted away or, if they had gone, adjusted
    /// back (see `quantity`, whose sign says which).
    #[schema(min_items = 1, max_items = 200)]
    serial_numbers: Option<Vec<Text<64>>>,
    /// What one cost, in minor units; for what is received, of which this or `total_cost_minor` is required. 0: it was given.
    #[schema(minimum = 0)]
    unit_cost_minor: Option<i64>,
    /// What all of them cost together; instead of `unit_cost_minor`.
    #[schema(minimum = 0)]
    total_cost_minor: Option<i64>,
    /// From whom it was bought; for what is received.
    supplier_id: Option<SupplierId>,
    /// Until when the seller answers for the units; for what is received.
    warranty_until: Option<NaiveDate>,
    /// Whether it was lost or stolen, and not only broken or expired; for what is written off.
    #[serde(default)]
    is_lost: bool,
    /// Why. Required, unless something is received.
    reason: Option<Text<500>>,
}

/// What was entered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Posted {
    /// The movements: one, or one for each unit.
    pub(super) movements: Vec<Movement>,
    /// How many are at the location now.
    pub(super) on_hand: i32,
}

impl Posted {
    /// As 201, found under its first movement.
    pub(super) fn created(movements: Vec<Movement>) -> Result<Created<Self>, Problem> {
        let (Some(first), Some(last)) = (movements.first(), movements.last()) else {
            return Err(Problem::internal(anyhow::anyhow!("nothing moved")));
        };
        let (location, on_hand) = (format!("/api/v1/inventory/movements/{}", first.id), last.balance);
        Ok(Created { location, version: Version::FIRST, body: Self { movements, on_hand } })
    }
}

impl NewMovement {
    /// What can be said without looking anything up; answers what is received costs.
    fn check(&self, references: &mut References) -> i64 {
        let receives = self.kind == Entry::Receive;
        let costs = [("/unit_cost_minor", self.unit_cost_minor), ("/total_cost_minor", self.total_cost_minor)];
        for (pointer, cost) in costs {
            if cost.is_some() && !receives {
                references.add([Fault::new(pointer, "is for what is received")]);
            } else if cost.is_some_and(|cost| !(0..=MOST_VALUE).contains(&cost)) {
                references.add([Fault::new(pointer, format!("must be from 0 to {MOST_VALUE}"))]);
            }
        }
        if self.unit_cost_minor.is_some() && self.total_cost_minor.is_some() {
            references.add([Fault::new("/total_cost_minor", "can't be given together with unit_cost_minor")]);
        }
        if receives && self.unit_cost_minor.is_none() && self.total_cost_minor.is_none() {
            // Left out by mistake it would drag the average down, and nobody would notice.
            references.add([Fault::new("/unit_cost_minor", "is required, or total_cost_minor; 0 if it was given")]);
        }
        if !receives && self.reason.is_none() {
            references.add([Fault::new("/reason", "is required")]);
        }
        if self.is_lost && self.kind != Entry::WriteOff {
            references.add([Fault::new("/is_lost", "is for what is written off")]);
        }
        for (pointer, given) in [("/supplier_id", self.supplier_id.is_some()), ("/warranty_until", self.warranty_until.is_some())] {
            if given && !receives {
                references.add([Fault::new(pointer, "is for what is received")]);
            }
        }
        let count = self
            .serial_numbers
            .as_ref()
            .map_or(self.quantity.unwrap_or(0).into(), |serials| i64::try_from(serials.len()).unwrap_or(i64::MAX));
        let cost = self.total_cost_minor.or_else(|| self.unit_cost_minor.unwrap_or(0).checked_mul(count));
        if cost.is_none_or(|cost| cost > MOST_VALUE) {
            references.add([Fault::new("/unit_cost_minor", format!("must come to at most {MOST_VALUE} for all of them"))]);
        }
        cost.unwrap_or(0)
    }
}

/// Receives, adjusts or writes off. Value follows by moving average: what is received adds what it cost, what leaves takes its share with it, what turns up
/// again is worth the average.
#[utoipa::path(
    params(("Idempotency-Key" = String, Header, description = "Required: a retry under the same key gets the first answer, and moves nothing.")),
    request_body = NewMovement,
    responses((status = 201, body = Posted), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/movements")]
async fn create(desk: KeepersDesk, _key: IdempotencyKey, body: Body<NewMovement>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let mut references = References::default();
        let cost = new.check(&mut references);
        references.check::<inventory_suppliers::Entity>(transaction, "/supplier_id", new.supplier_id).await?;
        references.settle()?;
        let mut books = Books::open(&desk, transaction, "/item_id", new.item_id).await?;
        let serials = new.serial_numbers.as_deref();
        let note = Note {
            unit_cost_minor: new.unit_cost_minor,
            supplier: new.supplier_id,
            reason: new.reason.map(String::from),
            ..Note::default()
        };
        let adds = new.kind == Entry::Receive || (new.kind == Entry::Adjust && new.quantity.is_none_or(|quantity| quantity > 0));
        if adds {
            books.open_place("/location_id", new.location_id).await?;
        }
        let quantity = match new.kind {
            // Its sign has said what it can.
            Entry::Adjust => new.quantity.map(|quantity| quantity.checked_abs().unwrap_or(0)),
            Entry::Receive | Entry::WriteOff => new.quantity,
        };
        let movements = match new.kind {
            Entry::Receive => {
                books.require_active()?;
                let pieces = books.new_pieces(quantity, serials, new.warranty_until).await?;
                books.put(new.location_id, &pieces, Kind::Receive, cost, &note).await?
            }
            Entry::Adjust if adds => {
                let pieces = books.pieces(quantity, serials).await?;
                let value = books.valuation().of_found(pieces.count());
                books.put(new.location_id, &pieces, Kind::Adjust, value, &note).await?
            }
            Entry::Adjust => {
                let pieces = books.pieces(quantity, serials).await?;
                books.take(new.location_id, &pieces, Kind::Adjust, &note).await?
            }
            Entry::WriteOff => {
                let pieces = books.pieces(quantity, serials).await?;
                let gone = books.take(new.location_id, &pieces, Kind::WriteOff, &note).await?;
                if new.is_lost {
                    for movement in &gone {
                        item_lost(&mut books, movement.unit_id, None, -movement.quantity).await?;
                    }
                }
                gone
            }
        };
        books.close().await?;
        Posted::created(movements)
    })
    .await
}

/// Which movements.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MovementFilter {
    /// Of this unit: loans, repairs, transfers and all else that happened to it.
    #[param(inline)]
    unit_id: Option<InventoryUnitId>,
    /// At this location.
    #[param(inline)]
    location_id: Option<InventoryLocationId>,
    /// Of this kind.
    #[param(inline)]
    kind: Option<Kind>,
    /// Used up by this class, or brought back by it.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// Bought from this supplier, or sent there.
    #[param(inline)]
    supplier_id: Option<SupplierId>,
    /// On this day or later, in the school's time zone.
    #[param(inline)]
    from: Option<NaiveDate>,
    /// On this day or earlier.
    #[param(inline)]
    to: Option<NaiveDate>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(MovementFilter);

impl MovementFilter {
    const fn wanted(&self, item: Option<InventoryItemId>) -> Wanted {
        Wanted {
            item,
            unit: self.unit_id,
            place: self.location_id,
            kind: self.kind,
            class: self.class_id,
            supplier: self.supplier_id,
            from: self.from,
            to: self.to,
        }
    }
}

/// The school's movements, the latest first.
#[utoipa::path(params(MovementFilter), responses((status = 200, body = Page<Movement>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/movements")]
async fn list(desk: Desk<InventoryRead>, filter: Params<MovementFilter>) -> Result<Page<Movement>, Problem> {
    let paging = desk.paging("stock-movements", &filter.0);
    let wanted = filter.wanted(None);
    let mut transaction = desk.read().await?;
    let found = movements_of(&mut transaction, &wanted, paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |movement| movement.id.as_uuid()))
}

/// A movement.
#[utoipa::path(params(("id" = MovementId, Path)), responses((status = 200, body = Movement), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/movements/{id}")]
async fn show(desk: Desk<InventoryRead>, id: IdPath<MovementId>) -> Result<Versioned<Movement>, Problem> {
    Ok(Versioned(movement(&mut desk.read().await?, *id).await?, Version::FIRST))
}

/// An item's movements, the latest first.
#[utoipa::path(
    params(("id" = InventoryItemId, Path), MovementFilter),
    responses((status = 200, body = Page<Movement>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/inventory/items/{id}/movements")]
async fn of_item(
    desk: Desk<InventoryRead>,
    id: IdPath<InventoryItemId>,
    filter: Params<MovementFilter>,
) -> Result<Page<Movement>, Problem> {
    let paging = desk.paging(format!("stock-movements {}", *id), &filter.0);
    let wanted = filter.wanted(Some(*id));
    let mut transaction = desk.read().await?;
    item(&mut transaction, *id).await?;
    let found = movements_of(&mut transaction, &wanted, paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |movement| movement.id.as_uuid()))
}
