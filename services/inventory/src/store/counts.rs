//! The tables `inventory_stock_takes` and `inventory_counts`, and the differences that a count leaves in the books.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use domain::{Fault, InventoryItemId, InventoryLocationId, InventoryUnitId, StockTakeId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use service_kit::{Kind as ProblemKind, Problem};
use store::SchoolTransaction;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entries::{Common, Entry, enter};
use super::{Note, plain, refuse};
use crate::model::count::{Verdict, judge, obstacle};
use crate::model::item::UnitState;
use crate::model::movement::Kind;
use crate::model::valuation::Valuation;

/// A line of a count sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// What is counted.
    pub item_id: InventoryItemId,
    /// The item's name.
    pub item_name: String,
    /// The unit, if the item has serial numbers.
    pub unit_id: Option<InventoryUnitId>,
    /// The unit's serial number.
    pub serial_number: Option<String>,
    /// How many the books say are there now.
    pub on_hand: i32,
    /// How many the books said were there when it was counted.
    pub expected: Option<i32>,
    /// How many were there; null: not counted yet.
    pub counted: Option<i32>,
    /// When it was counted.
    pub counted_at: Option<DateTime<Utc>>,
    /// Who counted.
    pub counted_by: Option<UserId>,
}

/// A count to be recorded.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) item: Uuid,
    pub(crate) unit: Option<Uuid>,
    pub(crate) counted: i32,
    pub(crate) at: Timestamp,
}

/// Holds the books of `items` open, always in the same order, so that two who hold several never wait for each other. Answers what each is worth.
pub(crate) async fn hold(transaction: &mut SchoolTransaction, items: &[Uuid]) -> Result<BTreeMap<Uuid, Valuation>, Problem> {
    let lock = "SELECT item_id, quantity, value_minor FROM inventory_valuations WHERE school_id = $1 AND item_id = ANY($2) ORDER BY item_id FOR UPDATE";
    let school = transaction.school_id().as_uuid();
    let held: Vec<(Uuid, i32, i64)> =
        sqlx::query_as(lock).bind(school).bind(items).fetch_all(transaction.connection()?).await.map_err(refuse)?;
    Ok(held.into_iter().map(|(item, quantity, value)| (item, Valuation::new(quantity, value))).collect())
}

/// Which items and units there are under these names: item ids, and serial numbers.
pub(crate) async fn seen(
    transaction: &mut SchoolTransaction,
    names: &[(Option<InventoryItemId>, Option<String>)],
) -> Result<Vec<Option<(Uuid, Option<Uuid>)>>, Problem> {
    let (items, serials): (Vec<Option<Uuid>>, Vec<Option<&str>>) =
        names.iter().map(|(item, serial)| (item.map(InventoryItemId::as_uuid), serial.as_deref())).unzip();
    let query = "SELECT i.id, u.id FROM unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS n (item, serial, place)
        LEFT JOIN inventory_units u ON u.school_id = $1 AND u.serial_number = n.serial
        LEFT JOIN inventory_items i ON i.school_id = $1 AND i.id = coalesce(u.item_id, n.item) AND i.is_serialised = (n.serial IS NOT NULL)
            AND (n.serial IS NULL OR u.id IS NOT NULL)
        ORDER BY n.place";
    let school = transaction.school_id().as_uuid();
    let found: Vec<(Option<Uuid>, Option<Uuid>)> =
        sqlx::query_as(query).bind(school).bind(items).bind(serials).fetch_all(transaction.connection()?).await.map_err(refuse)?;
    Ok(found.into_iter().map(|(item, unit)| item.map(|item| (item, unit))).collect())
}

