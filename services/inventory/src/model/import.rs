//! Items in a file: what its lines say, with every fault named by line and column.

use std::collections::HashSet;

use domain::{Fault, InventoryItemId, Text};
use spreadsheet::Line;

use super::barcode::Barcode;
use super::item::ItemKind;
use super::sheet::{Row, Sheet};

/// Columns that say what an item is.
pub const COLUMNS: [&str; 11] =
    ["sku", "name", "kind", "unit", "barcode", "category", "supplier", "serialised", "reorder_level", "replacement_cost_minor", "id"];
/// Columns of an export that are for people: they are not read.
pub const SHOWN: [&str; 6] = ["on_hand", "owned", "value_minor", "unit_cost_minor", "currency", "status"];

/// An item as a line of a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its line in the file.
    pub line: usize,
    /// The stock number, by which an item is known again.
    pub sku: Option<Text<64>>,
    /// The id that an export gave it: an item without a stock number is known by it.
    pub id: Option<InventoryItemId>,
    /// What it is called.
    pub name: Text<200>,
    /// What kind of thing it is.
    pub kind: ItemKind,
    /// What it is counted in.
    pub unit: Option<Text<32>>,
    /// Its barcode.
    pub barcode: Option<Barcode>,
    /// Its category's name.
    pub category: Option<String>,
    /// Its supplier's name.
    pub supplier: Option<String>,
    /// Whether each has a serial number.
    pub is_serialised: bool,
    /// At how many it is to be ordered again.
    pub reorder_level: i32,
    /// What a lost one costs.
    pub replacement_cost_minor: Option<i64>,
}

/// What the lines say, or all that is wrong with them.
pub fn interpret(lines: &[Line]) -> Result<Vec<Entry>, Vec<Fault>> {
    let mut sheet = Sheet::open(lines, &COLUMNS, &SHOWN, &["sku", "name", "kind"])?;
    let (mut entries, mut skus, mut ids, mut barcodes) = (Vec::new(), HashSet::new(), HashSet::new(), HashSet::new());
    while let Some(mut row) = sheet.next_row() {
        let Some(entry) = entry(&mut row) else { continue };
        if entry.sku.as_ref().is_some_and(|sku| !skus.insert(sku.clone())) {
            row.fault("sku", "is in the file a second time");
        }
        if entry.id.is_some_and(|id| !ids.insert(id)) {
            row.fault("id", "is in the file a second time");
        }
        if entry.barcode.as_ref().is_some_and(|barcode| !barcodes.insert(barcode.clone())) {
            row.fault("barcode", "is in the file a second time");
        }
        entries.push(entry);
    }
    sheet.settle(entries)
}

fn entry(row: &mut Row<'_>) -> Option<Entry> {
    let id = row.optional("id", |cell| cell.parse::<InventoryItemId>().map_err(|_| "must be the id that an export gave it".to_owned()));
    // What is new has a stock number.
    let is_known = row.filled("sku").is_none() && row.filled("id").is_some();
    let sku = if is_known { Some(None) } else { row.text("sku").map(Some) };
    let name = row.text("name");
    let kind = row.one_of("kind", &[("consumable", ItemKind::Consumable), ("asset", ItemKind::Asset)], None);
    let is_serialised = row.one_of("serialised", &[("true", true), ("yes", true), ("false", false), ("no", false)], Some(false));
    let unit = row.optional("unit", |cell| Text::try_from(cell).map_err(|error| error.to_string()));
    let barcode = row.optional("barcode", |cell| Barcode::try_from(cell).map_err(|error| error.to_string()));
    let level = row.number("reorder_level", 1_000_000_000);
    let cost = row.number("replacement_cost_minor", 1_000_000_000_000);
    if kind == Some(ItemKind::Consumable) && is_serialised == Some(true) {
        row.fault("serialised", "is for assets only");
    }
    Some(Entry {
        line: row.number_in_file(),
        sku: sku?,
        id: id.ok()?,
        name: name?,
        kind: kind?,
        unit: unit.ok()?,
        barcode: barcode.ok()?,
        category: row.filled("category").map(str::to_owned),
        supplier: row.filled("supplier").map(str::to_owned),
        is_serialised: is_serialised?,
        reorder_level: i32::try_from(level.ok()?.unwrap_or(0)).unwrap_or(i32::MAX),
        replacement_cost_minor: cost.ok()?,
    })
}

#[cfg(test)]
mod tests {
    use spreadsheet::csv_file;

    use super::*;

    fn read(text: &str) -> Result<Vec<Entry>, Vec<Fault>> {
        interpret(&csv_file::read(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_line_says_what_an_item_is() {
        let entries =
            read("sku,name,kind,serialised,barcode,on_hand\nB-1,'=Atlas,asset,yes,978-0-306-40615-7,4\nC-1,Chalk,consumable,,,\n").unwrap();
        assert_eq!(entries[0].name.as_str(), "=Atlas");
        assert_eq!(entries[0].barcode.as_ref().unwrap().as_str(), "9780306406157");
        assert!(entries[0].is_serialised && !entries[1].is_serialised);
        assert_eq!((entries[1].line, entries[1].reorder_level), (3, 0));
    }

    #[test]
    fn every_fault_is_named_by_line_and_column() {
        let faults =
            read("sku,name,kind,reorder_level,serialised\n,Chalk,consumable,-1,\nA,,thing,x,yes\nB,B,consumable,1,yes\n").unwrap_err();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        let expected =
            ["/rows/2/sku", "/rows/2/reorder_level", "/rows/3/name", "/rows/3/kind", "/rows/3/reorder_level", "/rows/4/serialised"];
        assert_eq!(pointers, expected);
        assert_eq!(read("sku,name,colour\n").unwrap_err().len(), 2);
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let twice = format!("sku,name,kind,id\n,A,asset,{id}\n,B,asset,{id}\nC,C,asset,none\n");
        assert!(read(&twice).unwrap_err().iter().map(|fault| fault.pointer.as_str()).eq(["/rows/3/id", "/rows/4/id"]));
        assert_eq!(read("sku,name,kind\nA,A,asset\nA,B,asset\n").unwrap_err()[0].pointer, "/rows/3/sku");
        assert_eq!(read("").unwrap_err().len(), 1);
    }
}
