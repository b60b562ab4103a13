//! The rules of a store room and a library, which know neither HTTP nor a database.

pub mod barcode;
pub mod count;
pub mod import;
pub mod item;
pub mod loan;
pub mod movement;
pub mod penalty;
pub mod queue;
pub mod valuation;
