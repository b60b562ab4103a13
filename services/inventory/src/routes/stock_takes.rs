//! Stock-takes: what is at a place is counted, while things may go on moving, and the differences are posted in one step.

use std::collections::{BTreeSet, HashMap};

use actix_web::{HttpResponse, get, post, put};
use chrono::{DateTime, Utc};
use domain::{Fault, InventoryItemId, InventoryLocationId, StockTakeId, Text, Version};
use records::References;
use serde::{Deserialize, Serialize};
use service_kit::permits::InventoryRead;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Kind as ProblemKind, Limit, Page, Params, Problem, Versioned, filters,
};
use store::SchoolTransaction;
use store::entity::inventory_locations;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::{Desk, KeepersDesk};
use crate::store::{
    Books, Line, Moved, Seen, StockTake, TakeState, differences, find_take, finish_take, hold, lines, list_takes, lock_take, obstacles,
    record, seen, start_take, touch_take,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(sheet).service(count).service(settle).service(cancel);
}

/// The most lines in one request.
const MOST_LINES: usize = 200;
/// The most that can be counted of one thing.
const MOST_COUNTED: i32 = 1_000_000_000;

/// A stock-take to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStockTake {
    /// Where is counted.
    location_id: InventoryLocationId,
    /// What it is for.
    note: Option<Text<500>>,
}

/// What was counted. An item with serial numbers is counted unit by unit.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountedLine {
    /// The item, if it has no serial numbers.
    item_id: Option<InventoryItemId>,
    /// The unit, if it has one.
    serial_number: Option<Text<64>>,
    /// How many are there; for a unit 1 or 0.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    counted: i32,
    /// When it was counted, if that was not just now: what moved since then is no difference.
    counted_at: Option<DateTime<Utc>>,
}

/// Counts.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Up to 200. What was counted before is replaced.
    #[schema(min_items = 1, max_items = 200)]
    counts: Vec<CountedLine>,
}

/// Which part of the list.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TakeFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(TakeFilter);

fn version_of(take: &StockTake) -> Result<Version, Problem> {
    Version::try_from(take.version).map_err(Problem::internal)
}

fn versioned(take: StockTake) -> Result<Versioned<StockTake>, Problem> {
    let version = version_of(&take)?;
    Ok(Versioned(take, version))
}

fn require_counting(take: &StockTake) -> Result<(), Problem> {
    if take.state == TakeState::Counting { Ok(()) } else { Err(Problem::conflict(ProblemKind::Conflict, "The stock-take is over.")) }
}

/// Stock-takes, the latest first.
#[utoipa::path(params(TakeFilter), responses((status = 200, body = Page<StockTake>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/stock-takes")]
async fn list(desk: Desk<InventoryRead>, filter: Params<TakeFilter>) -> Result<Page<StockTake>, Problem> {
    let paging = desk.paging("stock-takes", &filter.0);
    let found = list_takes(&mut desk.read().await?, paging.after()?, paging.limit()).await?;
    Ok(paging.page(found, |take| take.id.as_uuid()))
}

/// Begins to count what is at a place; one count at a time.
#[utoipa::path(
    params(("Idempotency-Key" = Option<String>, Header, description = "A retry under the same key gets the first answer.")),
    request_body = NewStockTake,
    responses((status = 201, body = StockTake), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/stock-takes")]
async fn create(desk: KeepersDesk, body: Body<NewStockTake>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let mut references = References::default();
        references.get::<inventory_locations::Entity>(transaction, "/location_id", new.location_id.as_uuid()).await?;
        references.settle()?;
        desk.require_place(transaction, new.location_id).await?;
        let id = start_take(transaction, new.location_id, new.note.map(String::from), desk.caller().user_id, desk.now()).await?;
        let take = find_take(transaction, id).await?;
        Ok(Created { location: format!("/api/v1/inventory/stock-takes/{id}"), version: version_of(&take)?, body: take })
    })
    .await
}

/// A stock-take.
#[utoipa::path(params(("id" = StockTakeId, Path)), responses((status = 200, body = StockTake), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/inventory/stock-takes/{id}")]
async fn show(desk: Desk<InventoryRead>, id: IdPath<StockTakeId>) -> Result<Versioned<StockTake>, Problem> {
    versioned(find_take(&mut desk.read().await?, *id).await?)
}

