//! A register as a file: what a spreadsheet says about a class, and a class list to fill in.
//!
//! The first row names the columns; they may come in any order:
//!
//! | column | |
//! |---|---|
//! | `student_id` or `admission_number` | who; one of the two |
//! | `code` | the attendance code |
//! | `minutes_late` | a whole number, or empty |
//! | `note` | text, or empty |
//! | `name`, `roll_number` | for people; not read |
//!
//! A fault's pointer is the file's own line: `/rows/4/code` is the cell in line 4, the heading being line 1.

pub mod csv_file;
pub mod rows;
pub mod safe;
pub mod xlsx;

/// The most rows below the heading.
pub const MAX_ROWS: usize = 500;
/// The most columns.
pub const MAX_COLUMNS: usize = 32;
/// The most characters in a cell.
pub const MAX_CELL: usize = 2_000;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Its cells.
    pub cells: Vec<String>,
}

/// Why a file can't be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no such file, or damaged.
    Damaged(String),
    /// There is too much in it.
    TooLarge(String),
}
