//! What people keep in spreadsheets, read and written: CSV and Excel workbooks, as lines of cells.
//!
//! Both are bounded before anything is laid out in memory, both keep the file's own line numbers, so that a fault can name its cell, and what is written
//! holds nothing that a spreadsheet would run.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod csv_file;
mod quotes;
pub mod safe;
pub mod xlsx;

/// The most rows below the heading.
pub const MAX_ROWS: usize = 500;
/// The most columns.
pub const MAX_COLUMNS: usize = 200;
/// The most characters in a cell.
pub const MAX_CELL: usize = 2_000;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Its cells.
    pub cells: Vec<String>,
    /// Which of them, from 0, hold a formula that has no value yet; they are empty in `cells`. Only a workbook has such.
    pub uncalculated: Vec<usize>,
}

impl Line {
    /// Where, from 0, the line holds something that stands below no name of `heading`: it would be passed over without a word.
    pub fn unnamed<'l>(&'l self, heading: &'l Self) -> impl Iterator<Item = usize> + 'l {
        let is_named = |place: &usize| heading.cells.get(*place).is_some_and(|name| !name.trim().is_empty());
        let said = self.cells.iter().enumerate().filter(|(place, cell)| !cell.trim().is_empty() || self.uncalculated.contains(place));
        said.map(|(place, _)| place).filter(move |place| !is_named(place))
    }
}

/// Why a file can't be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no such file, or damaged.
    Damaged(String),
    /// There is too much in it.
    TooLarge(String),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(cells: &[&str]) -> Line {
        Line { number: 1, cells: cells.iter().map(|cell| (*cell).to_owned()).collect(), uncalculated: Vec::new() }
    }

    #[test]
    fn what_stands_below_no_name_is_found() {
        let heading = line(&["who", "", "code"]);
        let found = |cells: &[&str]| line(cells).unnamed(&heading).collect::<Vec<_>>();
        assert_eq!(found(&["N1", "", "P"]), [0_usize; 0]);
        assert_eq!(found(&["N1", "x", "P", " ", "ill"]), [1, 4]);
        let uncalculated = Line { uncalculated: vec![3], ..line(&["N1", "", "P", ""]) };
        assert_eq!(uncalculated.unnamed(&heading).collect::<Vec<_>>(), [3]);
    }

    proptest! {
        #[test]
        fn every_cell_is_named_or_empty_or_found(heading in prop::collection::vec("[ab ]{0,2}", 0..6), cells in prop::collection::vec("[ab ]{0,2}", 0..9)) {
            let of = |cells: &[String]| line(&cells.iter().map(String::as_str).collect::<Vec<_>>());
            let found: Vec<usize> = of(&cells).unnamed(&of(&heading)).collect();
            for (place, cell) in cells.iter().enumerate() {
                let is_named = heading.get(place).is_some_and(|name| !name.trim().is_empty());
                prop_assert_eq!(found.contains(&place), !is_named && !cell.trim().is_empty());
            }
        }
    }
}
