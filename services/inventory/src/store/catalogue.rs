//! The table `inventory_books`: what the catalogue says of items that are books.

use std::collections::HashMap;

use domain::{InventoryCategoryId, InventoryItemId, Timestamp};
use serde::{Deserialize, Serialize};
use service_kit::{Kind, Problem};
use store::SchoolTransaction;
use store::entity::inventory_items;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{plain, refuse};
use crate::model::barcode::Barcode;
use crate::model::book::{Book, Title};

/// Writes what the catalogue says of an item.
pub(crate) async fn put_book(transaction: &mut SchoolTransaction, item: Uuid, book: &Book, now: Timestamp) -> Result<(), Problem> {
    let upsert = "INSERT INTO inventory_books AS b (school_id, item_id, author, publisher, published_year, edition, language, call_number, subjects,
            control_number, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
        ON CONFLICT (school_id, item_id) DO UPDATE SET author = excluded.author, publisher = excluded.publisher, published_year = excluded.published_year,
            edition = excluded.edition, language = excluded.language, call_number = excluded.call_number, subjects = excluded.subjects,
            control_number = excluded.control_number, version = b.version + 1, updated_at = excluded.updated_at";
    sqlx::query(upsert)
        .bind(transaction.school_id().as_uuid())
        .bind(item)
        .bind(&book.author)
        .bind(&book.publisher)
        .bind(book.published_year)
        .bind(&book.edition)
        .bind(&book.language)
        .bind(&book.call_number)
        .bind(&book.subjects)
        .bind(&book.control_number)
        .bind(now)
        .execute(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(())
}

/// The item that is this title already: the one with its control number, else the one with its ISBN; and whether it has serial numbers.
pub(crate) async fn item_of_title(transaction: &mut SchoolTransaction, title: &Title) -> Result<Option<(Uuid, bool)>, Problem> {
    let query = "SELECT i.id, i.is_serialised FROM inventory_items i LEFT JOIN inventory_books b ON b.school_id = i.school_id AND b.item_id = i.id
                 WHERE i.school_id = $1 AND (b.control_number = $2 OR i.barcode = $3) ORDER BY (b.control_number = $2) DESC NULLS LAST LIMIT 1";
    sqlx::query_as(query)
        .bind(transaction.school_id().as_uuid())
        .bind(&title.book.control_number)
        .bind(title.isbn.as_ref().map(Barcode::as_str))
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(refuse)
}

/// Of which items the units with these serial numbers are.
pub(crate) async fn items_of_serials(transaction: &mut SchoolTransaction, serials: &[&str]) -> Result<HashMap<String, Uuid>, Problem> {
    let query = sqlx::query_as("SELECT serial_number, item_id FROM inventory_units WHERE school_id = $1 AND serial_number = ANY($2)");
    let school = transaction.school_id().as_uuid();
    let found: Vec<(String, Uuid)> = query.bind(school).bind(serials).fetch_all(transaction.connection()?).await.map_err(refuse)?;
    Ok(found.into_iter().collect())
}

/// Holds back other imports of the school until the transaction ends: two of them would both find the same title, or stock number, new.
pub(crate) async fn one_import_at_a_time(transaction: &mut SchoolTransaction) -> Result<(), Problem> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('inventory import ' || $1::text, 24))";
    let school = transaction.school_id().as_uuid();
    sqlx::query(lock).bind(school).execute(transaction.connection()?).await.map_err(refuse)?;
    Ok(())
}

/// Writes all of these items as they are now, each as the version after the one that it has. An item that somebody has changed since it was read is theirs: then
/// 409, and none is written.
pub(crate) async fn change_items(
    transaction: &mut SchoolTransaction,
    items: &[inventory_items::Model],
    now: Timestamp,
) -> Result<(), Problem> {
    let update = "UPDATE inventory_items i SET name = n.name, unit = n.unit, sku = n.sku, barcode = n.barcode, category_id = n.category, supplier_id = n.supplier,
            reorder_level = n.reorder_level, replacement_cost_minor = n.replacement, version = i.version + 1, updated_at = $12
        FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::uuid[], $10::int[], $11::bigint[])
            AS n (id, version, name, unit, sku, barcode, category, supplier, reorder_level, replacement)
        WHERE i.school_id = $1 AND i.id = n.id AND i.version = n.version";
    let done = sqlx::query(update)
        .bind(transaction.school_id().as_uuid())
        .bind(items.iter().map(|item| item.id).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.version).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.unit.as_str()).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.sku.as_deref()).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.barcode.as_deref()).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.category_id).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.supplier_id).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.reorder_level).collect::<Vec<_>>())
        .bind(items.iter().map(|item| item.replacement_cost_minor).collect::<Vec<_>>())
        .bind(now)
        .execute(transaction.connection()?)
        .await
        .map_err(refuse)?;
    if usize::try_from(done.rows_affected()) == Ok(items.len()) {
        return Ok(());
    }
    Err(Problem::conflict(Kind::Conflict, "An item was changed while the file was read. Nothing was written; send it again."))
}

/// Something that can be borrowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Borrowable {
    /// The item.
    pub(crate) item_id: InventoryItemId,
    /// What it is called.
    pub(crate) name: String,
    /// The barcode that is printed on it; of a book, its ISBN.
    pub(crate) barcode: Option<String>,
    /// Its category.
    pub(crate) category_id: Option<InventoryCategoryId>,
    /// What the catalogue says of it, if it is a book.
    pub(crate) book: Option<Book>,
    /// How many are on the shelves.
    pub(crate) on_hand: i64,
    /// How many people wait for one, or have one kept for them.
    pub(crate) waiting: i64,
}

/// Active items that are lent, by name.
pub(crate) async fn borrowables(
    transaction: &mut SchoolTransaction,
    text: Option<&str>,
    after: Option<(String, Uuid)>,
    limit: u64,
) -> Result<Vec<Borrowable>, Problem> {
    let query = "SELECT jsonb_build_object('item_id', i.id, 'name', i.name, 'barcode', i.barcode, 'category_id', i.category_id, 'book', to_jsonb(b),
            'on_hand', (SELECT coalesce(sum(s.on_hand), 0) FROM inventory_stock s WHERE s.school_id = i.school_id AND s.item_id = i.id),
            'waiting', (SELECT count(*) FROM inventory_reservations r WHERE r.school_id = i.school_id AND r.item_id = i.id AND r.state IN ('waiting', 'ready')))
        FROM inventory_items i LEFT JOIN inventory_books b ON b.school_id = i.school_id AND b.item_id = i.id
        WHERE i.school_id = $1 AND i.kind = 'asset' AND i.status = 'active' AND ($2::text IS NULL OR strpos(lower(i.name), lower($2)) > 0
                OR strpos(lower(b.author), lower($2)) > 0 OR i.barcode = $3
                OR EXISTS (SELECT FROM unnest(b.subjects) AS subject WHERE strpos(lower(subject), lower($2)) > 0))
            AND ($4::text IS NULL OR (i.name, i.id) > ($4, $5))
        ORDER BY i.name, i.id LIMIT $6";
    let barcode = text.and_then(|text| Barcode::try_from(text).ok());
    let (name, id) = after.unzip();
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(text)
        .bind(barcode.as_ref().map(Barcode::as_str))
        .bind(name)
        .bind(id)
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(rows))
}
