//! The rules of a store room and a library, which know neither HTTP nor a database.

pub mod barcode;
pub mod book;
pub mod count;
pub mod day;
pub mod import;
pub mod item;
pub mod loan;
pub mod marc;
pub mod movement;
pub mod opening;
pub mod penalty;
pub mod queue;
mod sheet;
pub mod valuation;
