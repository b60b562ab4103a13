//! Opening stock in a file: what is on the shelves on the day on which the books begin.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use domain::{Fault, Text};
use spreadsheet::Line;

use super::day;
use super::sheet::{Row, Sheet};
use super::valuation::MOST_VALUE;

/// The columns.
pub const COLUMNS: [&str; 7] = ["sku", "location", "quantity", "unit_cost_minor", "serial_number", "warranty_until", "note"];
/// The most pieces in a line.
const MOST_PIECES: i64 = 1_000_000;

/// What is there of an item, at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pile {
    /// Its line in the file.
    pub line: usize,
    /// The item's stock number.
    pub sku: Text<64>,
    /// The location's name.
    pub location: Text<200>,
    /// How many; 1 for a unit.
    pub quantity: i32,
    /// What they cost together, in minor units.
    pub cost_minor: i64,
    /// What one cost, if that was said.
    pub unit_cost_minor: Option<i64>,
    /// The unit's serial number, for an item that has such.
    pub serial_number: Option<Text<64>>,
    /// Until when the seller answers for the unit.
    pub warranty_until: Option<NaiveDate>,
    /// What else is to stand in the history.
    pub note: Option<Text<200>>,
}

/// What the lines say, or all that is wrong with them.
pub fn interpret(lines: &[Line]) -> Result<Vec<Pile>, Vec<Fault>> {
    let mut sheet = Sheet::open(lines, &COLUMNS, &[], &["sku", "location"])?;
    let (mut piles, mut serials, mut places) = (Vec::new(), HashSet::new(), HashMap::new());
    while let Some(mut row) = sheet.next_row() {
        let Some(pile) = pile(&mut row) else { continue };
        if pile.serial_number.as_ref().is_some_and(|serial| !serials.insert(serial.clone())) {
            row.fault("serial_number", "is in the file a second time");
        }
        // Units of an item take a line each; pieces of it lie at a place once.
        let of_units = pile.serial_number.is_some();
        if places.insert((pile.sku.clone(), pile.location.clone()), of_units).is_some_and(|before| !(before && of_units)) {
            row.fault("sku", "is in the file a second time for this location");
        }
        piles.push(pile);
    }
    sheet.settle(piles)
}

fn pile(row: &mut Row<'_>) -> Option<Pile> {
    let (sku, location) = (row.text("sku"), row.text("location"));
    let serial_number = row.optional("serial_number", |cell| Text::try_from(cell).map_err(|error| error.to_string()));
    let warranty = row.optional("warranty_until", day::read);
    let note = row.optional("note", |cell| Text::try_from(cell).map_err(|error| error.to_string()));
    let (quantity, cost) = (row.number("quantity", MOST_PIECES), row.number("unit_cost_minor", MOST_VALUE));
    let (serial_number, warranty_until, note) = (serial_number.ok()?, warranty.ok()?, note.ok()?);
    let (quantity, unit_cost_minor) = (quantity.ok()?, cost.ok()?);
    let quantity = match (quantity, &serial_number) {
        (None | Some(1), Some(_)) => 1,
        (Some(_), Some(_)) => {
            row.fault("quantity", "is 1 for a unit, or left out");
            return None;
        }
        (Some(quantity @ 1..), None) => quantity,
        (None | Some(_), None) => {
            row.fault("quantity", format!("must be a whole number from 1 to {MOST_PIECES}"));
            return None;
        }
    };
    let cost_minor = unit_cost_minor.unwrap_or(0).checked_mul(quantity).filter(|cost| *cost <= MOST_VALUE);
    if cost_minor.is_none() {
        row.fault("unit_cost_minor", format!("must come to at most {MOST_VALUE} for all of them"));
    }
    if warranty_until.is_some() && serial_number.is_none() {
        row.fault("warranty_until", "is for units");
    }
    Some(Pile {
        line: row.number_in_file(),
        sku: sku?,
        location: location?,
        quantity: i32::try_from(quantity).ok()?,
        cost_minor: cost_minor?,
        unit_cost_minor,
        serial_number,
        warranty_until,
        note,
    })
}

#[cfg(test)]
mod tests {
    use spreadsheet::csv_file;

    use super::*;

    fn read(text: &str) -> Result<Vec<Pile>, Vec<Fault>> {
        interpret(&csv_file::read(text.as_bytes()).unwrap())
    }

    #[test]
    fn a_line_is_a_pile_of_pieces_or_a_unit() {
        let file = "sku,location,quantity,unit_cost_minor,serial_number,warranty_until\nC-1,Store,40,250,,\nB-1,Library,,40000,B-1-1,2030-01-31\nB-1,Library,1,,B-1-2,\n";
        let piles = read(file).unwrap();
        assert_eq!((piles[0].quantity, piles[0].cost_minor), (40, 10_000));
        assert_eq!((piles[1].quantity, piles[1].cost_minor, piles[1].warranty_until), (1, 40_000, NaiveDate::from_ymd_opt(2030, 1, 31)));
        assert_eq!((piles[2].line, piles[2].cost_minor), (4, 0));
    }

    #[test]
    fn every_fault_is_named_by_line_and_column() {
        let file = "sku,location,quantity,unit_cost_minor,serial_number,warranty_until\n\
            A,Store,0,,,\nA,Store,2,,X,\nB,Store,2,-1,,\nB,Store,1000000,9000000000000000,,\nC,Store,1,,,2030-01-31\n\
            D,Store,1,,Y,soon\nE,Store,,,Z,\nE,Store,,,Z,\nE,Store,3,,,\n,,1,,,\n";
        let faults = read(file).unwrap_err();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        let expected = [
            "/rows/2/quantity",
            "/rows/3/quantity",
            "/rows/4/unit_cost_minor",
            "/rows/5/unit_cost_minor",
            "/rows/6/warranty_until",
            "/rows/7/warranty_until",
            "/rows/9/serial_number",
            "/rows/10/sku",
            "/rows/11/sku",
            "/rows/11/location",
        ];
        assert_eq!(pointers, expected);
        assert_eq!(read("sku,quantity\n").unwrap_err()[0].pointer, "/rows/1");
        let strange = "sku,location,serial_number,warranty_until\nA,Store,1,+12026-01-01\nA,Store,2,1899-12-31\nA,Store,3,2026-1-1\n";
        let faults = read(strange).unwrap_err();
        assert!(
            faults.iter().map(|fault| fault.pointer.as_str()).eq([2, 3, 4].map(|line| format!("/rows/{line}/warranty_until"))),
            "{faults:?}"
        );
    }
}
