//! How the store room reaches its tables. Everything commits in PostgreSQL before the answer; balances, values and the whereabouts of units are written by the
//! database itself, from movements.

mod books;
mod catalogue;
mod counts;
mod entries;
mod keepers;
mod loans;
mod movements;
mod opening;
mod people;
mod queue;
mod repairs;
mod rules;
mod shelves;
mod takes;
mod worth;

use chrono::NaiveDate;
use domain::Timestamp;
use service_kit::Problem;
use store::{SchoolTransaction, StoreError, plain};

pub(crate) use books::{Books, Pieces};
pub use catalogue::Borrowable;
pub(crate) use catalogue::{borrowables, change_items, item_of_title, items_of_serials, one_import_at_a_time, put_book};
pub use counts::Line;
pub(crate) use counts::{Moved, Seen, differences, hold, lines, obstacles, record, seen};
pub(crate) use entries::Note;
pub use keepers::Keeper;
pub(crate) use keepers::{appoint, dismiss, find_keeper, list_keepers, require_keeper};
pub(crate) use loans::{
    LoanFilter, LoanScope, change_loan, closing, find_loan, list_loans, loan_of_serial, lock_loan, lock_open, open_loan, overdue_loans,
    split_loan, take_unreminded,
};
pub(crate) use movements::{Wanted, movement, movements_of, returned_so_far};
pub(crate) use opening::open_stock;
pub(crate) use people::{Borrower, borrower};
pub use queue::schools_with_something_due;
pub(crate) use queue::{QueueFilter, cancel_reservation, find_reservation, fulfil, list_reservations, overdue_queues, reserve};
pub use repairs::{Repair, RepairState};
pub(crate) use repairs::{find_repair, finish_repair, list_repairs, lock_repair, send_to_repair};
pub use rules::RULES;
pub(crate) use shelves::{Shelf, UnitsOf, find_unit, item, items, low_stock, unit_of_serial, units};
pub use takes::{StockTake, TakeState};
pub(crate) use takes::{find_take, finish_take, list_takes, lock_take, start_take, touch_take};
pub use worth::CategoryValue;
pub(crate) use worth::worth;

/// The day that it is at the school.
pub(crate) async fn school_day(transaction: &mut SchoolTransaction, now: Timestamp) -> Result<NaiveDate, Problem> {
    let query = sqlx::query_scalar("SELECT ($2 AT TIME ZONE time_zone)::date FROM schools WHERE id = $1");
    let school = transaction.school_id().as_uuid();
    query.bind(school).bind(now).fetch_one(transaction.connection()?).await.map_err(refuse)
}

/// What PostgreSQL said, in the words of the rules.
pub(crate) fn refuse(error: sqlx::Error) -> Problem {
    records::refuse(RULES, StoreError::from(error))
}
