//! The table `inventory_keepers`: who of the staff keeps what.

use chrono::{DateTime, Utc};
use domain::{Fault, InventoryLocationId, KeeperId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use service_kit::{Kind, Problem};
use sqlx::types::Json;
use store::SchoolTransaction;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{plain, refuse};

/// A member of the staff who keeps something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Keeper {
    /// Its id.
    pub(crate) id: KeeperId,
    /// Who.
    pub(crate) user_id: UserId,
    /// Their name.
    pub(crate) name: Option<String>,
    /// Which place, with all places within it; null: everything.
    pub(crate) location_id: Option<InventoryLocationId>,
    /// Who appointed them.
    pub(crate) appointed_by: UserId,
    /// Always 1: a keeper is appointed and dismissed, not changed.
    pub(crate) version: i32,
    /// Since when.
    pub(crate) created_at: DateTime<Utc>,
}

/// 403 unless `user` keeps `place`, a place that it is in, or everything; without a place, unless they keep anything at all.
pub(crate) async fn require_keeper(
    transaction: &mut SchoolTransaction,
    user: UserId,
    place: Option<InventoryLocationId>,
) -> Result<(), Problem> {
    let query = "WITH RECURSIVE up AS (
            SELECT l.id, l.parent_location_id FROM inventory_locations l WHERE l.school_id = $1 AND l.id = $3
            UNION SELECT l.id, l.parent_location_id FROM inventory_locations l JOIN up ON l.school_id = $1 AND l.id = up.parent_location_id)
        SELECT EXISTS (SELECT FROM inventory_keepers k WHERE k.school_id = $1 AND k.user_id = $2
            AND ($3 IS NULL OR k.location_id IS NULL OR k.location_id IN (SELECT id FROM up)))";
    let keeps: bool = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(user.as_uuid())
        .bind(place.map(InventoryLocationId::as_uuid))
        .fetch_one(transaction.connection()?)
        .await
        .map_err(refuse)?;
    match (keeps, place) {
        (true, _) => Ok(()),
        (false, Some(_)) => Err(Problem::new(Kind::Forbidden, "You don't keep this location.")),
        (false, None) => Err(Problem::new(Kind::Forbidden, "You don't keep anything here; the office appoints keepers.")),
    }
}

macro_rules! select_keepers {
    ($rest:literal) => {
        concat!(
            "SELECT to_jsonb(k) || jsonb_build_object('name', u.full_name) FROM inventory_keepers k LEFT JOIN users u ON u.id = k.user_id
             WHERE k.school_id = $1 ",
            $rest
        )
    };
}

/// Keepers, in the order in which they were appointed.
pub(crate) async fn list_keepers(transaction: &mut SchoolTransaction, after: Option<Uuid>, limit: u64) -> Result<Vec<Keeper>, Problem> {
    let rows = sqlx::query_scalar(select_keepers!("AND ($2::uuid IS NULL OR k.id > $2) ORDER BY k.id LIMIT $3"))
        .bind(transaction.school_id().as_uuid())
        .bind(after)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(rows))
}

/// The keeper, or 404.
pub(crate) async fn find_keeper(transaction: &mut SchoolTransaction, id: KeeperId) -> Result<Keeper, Problem> {
    let school = transaction.school_id().as_uuid();
    let query = sqlx::query_scalar(select_keepers!("AND k.id = $2")).bind(school).bind(id.as_uuid());
    let found: Option<Json<Keeper>> = query.fetch_optional(transaction.connection()?).await.map_err(refuse)?;
    found.map(|Json(keeper)| keeper).ok_or_else(|| Problem::not_found("keeper"))
}

/// Appoints a member of the staff; a fault at `/user_id` for anybody else.
pub(crate) async fn appoint(
    transaction: &mut SchoolTransaction,
    user: UserId,
    place: Option<InventoryLocationId>,
    by: UserId,
    now: Timestamp,
) -> Result<KeeperId, Problem> {
    let id = KeeperId::generate();
    let insert = "INSERT INTO inventory_keepers (school_id, id, user_id, location_id, appointed_by, created_at, updated_at)
        SELECT $1, $2, $3, $4, $5, $6, $6 WHERE EXISTS (SELECT FROM memberships m WHERE m.school_id = $1 AND m.user_id = $3 AND m.role = 'staff' AND m.is_active)";
    let done = sqlx::query(insert)
        .bind(transaction.school_id().as_uuid())
        .bind(id.as_uuid())
        .bind(user.as_uuid())
        .bind(place.map(InventoryLocationId::as_uuid))
        .bind(by.as_uuid())
        .bind(now)
        .execute(transaction.connection()?)
        .await
        .map_err(refuse)?;
    if done.rows_affected() == 1 { Ok(id) } else { Err(Problem::invalid(vec![Fault::new("/user_id", "is nobody of the school's staff")])) }
}

/// Dismisses a keeper. What they did stays theirs in the history.
pub(crate) async fn dismiss(transaction: &mut SchoolTransaction, id: KeeperId) -> Result<(), Problem> {
    let school = transaction.school_id().as_uuid();
    let delete = sqlx::query("DELETE FROM inventory_keepers WHERE school_id = $1 AND id = $2").bind(school).bind(id.as_uuid());
    let done = delete.execute(transaction.connection()?).await.map_err(refuse)?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(Problem::not_found("keeper")) }
}
