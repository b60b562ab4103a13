//! Items in a file: what its lines say, with every fault named by line and column.

use std::collections::{HashMap, HashSet};

use domain::{Fault, Text};
use spreadsheet::Line;
use spreadsheet::safe::meant;

use super::barcode::Barcode;
use super::item::ItemKind;

/// Columns that say what an item is.
pub const COLUMNS: [&str; 10] =
    ["sku", "name", "kind", "unit", "barcode", "category", "supplier", "serialised", "reorder_level", "replacement_cost_minor"];
/// Columns of an export that are for people: they are not read.
pub const SHOWN: [&str; 6] = ["on_hand", "owned", "value_minor", "unit_cost_minor", "currency", "status"];

/// An item as a line of a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its line in the file.
    pub line: usize,
    /// The stock number, by which an item is known again.
    pub sku: Text<64>,
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
    let Some((heading, rows)) = lines.split_first() else { return Err(vec![Fault::new("", "is empty")]) };
    let (mut columns, mut faults) = (HashMap::new(), Vec::new());
    for (place, cell) in heading.cells.iter().enumerate() {
        let name = meant(cell).trim().to_ascii_lowercase();
        let at = || format!("/rows/{}/{}", heading.number, place + 1);
        match COLUMNS.iter().find(|known| **known == name) {
            Some(known) if columns.insert(*known, place).is_some() => faults.push(Fault::new(at(), "names a column a second time")),
            Some(_) => {}
            None if SHOWN.contains(&name.as_str()) => {}
            None => faults.push(Fault::new(at(), format!("is none of {}", COLUMNS.join(", ")))),
        }
    }
    let needed = ["sku", "name", "kind"].into_iter().filter(|needed| !columns.contains_key(needed));
    faults.extend(needed.map(|needed| Fault::new(format!("/rows/{}", heading.number), format!("needs a column {needed}"))));
    if !faults.is_empty() {
        return Err(faults);
    }
    let (mut entries, mut skus, mut barcodes) = (Vec::new(), HashSet::new(), HashSet::new());
    for line in rows {
        let mut row = Row { line, columns: &columns, faults: &mut faults };
        let entry = row.entry();
        if let Some(entry) = entry {
            if !skus.insert(entry.sku.clone()) {
                faults.push(Fault::new(format!("/rows/{}/sku", line.number), "is in the file a second time"));
            }
            if entry.barcode.as_ref().is_some_and(|barcode| !barcodes.insert(barcode.clone())) {
                faults.push(Fault::new(format!("/rows/{}/barcode", line.number), "is in the file a second time"));
            }
            entries.push(entry);
        }
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

/// A cell was wrong, and its fault is noted.
struct Wrong;

struct Row<'a> {
    line: &'a Line,
    columns: &'a HashMap<&'static str, usize>,
    faults: &'a mut Vec<Fault>,
}

impl Row<'_> {
    fn entry(&mut self) -> Option<Entry> {
        let sku = self.text("sku");
        let name = self.text("name");
        let kind = self.one_of("kind", &[("consumable", ItemKind::Consumable), ("asset", ItemKind::Asset)], None);
        let is_serialised = self.one_of("serialised", &[("true", true), ("yes", true), ("false", false), ("no", false)], Some(false));
        let unit = self.optional("unit", |cell| Text::try_from(cell).map_err(|error| error.to_string()));
        let barcode = self.optional("barcode", |cell| Barcode::try_from(cell).map_err(|error| error.to_string()));
        let level = self.number("reorder_level", 1_000_000_000);
        let cost = self.number("replacement_cost_minor", 1_000_000_000_000);
        if kind == Some(ItemKind::Consumable) && is_serialised == Some(true) {
            self.fault("serialised", "is for assets only".to_owned());
        }
        Some(Entry {
            line: self.line.number,
            sku: sku?,
            name: name?,
            kind: kind?,
            unit: unit.ok()?,
            barcode: barcode.ok()?,
            category: self.filled("category").map(str::to_owned),
            supplier: self.filled("supplier").map(str::to_owned),
            is_serialised: is_serialised?,
            reorder_level: i32::try_from(level.ok()?.unwrap_or(0)).unwrap_or(i32::MAX),
            replacement_cost_minor: cost.ok()?,
        })
    }

    fn filled(&self, column: &str) -> Option<&str> {
        let cell = self.line.cells.get(*self.columns.get(column)?)?;
        Some(meant(cell).trim()).filter(|cell| !cell.is_empty())
    }

    fn fault(&mut self, column: &str, detail: String) {
        self.faults.push(Fault::new(format!("/rows/{}/{column}", self.line.number), detail));
    }

    fn text<const MAX: usize>(&mut self, column: &str) -> Option<Text<MAX>> {
        let read = Text::try_from(self.filled(column).unwrap_or_default());
        read.map_err(|error| self.fault(column, error.to_string())).ok()
    }

    fn optional<T>(&mut self, column: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Wrong> {
        match self.filled(column).map(read).transpose() {
            Ok(value) => Ok(value),
            Err(detail) => {
                self.fault(column, detail);
                Err(Wrong)
            }
        }
    }

    fn one_of<T: Copy>(&mut self, column: &str, values: &[(&str, T)], without: Option<T>) -> Option<T> {
        let cell = self.filled(column).map(str::to_ascii_lowercase);
        let found = match &cell {
            None => without,
            Some(cell) => values.iter().find(|(name, _)| name == cell).map(|(_, value)| *value),
        };
        if found.is_none() {
            let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
            self.fault(column, format!("must be one of {}", names.join(", ")));
        }
        found
    }

    fn number(&mut self, column: &str, most: i64) -> Result<Option<i64>, Wrong> {
        self.optional(column, |cell| {
            let number = cell.parse::<i64>().ok().filter(|number| (0..=most).contains(number));
            number.ok_or_else(|| format!("must be a whole number from 0 to {most}"))
        })
    }
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
        assert_eq!(read("sku,name,kind\nA,A,asset\nA,B,asset\n").unwrap_err()[0].pointer, "/rows/3/sku");
        assert_eq!(read("").unwrap_err().len(), 1);
    }
}