/// Writes down what was seen, beside what the books said at that moment. The books are held.
pub(crate) async fn record(
    transaction: &mut SchoolTransaction,
    take: StockTakeId,
    place: InventoryLocationId,
    by: UserId,
    now: Timestamp,
    seen: &[Seen],
) -> Result<(), Problem> {
    let insert = "INSERT INTO inventory_counts AS c (school_id, id, stock_take_id, item_id, unit_id, expected, counted, counted_at, counted_by, created_at, updated_at)
        SELECT $1, n.id, $2, n.item, n.unit, coalesce(CASE WHEN n.unit IS NULL
                THEN (SELECT m.balance FROM stock_movements m WHERE m.school_id = $1 AND m.item_id = n.item AND m.location_id = $3 AND m.moved_at <= n.at
                      ORDER BY m.entry DESC LIMIT 1)
                ELSE (SELECT (m.quantity > 0 AND m.location_id = $3)::int FROM stock_movements m WHERE m.school_id = $1 AND m.unit_id = n.unit
                      AND m.moved_at <= n.at ORDER BY m.moved_at DESC, m.id DESC LIMIT 1) END, 0),
            n.counted, n.at, $4, $5, $5
        FROM unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::int[], $10::timestamptz[]) AS n (id, item, unit, counted, at)
        ON CONFLICT ON CONSTRAINT inventory_counts_once DO UPDATE SET expected = excluded.expected, counted = excluded.counted,
            counted_at = excluded.counted_at, counted_by = excluded.counted_by, version = c.version + 1, updated_at = excluded.updated_at";
    sqlx::query(insert)
        .bind(transaction.school_id().as_uuid())
        .bind(take.as_uuid())
        .bind(place.as_uuid())
        .bind(by.as_uuid())
        .bind(now)
        .bind(seen.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
        .bind(seen.iter().map(|line| line.item).collect::<Vec<_>>())
        .bind(seen.iter().map(|line| line.unit).collect::<Vec<_>>())
        .bind(seen.iter().map(|line| line.counted).collect::<Vec<_>>())
        .bind(seen.iter().map(|line| line.at).collect::<Vec<_>>())
        .execute(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(())
}

/// Of `units`, those that were counted as there and can't be, as the books have them elsewhere, each with what to do about it. The books are held.
pub(crate) async fn obstacles(
    transaction: &mut SchoolTransaction,
    take: StockTakeId,
    place: InventoryLocationId,
    units: &[Uuid],
) -> Result<HashMap<Uuid, String>, Problem> {
    let query = "SELECT jsonb_build_object('unit_id', u.id, 'serial_number', u.serial_number, 'state', u.state, 'elsewhere', l.name)
        FROM inventory_counts c
        JOIN inventory_units u ON u.school_id = c.school_id AND u.id = c.unit_id
        LEFT JOIN inventory_locations l ON l.school_id = u.school_id AND l.id = u.location_id AND l.id <> $3
        WHERE c.school_id = $1 AND c.stock_take_id = $2 AND c.unit_id = ANY($4) AND c.counted > c.expected";
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(take.as_uuid())
        .bind(place.as_uuid())
        .bind(units)
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    let found = plain::<Whereabouts>(rows);
    Ok(found
        .into_iter()
        .filter_map(|unit| Some((unit.unit_id, obstacle(&unit.serial_number, unit.state, unit.elsewhere.as_deref())?)))
        .collect())
}

/// Where the books have a unit.
#[derive(Debug, Deserialize)]
struct Whereabouts {
    unit_id: Uuid,
    serial_number: String,
    state: UnitState,
    /// The other place on whose shelf it is.
    elsewhere: Option<String>,
}

/// The count sheet: what the books say is at the place, and what was counted there, by item and unit.
pub(crate) async fn lines(
    transaction: &mut SchoolTransaction,
    take: StockTakeId,
    place: InventoryLocationId,
    after: Option<(Uuid, Uuid)>,
    limit: u64,
) -> Result<Vec<Line>, Problem> {
    let query = "
        WITH keys AS (
            SELECT s.item_id, NULL::uuid AS unit_id FROM inventory_stock s JOIN inventory_items i ON i.school_id = s.school_id AND i.id = s.item_id
                WHERE s.school_id = $1 AND s.location_id = $3 AND s.on_hand > 0 AND NOT i.is_serialised
            UNION SELECT u.item_id, u.id FROM inventory_units u WHERE u.school_id = $1 AND u.location_id = $3
            UNION SELECT c.item_id, c.unit_id FROM inventory_counts c WHERE c.school_id = $1 AND c.stock_take_id = $2)
        SELECT jsonb_build_object('item_id', k.item_id, 'item_name', i.name, 'unit_id', k.unit_id, 'serial_number', u.serial_number,
            'on_hand', CASE WHEN k.unit_id IS NULL THEN coalesce(s.on_hand, 0) ELSE coalesce((u.location_id = $3)::int, 0) END,
            'expected', c.expected, 'counted', c.counted, 'counted_at', c.counted_at, 'counted_by', c.counted_by)
        FROM keys k JOIN inventory_items i ON i.school_id = $1 AND i.id = k.item_id
        LEFT JOIN inventory_units u ON u.school_id = $1 AND u.id = k.unit_id
        LEFT JOIN inventory_stock s ON s.school_id = $1 AND s.item_id = k.item_id AND s.location_id = $3
        LEFT JOIN inventory_counts c ON c.school_id = $1 AND c.stock_take_id = $2 AND c.item_id = k.item_id AND c.unit_id IS NOT DISTINCT FROM k.unit_id
        WHERE $4::uuid IS NULL OR (k.item_id, coalesce(k.unit_id, k.item_id)) > ($4, $5)
        ORDER BY k.item_id, coalesce(k.unit_id, k.item_id) LIMIT $6";
    let rows = sqlx::query_scalar(query)
        .bind(transaction.school_id().as_uuid())
        .bind(take.as_uuid())
        .bind(place.as_uuid())
        .bind(after.map(|(item, _)| item))
        .bind(after.map(|(_, unit)| unit))
        .bind(limit.cast_signed())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    Ok(plain(rows))
}

#[derive(Debug, Deserialize)]
struct Difference {
    item_id: Uuid,
    unit_id: Option<Uuid>,
    serial_number: Option<String>,
    expected: i32,
    counted: i32,
    on_hand: i32,
    /// Whether the unit, if it is one, can turn up: the books have it nowhere.
    can_turn_up: bool,
}

/// What the differences of a stock-take did to an item that somebody waits for, or that may have run low.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) item: Uuid,
    /// How many more there are than before, or fewer.
    pub(crate) more: i32,
}

