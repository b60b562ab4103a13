//! How the store room reaches its tables. Everything commits in PostgreSQL before the answer; balances, values and the whereabouts of units are written by the
//! database itself, from movements.

mod books;
mod counts;
mod loans;
mod people;
mod queue;
mod repairs;
mod rules;
mod shelves;
mod takes;

use serde::de::DeserializeOwned;
use service_kit::Problem;
use sqlx::types::Json;
use store::StoreError;

pub(crate) use books::{Books, Note, Pieces, movement, movements_of, returned_so_far};
pub use counts::Line;
pub(crate) use counts::{Seen, differences, hold, lines, record, seen};
pub(crate) use loans::{
    LoanFilter, LoanScope, change_loan, closing, find_loan, list_loans, loan_of_serial, lock_loan, open_loan, overdue_loans,
};
pub(crate) use people::{Borrower, borrower};
pub(crate) use queue::{cancel_reservation, find_reservation, fulfil, list_reservations, reserve, settle_overdue};
pub use repairs::{Repair, RepairState};
pub(crate) use repairs::{find_repair, finish_repair, list_repairs, lock_repair, send_to_repair};
pub use rules::RULES;
pub(crate) use shelves::{Shelf, find_unit, item, items, low_stock, unit_of_serial, units_of};
pub use takes::{StockTake, TakeState};
pub(crate) use takes::{find_take, finish_take, list_takes, lock_take, start_take, touch_take};

/// Rows that came as JSON.
fn plain<T: DeserializeOwned>(rows: Vec<Json<T>>) -> Vec<T> {
    rows.into_iter().map(|Json(row)| row).collect()
}

/// What PostgreSQL said, in the words of the rules.
pub(crate) fn refuse(error: sqlx::Error) -> Problem {
    records::refuse(RULES, StoreError::from(error))
}
