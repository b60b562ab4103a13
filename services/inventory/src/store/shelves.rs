//! Items with what there is of them, and their units.

use chrono::NaiveDate;
use domain::{InventoryCategoryId, InventoryItemId, InventoryLocationId, InventoryUnitId, SupplierId, UserId};
use service_kit::Problem;
use sqlx::types::Json;
use store::SchoolTransaction;
use uuid::Uuid;

use super::{plain, refuse};
use crate::model::item::{Item, ItemKind, Status, Unit, UnitState};

macro_rules! select_items {
    ($rest:literal) => {
        concat!(
            "SELECT to_jsonb(i) || jsonb_build_object('on_hand', s.on_hand, 'stock', s.stock, 'owned', v.quantity, 'value_minor', v.value_minor,
                'book', to_jsonb(b))
             FROM inventory_items i JOIN inventory_valuations v ON v.school_id = i.school_id AND v.item_id = i.id
             LEFT JOIN inventory_books b ON b.school_id = i.school_id AND b.item_id = i.id
             CROSS JOIN LATERAL (SELECT coalesce(sum(s.on_hand), 0) AS on_hand, coalesce(jsonb_agg(jsonb_build_object('location_id', s.location_id,
                    'on_hand', s.on_hand) ORDER BY s.location_id) FILTER (WHERE s.on_hand > 0), '[]') AS stock
                 FROM inventory_stock s WHERE s.school_id = i.school_id AND s.item_id = i.id) s ",
            $rest
        )
    };
}

/// The item with what there is of it, or 404.
pub(crate) async fn item(transaction: &mut SchoolTransaction, id: InventoryItemId) -> Result<Item, Problem> {
    let query = select_items!("WHERE i.school_id = $1 AND i.id = $2");
    let school = transaction.school_id().as_uuid();
    let found: Option<Json<Item>> =
        sqlx::query_scalar(query).bind(school).bind(id.as_uuid()).fetch_optional(transaction.connection()?).await.map_err(refuse)?;
    found.map(|Json(item)| item.valued()).ok_or_else(|| Problem::not_found("item"))
}

/// What a list of items is narrowed down to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf {
    pub(crate) text: Option<String>,
    pub(crate) category: Option<InventoryCategoryId>,
    pub(crate) supplier: Option<SupplierId>,
    pub(crate) location: Option<InventoryLocationId>,
    pub(crate) kind: Option<ItemKind>,
    pub(crate) status: Option<Status>,
}

/// Items by name.
pub(crate) async fn items(
    transaction: &mut SchoolTransaction,
    shelf: &Shelf,
    after: Option<(String, Uuid)>,
    limit: u64,
) -> Result<Vec<Item>, Problem> {
    // What is searched for is text, not a pattern.
    let query = select_items!(
        "WHERE i.school_id = $1 AND ($2::text IS NULL OR strpos(lower(i.name), lower($2)) > 0 OR i.sku = $2
                OR strpos(lower(b.author), lower($2)) > 0)
           AND ($3::uuid IS NULL OR i.category_id = $3) AND ($4::uuid IS NULL OR i.supplier_id = $4)
           AND ($5::uuid IS NULL OR EXISTS (SELECT FROM inventory_stock h WHERE h.school_id = i.school_id AND h.item_id = i.id
                AND h.location_id = $5 AND h.on_hand > 0))
           AND ($6::text IS NULL OR i.kind = $6) AND ($7::text IS NULL OR i.status = $7) AND ($8::text IS NULL OR (i.name, i.id) > ($8, $9))
         ORDER BY i.name, i.id LIMIT $10"
    );
    let (name, id) = after.unzip();
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(shelf.text.as_deref())
        .bind(shelf.category.map(InventoryCategoryId::as_uuid))
        .bind(shelf.supplier.map(SupplierId::as_uuid))
        .bind(shelf.location.map(InventoryLocationId::as_uuid))
        .bind(shelf.kind.map(ItemKind::as_str))
        .bind(shelf.status.map(Status::as_str))
        .bind(name)
        .bind(id)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain::<Item>(rows).into_iter().map(Item::valued).collect())
}

/// Active items of which there are no more than their reorder level, by name.
pub(crate) async fn low_stock(
    transaction: &mut SchoolTransaction,
    after: Option<(String, Uuid)>,
    limit: u64,
) -> Result<Vec<Item>, Problem> {
    let query = select_items!(
        "WHERE i.school_id = $1 AND i.status = 'active' AND i.reorder_level > 0 AND s.on_hand <= i.reorder_level
           AND ($2::text IS NULL OR (i.name, i.id) > ($2, $3)) ORDER BY i.name, i.id LIMIT $4"
    );
    let (name, id) = after.unzip();
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(name)
        .bind(id)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain::<Item>(rows).into_iter().map(Item::valued).collect())
}

/// The unit, or 404.
pub(crate) async fn find_unit(transaction: &mut SchoolTransaction, id: InventoryUnitId) -> Result<Unit, Problem> {
    let query = "SELECT to_jsonb(u) FROM inventory_units u WHERE u.school_id = $1 AND u.id = $2";
    let school = transaction.school_id().as_uuid();
    let found: Option<Json<Unit>> =
        sqlx::query_scalar(query).bind(school).bind(id.as_uuid()).fetch_optional(transaction.connection()?).await.map_err(refuse)?;
    found.map(|Json(unit)| unit).ok_or_else(|| Problem::not_found("unit"))
}

/// The unit with this serial number.
pub(crate) async fn unit_of_serial(transaction: &mut SchoolTransaction, serial: &str) -> Result<Option<Unit>, Problem> {
    let query = "SELECT to_jsonb(u) FROM inventory_units u WHERE u.school_id = $1 AND u.serial_number = $2";
    let school = transaction.school_id().as_uuid();
    let found: Option<Json<Unit>> =
        sqlx::query_scalar(query).bind(school).bind(serial).fetch_optional(transaction.connection()?).await.map_err(refuse)?;
    Ok(found.map(|Json(unit)| unit))
}

/// What a list of units is narrowed down to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UnitsOf {
    pub(crate) item: Option<InventoryItemId>,
    pub(crate) holder: Option<UserId>,
    pub(crate) location: Option<InventoryLocationId>,
    pub(crate) state: Option<UnitState>,
    pub(crate) warranty_before: Option<NaiveDate>,
}

/// Units, by serial number.
pub(crate) async fn units(
    transaction: &mut SchoolTransaction,
    wanted: &UnitsOf,
    after: Option<(String, Uuid)>,
    limit: u64,
) -> Result<Vec<Unit>, Problem> {
    let query = "SELECT to_jsonb(u) FROM inventory_units u WHERE u.school_id = $1 AND ($2::uuid IS NULL OR u.item_id = $2)
                   AND ($3::uuid IS NULL OR u.holder_user_id = $3) AND ($4::uuid IS NULL OR u.location_id = $4) AND ($5::text IS NULL OR u.state = $5)
                   AND ($6::date IS NULL OR u.warranty_until < $6) AND ($7::text IS NULL OR (u.serial_number, u.id) > ($7, $8))
                 ORDER BY u.serial_number, u.id LIMIT $9";
    let (serial, id) = after.unzip();
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(wanted.item.map(InventoryItemId::as_uuid))
        .bind(wanted.holder.map(UserId::as_uuid))
        .bind(wanted.location.map(InventoryLocationId::as_uuid))
        .bind(wanted.state.map(UnitState::as_str))
        .bind(wanted.warranty_before)
        .bind(serial)
        .bind(id)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(rows))
}