/// Posts the differences of a stock-take, and answers of which items the books are to be closed after it. All of them or, if something has to be counted again,
/// none: 409.
pub(crate) async fn differences(
    transaction: &mut SchoolTransaction,
    take: StockTakeId,
    place: InventoryLocationId,
    by: UserId,
    now: impl Fn() -> Timestamp,
) -> Result<Vec<Moved>, Problem> {
    let school = transaction.school_id().as_uuid();
    let differing = "SELECT DISTINCT item_id FROM inventory_counts WHERE school_id = $1 AND stock_take_id = $2 AND counted <> expected";
    let items: Vec<Uuid> =
        sqlx::query_scalar(differing).bind(school).bind(take.as_uuid()).fetch_all(transaction.connection()?).await.map_err(refuse)?;
    let mut valuations = hold(transaction, &items).await?;
    let now = now();
    let query = "SELECT jsonb_build_object('item_id', c.item_id, 'unit_id', c.unit_id, 'serial_number', u.serial_number, 'expected', c.expected, 'counted', c.counted,
            'on_hand', CASE WHEN c.unit_id IS NULL THEN coalesce(s.on_hand, 0) ELSE coalesce((u.location_id = $3)::int, 0) END,
            'can_turn_up', coalesce(u.state = 'gone', true))
        FROM inventory_counts c
        LEFT JOIN inventory_units u ON u.school_id = c.school_id AND u.id = c.unit_id
        LEFT JOIN inventory_stock s ON s.school_id = c.school_id AND s.item_id = c.item_id AND s.location_id = $3
        WHERE c.school_id = $1 AND c.stock_take_id = $2 AND c.counted <> c.expected ORDER BY c.item_id, c.unit_id";
    let rows = sqlx::query_scalar(query)
        .bind(school)
        .bind(take.as_uuid())
        .bind(place.as_uuid())
        .fetch_all(transaction.connection()?)
        .await
        .map_err(refuse)?;
    let rows: Vec<Difference> = plain(rows);
    let units: Vec<Uuid> = rows.iter().filter_map(|line| line.unit_id).collect();
    let mut obstacles = obstacles(transaction, take, place, &units).await?;
    let (mut faults, mut found): (Vec<Fault>, Vec<Entry>) = Default::default();
    for line in rows {
        let Difference { item_id, unit_id, serial_number, expected, counted, on_hand, can_turn_up } = line;
        let obstacle = unit_id.and_then(|unit| obstacles.remove(&unit));
        let again = || {
            let name = serial_number.unwrap_or_else(|| item_id.to_string()).replace('~', "~0").replace('/', "~1");
            let detail = obstacle.unwrap_or_else(|| "moved since it was counted; count it again".to_owned());
            Fault::new(format!("/counts/{name}"), detail)
        };
        let valuation = valuations.entry(item_id).or_default();
        match judge(expected, counted, on_hand) {
            Verdict::Right => {}
            Verdict::Differs(more) if more > 0 && can_turn_up => match valuation.with(more, valuation.of_found(more)) {
                Some(with) => {
                    let value_minor = with.value_minor() - valuation.value_minor();
                    found.push(Entry { item: item_id, unit: unit_id, quantity: more, value_minor });
                    *valuation = with;
                }
                None => faults.push(again()),
            },
            Verdict::Differs(fewer) if fewer < 0 => match valuation.without(fewer.saturating_neg()) {
                Some((without, value)) => {
                    found.push(Entry { item: item_id, unit: unit_id, quantity: fewer, value_minor: -value });
                    *valuation = without;
                }
                None => faults.push(again()),
            },
            Verdict::Differs(_) | Verdict::CountAgain => faults.push(again()),
        }
    }
    if !faults.is_empty() {
        return Err(
            Problem::conflict(ProblemKind::Conflict, "Something can't be as it was counted; nothing was posted.").with_faults(faults)
        );
    }
    let note = Note { stock_take: Some(take.as_uuid()), reason: Some("Stock-take".to_owned()), ..Note::default() };
    enter(transaction, Common { place, kind: Kind::Adjust, note: &note, by: by.as_uuid(), at: now }, &found).await?;
    let mut moved: BTreeMap<Uuid, i32> = BTreeMap::new();
    for entry in &found {
        let sum = moved.entry(entry.item).or_default();
        *sum = sum.saturating_add(entry.quantity);
    }
    concerned(transaction, moved).await
}

/// Of these items, with how many more or fewer there are, those whose reorder level or queue that may concern, in the order in which everybody opens books.
async fn concerned(transaction: &mut SchoolTransaction, moved: BTreeMap<Uuid, i32>) -> Result<Vec<Moved>, Problem> {
    let (items, more): (Vec<Uuid>, Vec<i32>) = moved.into_iter().unzip();
    let query = "SELECT n.item, n.more FROM unnest($2::uuid[], $3::int[]) AS n (item, more)
        JOIN inventory_items i ON i.school_id = $1 AND i.id = n.item
        WHERE (i.reorder_level > 0 AND n.more < 0) OR EXISTS (SELECT FROM inventory_reservations r
            WHERE r.school_id = $1 AND r.item_id = n.item AND r.state IN ('waiting', 'ready'))
        ORDER BY n.item";
    let school = transaction.school_id().as_uuid();
    let rows: Vec<(Uuid, i32)> =
        sqlx::query_as(query).bind(school).bind(items).bind(more).fetch_all(transaction.connection()?).await.map_err(refuse)?;
    Ok(rows.into_iter().map(|(item, more)| Moved { item, more }).collect())
}
