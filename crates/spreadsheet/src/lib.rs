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

/// Why a file can't be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no such file, or damaged.
    Damaged(String),
    /// There is too much in it.
    TooLarge(String),
}
