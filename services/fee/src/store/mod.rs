//! How the fee office reaches its tables. All of it is SQL within a school's transaction: what is written together commits together, and the constraints
//! of `m0016_fee` compare documents with the ledger when it does.

mod allocations;
mod book;
mod cached;
mod concessions;
mod details;
mod fine_runs;
mod invoices;
mod ledger;
mod orders;
mod payments;
mod refunds;
mod reversals;
mod rules;
mod runs;
mod structures;
mod students;

use service_kit::Problem;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use store::SchoolTransaction;
use uuid::Uuid;

pub(crate) use allocations::apply_credit;
pub(crate) use book::{Book, SettingsRow, Touched, lock_settings, settings_row};
pub(crate) use cached::Payments;
pub(crate) use concessions::{ConcessionRow, approved};
pub(crate) use details::{Allocated, WaiverRow, allocated, given_back, paid_by, waivers_of};
pub(crate) use fine_runs::{FineRunRow, KIND as FINE_RUNS, begin_fine_run, find_fine_run, fine_all, more_by, rule_in_use};
pub(crate) use invoices::{
    Cancelling, InvoiceRow, LineRow, NewInvoice, add, cancel, charge_fine, find_invoice, insert_all, issue, issue_all, lines_of,
    lock_invoice, remind, waive,
};
pub(crate) use ledger::{About, post};
pub(crate) use orders::{Outcome, not_ordered, ordered, outcome_of, take};
pub(crate) use payments::{NewPayment, PaymentRow, find_payment, lock_payment, payments_of, receive};
pub(crate) use refunds::{NewRefund, RefundRow, Word, begin_refund, find_refund, lock_refund, refunds_of, settle_refund};
pub(crate) use reversals::{Reversal, clear, lock_batch, reverse};
pub use rules::RULES;
pub(crate) use runs::{Input, KIND as INVOICE_RUNS, RunRow, WhichRuns, begin_run, fail_run, find_run, list_runs, to_bill, work_off};
pub(crate) use structures::{FineRuleRow, ItemRow, StructureRow, items_named, items_of, structures_named};
pub(crate) use students::{Billed, billed, concerned, lock_student, lock_students, student_exists};

/// What the database said, in the words of [`RULES`].
pub(crate) fn db(error: impl Into<store::StoreError>) -> Problem {
    records::refuse(RULES, error)
}

/// The rows that `sql` finds for the school `$1` and the ids `$2`.
async fn rows_of<T>(transaction: &mut SchoolTransaction, sql: &'static str, ids: &[Uuid]) -> Result<Vec<T>, Problem>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    sqlx::query_as(sql).bind(transaction.school_id().as_uuid()).bind(ids).fetch_all(transaction.connection()?).await.map_err(db)
}
