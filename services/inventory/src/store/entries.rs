//! How movements come into the table `stock_movements`: all that are entered together in one statement, however many there are. Whoever enters them holds the
//! books of their items.

use domain::{ClassId, InventoryLocationId, MovementId, SupplierId, Timestamp, UserId};
use service_kit::Problem;
use sqlx::types::Json;
use store::SchoolTransaction;
use uuid::Uuid;

use super::{plain, refuse};
use crate::model::movement::{Kind, Movement};

/// What else is known about a movement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note {
    pub(crate) unit_cost_minor: Option<i64>,
    pub(crate) transfer: Option<Uuid>,
    pub(crate) loan: Option<Uuid>,
    pub(crate) repair: Option<Uuid>,
    pub(crate) returns: Option<Uuid>,
    pub(crate) stock_take: Option<Uuid>,
    pub(crate) supplier: Option<SupplierId>,
    pub(crate) party: Option<UserId>,
    pub(crate) class: Option<ClassId>,
    pub(crate) purpose: Option<String>,
    pub(crate) reason: Option<String>,
}

/// What movements that are entered together have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common<'n> {
    pub(super) place: InventoryLocationId,
    pub(super) kind: Kind,
    pub(super) note: &'n Note,
    pub(super) by: Uuid,
    pub(super) at: Timestamp,
}

/// A movement by itself: so many pieces, or a unit, and by how much what is owned is worth more or less.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) item: Uuid,
    pub(super) unit: Option<Uuid>,
    pub(super) quantity: i32,
    pub(super) value_minor: i64,
}

/// Enters movements in their order.
pub(super) async fn enter(transaction: &mut SchoolTransaction, common: Common<'_>, entries: &[Entry]) -> Result<Vec<Movement>, Problem> {
    let Common { place, kind, note, by, at } = common;
    let insert = "INSERT INTO stock_movements AS m (school_id, id, item_id, unit_id, quantity, value_minor, location_id, kind, unit_cost_minor, transfer_id,
            loan_id, repair_id, returns_id, stock_take_id, supplier_id, party_user_id, class_id, purpose, reason, moved_by, moved_at, created_at, updated_at)
        SELECT $1, n.id, n.item, n.unit, n.quantity, n.value, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $21, $21
        FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::int[], $6::bigint[]) WITH ORDINALITY AS n (id, item, unit, quantity, value, place)
        ORDER BY n.place RETURNING to_jsonb(m)";
    let movements: Vec<Json<Movement>> = sqlx::query_scalar(insert)
        .bind(transaction.school_id().as_uuid())
        .bind(entries.iter().map(|_| MovementId::generate().as_uuid()).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.item).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.unit).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.quantity).collect::<Vec<_>>())
        .bind(entries.iter().map(|entry| entry.value_minor).collect::<Vec<_>>())
        .bind(place.as_uuid())
        .bind(kind.as_str())
        .bind(note.unit_cost_minor)
        .bind(note.transfer)
        .bind(note.loan)
        .bind(note.repair)
        .bind(note.returns)
        .bind(note.stock_take)
        .bind(note.supplier.map(SupplierId::as_uuid))
        .bind(note.party.map(UserId::as_uuid))
        .bind(note.class.map(ClassId::as_uuid))
        .bind(note.purpose.as_deref())
        .bind(note.reason.as_deref())
        .bind(by)
        .bind(at)
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(movements))
}