/// The count sheet: what the books say is there, and what was counted.
#[utoipa::path(
    params(("id" = StockTakeId, Path), TakeFilter),
    responses((status = 200, body = Page<Line>), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/inventory/stock-takes/{id}/lines")]
async fn sheet(desk: Desk<InventoryRead>, id: IdPath<StockTakeId>, filter: Params<TakeFilter>) -> Result<Page<Line>, Problem> {
    let paging = desk.paging(format!("stock-take {}", *id), &filter.0);
    let mut transaction = desk.read().await?;
    let take = find_take(&mut transaction, *id).await?;
    let found = lines(&mut transaction, take.id, take.location_id, paging.after()?, paging.limit()).await?;
    let place = |line: &Line| (line.item_id.as_uuid(), line.unit_id.map_or(line.item_id.as_uuid(), Uuid::from));
    Ok(paging.page(found, place))
}

/// Writes down what was counted. Any number of people may count at once; what one of them counts again replaces what was counted before. A unit that the books
/// have elsewhere (on loan, in repair, at another place) is brought back there first: 409 says which and how, and nothing is written down.
#[utoipa::path(
    params(("id" = StockTakeId, Path)),
    request_body = Counts,
    responses((status = 200, body = StockTake), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[put("/api/v1/inventory/stock-takes/{id}/counts")]
async fn count(desk: KeepersDesk, id: IdPath<StockTakeId>, body: Body<Counts>) -> Result<Versioned<StockTake>, Problem> {
    let counts = &body.counts;
    check(counts)?;
    desk.change(async |transaction| {
        let take = lock_take(transaction, *id).await?;
        desk.require_place(transaction, take.location_id).await?;
        require_counting(&take)?;
        let names: Vec<_> =
            counts.iter().map(|line| (line.item_id, line.serial_number.as_ref().map(|serial| serial.as_str().to_owned()))).collect();
        let found = seen(transaction, &names).await?;
        let items: BTreeSet<Uuid> = found.iter().flatten().map(|(item, _)| *item).collect();
        hold(transaction, &items.into_iter().collect::<Vec<_>>()).await?;
        let now = desk.now();
        let (mut faults, mut lines): (Vec<Fault>, Vec<Seen>) = (Vec::new(), Vec::new());
        for (at, (line, found)) in counts.iter().zip(found).enumerate() {
            let Some((item, unit)) = found else {
                let detail = "names no item without serial numbers, and no unit, of this school";
                faults.push(Fault::new(format!("/counts/{at}"), detail));
                continue;
            };
            let counted_at = line.counted_at.unwrap_or(now);
            if counted_at < take.started_at || counted_at > now {
                faults.push(Fault::new(format!("/counts/{at}/counted_at"), "must be between the beginning of the stock-take and now"));
            }
            if lines.iter().any(|other| (other.item, other.unit) == (item, unit)) {
                faults.push(Fault::new(format!("/counts/{at}"), "is counted a second time"));
            }
            lines.push(Seen { item, unit, counted: line.counted, at: counted_at });
        }
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        record(transaction, *id, take.location_id, desk.caller().user_id, now, &lines).await?;
        let units: Vec<Uuid> = lines.iter().filter_map(|line| line.unit).collect();
        require_turned_up(&obstacles(transaction, *id, take.location_id, &units).await?, &lines)?;
        touch_take(transaction, *id, now).await?;
        versioned(find_take(transaction, *id).await?)
    })
    .await
}

/// `lines` are in the order of the request.
fn require_turned_up(obstacles: &HashMap<Uuid, String>, lines: &[Seen]) -> Result<(), Problem> {
    let of = |line: &Seen| line.unit.and_then(|unit| obstacles.get(&unit));
    let faults =
        lines.iter().enumerate().filter_map(|(at, line)| Some(Fault::new(format!("/counts/{at}/serial_number"), of(line)?.clone())));
    let faults: Vec<Fault> = faults.collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(Problem::conflict(ProblemKind::Conflict, "The books have something elsewhere; nothing was written down.").with_faults(faults))
}

fn check(counts: &[CountedLine]) -> Result<(), Problem> {
    let mut faults = Vec::new();
    if !(1..=MOST_LINES).contains(&counts.len()) {
        faults.push(Fault::new("/counts", format!("must have 1 to {MOST_LINES} lines")));
    }
    for (at, line) in counts.iter().enumerate() {
        if line.item_id.is_some() == line.serial_number.is_some() {
            faults.push(Fault::new(format!("/counts/{at}"), "needs either item_id or serial_number"));
        }
        let most = if line.serial_number.is_some() { 1 } else { MOST_COUNTED };
        if !(0..=most).contains(&line.counted) {
            faults.push(Fault::new(format!("/counts/{at}/counted"), format!("must be from 0 to {most}")));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

/// Posts the differences as adjustments, all of them in one step, once. What moved in such a way since it was counted that the difference can't be right any
/// more has to be counted again: then nothing is posted, and 409 names it.
#[utoipa::path(
    params(("id" = StockTakeId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = StockTake), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/stock-takes/{id}/post")]
async fn settle(desk: KeepersDesk, id: IdPath<StockTakeId>, based_on: IfMatch) -> Result<Versioned<StockTake>, Problem> {
    desk.change(async |transaction| {
        let take = locked(&desk, transaction, *id, based_on).await?;
        let by = desk.caller().user_id;
        let moved = differences(transaction, *id, take.location_id, by, || desk.now()).await?;
        finish_take(transaction, *id, TakeState::Posted, by, desk.now()).await?;
        for Moved { item, more } in moved {
            Books::open(&desk, transaction, "/item_id", item.into()).await?.before(more).close().await?;
        }
        versioned(find_take(transaction, *id).await?)
    })
    .await
}

/// Gives a stock-take up; the books stay as they are.
#[utoipa::path(
    params(("id" = StockTakeId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = StockTake), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/inventory/stock-takes/{id}/cancel")]
async fn cancel(desk: KeepersDesk, id: IdPath<StockTakeId>, based_on: IfMatch) -> Result<Versioned<StockTake>, Problem> {
    desk.change(async |transaction| {
        locked(&desk, transaction, *id, based_on).await?;
        finish_take(transaction, *id, TakeState::Cancelled, desk.caller().user_id, desk.now()).await?;
        versioned(find_take(transaction, *id).await?)
    })
    .await
}

async fn locked(desk: &KeepersDesk, transaction: &mut SchoolTransaction, id: StockTakeId, based_on: IfMatch) -> Result<StockTake, Problem> {
    let take = lock_take(transaction, id).await?;
    desk.require_place(transaction, take.location_id).await?;
    based_on.require(version_of(&take)?)?;
    require_counting(&take)?;
    Ok(take)
}
