//! What is on the shelves when the books begin.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::{Fault, InventoryItemId, InventoryLocationId};
use records::rows;
use service_kit::Problem;
use store::SchoolTransaction;
use store::entity::{inventory_items, inventory_locations};
use uuid::Uuid;

use super::{Books, Note, refuse};
use crate::desk::KeepersDesk;
use crate::model::movement::Kind;
use crate::model::opening::Pile;

/// What the opening came to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Opened {
    pub(crate) items: usize,
    pub(crate) pieces: i64,
    pub(crate) value_minor: i64,
}

/// Receives all of it, or nothing: every fault is told by line and column.
pub(crate) async fn open_stock(desk: &KeepersDesk, transaction: &mut SchoolTransaction, piles: &[Pile]) -> Result<Opened, Problem> {
    let mut opened = Opened::default();
    // Items in the order of their ids, as everybody holds the books of several.
    let by_item = resolve(transaction, piles).await?;
    for (item, piles) in by_item {
        let mut books = Books::open(desk, transaction, "/item_id", InventoryItemId::from_uuid(item)).await?;
        require_untouched(&mut books, &piles).await?;
        opened.items += 1;
        for (pile, place) in piles {
            let reason = pile.note.as_ref().map_or_else(|| "Opening stock".to_owned(), |note| format!("Opening stock: {note}"));
            let note = Note { unit_cost_minor: pile.unit_cost_minor, reason: Some(reason), ..Note::default() };
            let serials = pile.serial_number.clone().map(|serial| vec![serial]);
            let pieces = books.new_pieces(Some(pile.quantity), serials.as_deref(), pile.warranty_until).await?;
            books.put(place, &pieces, Kind::Receive, pile.cost_minor, &note).await?;
            opened.pieces += i64::from(pile.quantity);
            opened.value_minor = opened.value_minor.saturating_add(pile.cost_minor);
        }
        books.close().await?;
    }
    Ok(opened)
}

type ByItem<'p> = BTreeMap<Uuid, Vec<(&'p Pile, InventoryLocationId)>>;

async fn resolve<'p>(transaction: &mut SchoolTransaction, piles: &'p [Pile]) -> Result<ByItem<'p>, Problem> {
    let items = rows::rows::<inventory_items::Entity>(transaction).all(&*transaction).await?;
    let items: HashMap<&str, &inventory_items::Model> = items.iter().filter_map(|row| Some((row.sku.as_deref()?, row))).collect();
    let places = rows::rows::<inventory_locations::Entity>(transaction).all(&*transaction).await?;
    let places: HashMap<&str, Uuid> = places.iter().filter(|row| row.status == "active").map(|row| (row.name.as_str(), row.id)).collect();
    let taken = taken_serials(transaction, piles).await?;
    let (mut found, mut faults): (ByItem<'_>, Vec<Fault>) = Default::default();
    for pile in piles {
        let mut fault = |column: &str, detail: &str| faults.push(Fault::new(format!("/rows/{}/{column}", pile.line), detail));
        let item = items.get(pile.sku.as_str());
        let place = places.get(pile.location.as_str());
        match item {
            None => fault("sku", "is of no item of this school"),
            Some(item) if item.status != "active" => fault("sku", "is of an item that is inactive"),
            Some(item) if item.is_serialised && pile.serial_number.is_none() => fault("serial_number", "is required for this item"),
            Some(item) if !item.is_serialised && pile.serial_number.is_some() => fault("serial_number", "is not for this item"),
            Some(_) => {}
        }
        if place.is_none() {
            fault("location", "there is no location of this name");
        }
        if pile.serial_number.as_ref().is_some_and(|serial| taken.contains(serial.as_str())) {
            fault("serial_number", "is another unit's");
        }
        if let (Some(item), Some(place)) = (item, place) {
            found.entry(item.id).or_default().push((pile, InventoryLocationId::from_uuid(*place)));
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(Problem::invalid(faults)) }
}

async fn taken_serials(transaction: &mut SchoolTransaction, piles: &[Pile]) -> Result<HashSet<String>, Problem> {
    let serials: Vec<&str> = piles.iter().filter_map(|pile| Some(pile.serial_number.as_ref()?.as_str())).collect();
    let query = sqlx::query_scalar("SELECT serial_number FROM inventory_units WHERE school_id = $1 AND serial_number = ANY($2)");
    let school = transaction.school_id().as_uuid();
    let taken: Vec<String> = query.bind(school).bind(serials).fetch_all(transaction.connection()?).await.map_err(refuse)?;
    Ok(taken.into_iter().collect())
}

/// Where something has moved, the books have begun. The books are open: nothing moves meanwhile.
async fn require_untouched(books: &mut Books<'_>, piles: &[(&Pile, InventoryLocationId)]) -> Result<(), Problem> {
    let query = sqlx::query_scalar("SELECT location_id FROM inventory_stock WHERE school_id = $1 AND item_id = $2 AND entries > 0");
    let school = books.transaction.school_id().as_uuid();
    let begun: Vec<Uuid> = query.bind(school).bind(books.item.id).fetch_all(books.transaction.connection()?).await.map_err(refuse)?;
    let late = piles.iter().filter(|(_, place)| begun.contains(&place.as_uuid()));
    let detail = "has moved at this location before; enter a movement";
    let faults: Vec<Fault> = late.map(|(pile, _)| Fault::new(format!("/rows/{}/sku", pile.line), detail)).collect();
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}
