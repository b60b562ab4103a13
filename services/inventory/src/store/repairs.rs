//! The table `inventory_repairs`.

use chrono::{DateTime, Utc};
use domain::{InventoryItemId, InventoryLocationId, InventoryUnitId, RepairId, SupplierId, UserId};
use serde::{Deserialize, Serialize};
use service_kit::Problem;
use sqlx::types::Json;
use store::SchoolTransaction;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Books, Pieces, plain, refuse};

/// How a repair stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepairState {
    /// It is away.
    Open,
    /// It came back mended.
    Repaired,
    /// It was beyond mending.
    WrittenOff,
}

impl RepairState {
    /// The name in tables.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Repaired => "repaired",
            Self::WrittenOff => "written_off",
        }
    }
}

/// Something that is away to be mended, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Repair {
    /// Its id.
    pub(crate) id: RepairId,
    /// What is mended.
    pub(crate) item_id: InventoryItemId,
    /// The unit, if the item has serial numbers.
    pub(crate) unit_id: Option<InventoryUnitId>,
    /// From where it went.
    pub(crate) location_id: InventoryLocationId,
    /// How many.
    pub(crate) quantity: i32,
    /// What is wrong with it.
    pub(crate) problem: String,
    /// Who mends it.
    pub(crate) supplier_id: Option<SupplierId>,
    /// How it stands.
    pub(crate) state: RepairState,
    /// What it cost, in minor units of the item's currency.
    pub(crate) cost_minor: Option<i64>,
    /// When it went.
    pub(crate) sent_at: DateTime<Utc>,
    /// Who sent it.
    pub(crate) sent_by: UserId,
    /// When it was over.
    pub(crate) finished_at: Option<DateTime<Utc>>,
    /// One more with each change.
    pub(crate) version: i32,
}

/// Writes down a repair; what goes is moved by the caller, in the same transaction.
pub(crate) async fn send_to_repair(
    books: &mut Books<'_>,
    pieces: &Pieces,
    from: InventoryLocationId,
    problem: &str,
    supplier: Option<SupplierId>,
) -> Result<RepairId, Problem> {
    let id = RepairId::generate();
    let unit = match pieces {
        Pieces::Units(units) => units.first().copied(),
        Pieces::Count(_) => None,
    };
    let insert = "INSERT INTO inventory_repairs (school_id, id, item_id, unit_id, location_id, quantity, problem, supplier_id, sent_at, sent_by, created_at,
            updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9, $9)";
    sqlx::query(insert)
        .bind(books.transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(books.item.id)
        .bind(unit)
        .bind(from.as_uuid())
        .bind(pieces.count())
        .bind(problem)
        .bind(supplier.map(SupplierId::as_uuid))
        .bind(books.now)
        .bind(books.by())
        .execute(books.transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(id)
}

/// The repair, or 404.
pub(crate) async fn find_repair(transaction: &mut SchoolTransaction, id: RepairId) -> Result<Repair, Problem> {
    let query = "SELECT to_jsonb(r) FROM inventory_repairs r WHERE r.school_id = $1 AND r.id = $2";
    let school = transaction.school_id().as_uuid();
    let found: Option<Json<Repair>> =
        sqlx::query_scalar(query).bind(school).bind(id.as_uuid()).fetch_optional(transaction.connection()?).await.map_err(refuse)?;
    found.map(|Json(repair)| repair).ok_or_else(|| Problem::not_found("repair"))
}

/// The repair, which nobody else changes until the transaction ends. The books of its item are opened before.
pub(crate) async fn lock_repair(books: &mut Books<'_>, id: RepairId) -> Result<Repair, Problem> {
    let query = "SELECT to_jsonb(r) FROM inventory_repairs r WHERE r.school_id = $1 AND r.id = $2 FOR NO KEY UPDATE";
    let school = books.transaction.school_id().as_uuid();
    let found: Option<Json<Repair>> =
        sqlx::query_scalar(query).bind(school).bind(id.as_uuid()).fetch_optional(books.transaction.connection()?).await.map_err(refuse)?;
    found.map(|Json(repair)| repair).ok_or_else(|| Problem::not_found("repair"))
}

/// Writes that a repair is over.
pub(crate) async fn finish_repair(
    books: &mut Books<'_>,
    id: RepairId,
    outcome: RepairState,
    cost_minor: Option<i64>,
) -> Result<(), Problem> {
    let update = "UPDATE inventory_repairs SET state = $3, cost_minor = $4, finished_at = $5, finished_by = $6, version = version + 1, updated_at = $5
                  WHERE school_id = $1 AND id = $2";
    sqlx::query(update)
        .bind(books.transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(outcome.as_str())
        .bind(cost_minor)
        .bind(books.now)
        .bind(books.by())
        .execute(books.transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(())
}

/// Repairs, the latest first.
pub(crate) async fn list_repairs(
    transaction: &mut SchoolTransaction,
    state: Option<RepairState>,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Repair>, Problem> {
    let query = "SELECT to_jsonb(r) FROM inventory_repairs r WHERE r.school_id = $1 AND ($2::text IS NULL OR r.state = $2)
                 AND ($3::uuid IS NULL OR r.id < $3) ORDER BY r.id DESC LIMIT $4";
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(state.map(RepairState::as_str))
        .bind(before)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(rows))
}
