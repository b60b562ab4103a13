//! The table `inventory_stock_takes`.

use chrono::{DateTime, Utc};
use domain::{InventoryLocationId, StockTakeId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use service_kit::Problem;
use sqlx::types::Json;
use store::SchoolTransaction;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{plain, refuse};

/// How a stock-take stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TakeState {
    /// Somebody counts.
    Counting,
    /// The differences are in the books.
    Posted,
    /// It was given up.
    Cancelled,
}

impl TakeState {
    /// The name in tables.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Counting => "counting",
            Self::Posted => "posted",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A count of what is at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockTake {
    /// Its id.
    pub(crate) id: StockTakeId,
    /// The place.
    pub(crate) location_id: InventoryLocationId,
    /// How it stands.
    pub(crate) state: TakeState,
    /// What it is for.
    pub(crate) note: Option<String>,
    /// Who began it.
    pub(crate) started_by: UserId,
    /// When.
    pub(crate) started_at: DateTime<Utc>,
    /// Who posted it or gave it up.
    pub(crate) finished_by: Option<UserId>,
    /// When.
    pub(crate) finished_at: Option<DateTime<Utc>>,
    /// How many lines are counted.
    pub(crate) counted_lines: i64,
    /// How many of them differ from what the books said.
    pub(crate) differing_lines: i64,
    /// One more with each change, and with each time that something was counted.
    pub(crate) version: i32,
}

macro_rules! select_takes {
    ($rest:literal) => {
        concat!(
            "SELECT to_jsonb(t) || jsonb_build_object(
                'counted_lines', (SELECT count(*) FROM inventory_counts c WHERE c.school_id = t.school_id AND c.stock_take_id = t.id),
                'differing_lines', (SELECT count(*) FROM inventory_counts c WHERE c.school_id = t.school_id AND c.stock_take_id = t.id
                    AND c.counted <> c.expected))
             FROM inventory_stock_takes t WHERE t.school_id = $1 ",
            $rest
        )
    };
}

/// Begins to count.
pub(crate) async fn start_take(
    transaction: &mut SchoolTransaction,
    place: InventoryLocationId,
    note: Option<String>,
    by: UserId,
    now: Timestamp,
) -> Result<StockTakeId, Problem> {
    let id = StockTakeId::generate();
    let insert = "INSERT INTO inventory_stock_takes (school_id, id, location_id, note, started_by, started_at, created_at, updated_at)
                  VALUES ($1, $2, $3, $4, $5, $6, $6, $6)";
    sqlx::query(insert)
        .bind(transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(place.as_uuid())
        .bind(note)
        .bind(by.as_uuid())
        .bind(now)
        .execute(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(id)
}

/// The stock-take, or 404.
pub(crate) async fn find_take(transaction: &mut SchoolTransaction, id: StockTakeId) -> Result<StockTake, Problem> {
    one(transaction, select_takes!("AND t.id = $2"), id).await
}

/// The stock-take, which nobody else changes or counts for until the transaction ends.
pub(crate) async fn lock_take(transaction: &mut SchoolTransaction, id: StockTakeId) -> Result<StockTake, Problem> {
    one(transaction, select_takes!("AND t.id = $2 FOR NO KEY UPDATE OF t"), id).await
}

async fn one(transaction: &mut SchoolTransaction, query: &'static str, id: StockTakeId) -> Result<StockTake, Problem> {
    let school = transaction.school_id().as_uuid();
    let found: Option<Json<StockTake>> =
        sqlx::query_scalar(query).bind(school).bind(id.as_uuid()).fetch_optional(transaction.connection()?).await.map_err(refuse)?;
    found.map(|Json(take)| take).ok_or_else(|| Problem::not_found("stock-take"))
}

/// Something was counted: the next version.
pub(crate) async fn touch_take(transaction: &mut SchoolTransaction, id: StockTakeId, now: Timestamp) -> Result<(), Problem> {
    let update = "UPDATE inventory_stock_takes SET version = version + 1, updated_at = $3 WHERE school_id = $1 AND id = $2";
    let school = transaction.school_id().as_uuid();
    sqlx::query(update).bind(school).bind(id.as_uuid()).bind(now).execute(transaction.connection()?).await.map_err(refuse)?;
    Ok(())
}

/// Writes that a stock-take is over.
pub(crate) async fn finish_take(
    transaction: &mut SchoolTransaction,
    id: StockTakeId,
    outcome: TakeState,
    by: UserId,
    now: Timestamp,
) -> Result<(), Problem> {
    let update = "UPDATE inventory_stock_takes SET state = $3, finished_by = $4, finished_at = $5, version = version + 1, updated_at = $5
                  WHERE school_id = $1 AND id = $2";
    sqlx::query(update)
        .bind(transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(outcome.as_str())
        .bind(by.as_uuid())
        .bind(now)
        .execute(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(())
}

/// Stock-takes, the latest first.
pub(crate) async fn list_takes(transaction: &mut SchoolTransaction, before: Option<Uuid>, limit: u64) -> Result<Vec<StockTake>, Problem> {
    let query = select_takes!("AND ($2::uuid IS NULL OR t.id < $2) ORDER BY t.id DESC LIMIT $3");
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(before)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(rows))
}
