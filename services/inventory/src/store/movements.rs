//! The table `stock_movements`, as it is read: the history of what the school keeps.

use chrono::NaiveDate;
use domain::{ClassId, InventoryItemId, InventoryLocationId, InventoryUnitId, MovementId, SupplierId};
use service_kit::Problem;
use sqlx::types::Json;
use store::SchoolTransaction;
use uuid::Uuid;

use super::{Books, plain, refuse};
use crate::model::movement::{Kind, Movement};

/// A movement, or 404.
pub(crate) async fn movement(transaction: &mut SchoolTransaction, id: MovementId) -> Result<Movement, Problem> {
    let school = transaction.school_id().as_uuid();
    let query = "SELECT to_jsonb(m) FROM stock_movements m WHERE m.school_id = $1 AND m.id = $2";
    let found: Option<Json<Movement>> =
        sqlx::query_scalar(query).bind(school).bind(id.as_uuid()).fetch_optional(transaction.connection()?).await.map_err(refuse)?;
    found.map(|Json(movement)| movement).ok_or_else(|| Problem::not_found("movement"))
}

/// How many of an issue have come back, and what they were worth.
pub(crate) async fn returned_so_far(books: &mut Books<'_>, issue: MovementId) -> Result<(i32, i64), Problem> {
    let query = "SELECT coalesce(sum(quantity), 0)::int, coalesce(sum(value_minor), 0)::bigint FROM stock_movements WHERE school_id = $1 AND returns_id = $2";
    let school = books.transaction.school_id().as_uuid();
    sqlx::query_as(query).bind(school).bind(issue.as_uuid()).fetch_one(books.transaction.connection()?).await.map_err(refuse)
}

/// What a history is narrowed down to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted {
    pub(crate) item: Option<InventoryItemId>,
    pub(crate) unit: Option<InventoryUnitId>,
    pub(crate) place: Option<InventoryLocationId>,
    pub(crate) kind: Option<Kind>,
    pub(crate) class: Option<ClassId>,
    pub(crate) supplier: Option<SupplierId>,
    /// The first and the last day, in the school's time zone.
    pub(crate) from: Option<NaiveDate>,
    pub(crate) to: Option<NaiveDate>,
}

/// Movements, the latest first.
pub(crate) async fn movements_of(
    transaction: &mut SchoolTransaction,
    wanted: &Wanted,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Movement>, Problem> {
    let query = "SELECT to_jsonb(m) FROM stock_movements m WHERE m.school_id = $1 AND ($2::uuid IS NULL OR m.item_id = $2)
                 AND ($3::uuid IS NULL OR m.unit_id = $3) AND ($4::uuid IS NULL OR m.location_id = $4) AND ($5::text IS NULL OR m.kind = $5)
                 AND ($6::uuid IS NULL OR m.class_id = $6) AND ($7::uuid IS NULL OR m.supplier_id = $7)
                 AND ($8::date IS NULL OR m.moved_at >= (SELECT $8::timestamp AT TIME ZONE o.time_zone FROM schools o WHERE o.id = $1))
                 AND ($9::date IS NULL OR m.moved_at < (SELECT ($9 + 1)::timestamp AT TIME ZONE o.time_zone FROM schools o WHERE o.id = $1))
                 AND ($10::uuid IS NULL OR m.id < $10) ORDER BY m.id DESC LIMIT $11";
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(wanted.item.map(InventoryItemId::as_uuid))
        .bind(wanted.unit.map(InventoryUnitId::as_uuid))
        .bind(wanted.place.map(InventoryLocationId::as_uuid))
        .bind(wanted.kind.map(Kind::as_str))
        .bind(wanted.class.map(ClassId::as_uuid))
        .bind(wanted.supplier.map(SupplierId::as_uuid))
        .bind(wanted.from)
        .bind(wanted.to)
        .bind(before)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(rows))
}
