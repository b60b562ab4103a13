//! What the store room tells the other services, in the transaction that causes it. The data holds ids and amounts; no names.

use chrono::{Days, NaiveDate};
use domain::{Amount, EventKind, InventoryItemId, InventoryUnitId, LoanId, StudentId, SupplierId, Timestamp, UserId};
use serde::Serialize;
use service_kit::Problem;
use store::SchoolTransaction;
use uuid::Uuid;

use crate::model::loan::{Loan, State};
use crate::model::queue::Reservation;
use crate::store::{Books, Repair, RepairState};

/// How long a student has to pay.
const DAYS_TO_PAY: Days = Days::new(14);

#[derive(Serialize)]
struct PenaltyDue<'l> {
    student_id: StudentId,
    loan_id: LoanId,
    amount_minor: Amount,
    currency: &'l str,
    reason: &'static str,
    due_on: NaiveDate,
}

#[derive(Serialize)]
struct Ready {
    item_id: InventoryItemId,
    borrower_user_id: UserId,
    held_until: Option<Timestamp>,
}

#[derive(Serialize)]
struct Overdue {
    item_id: InventoryItemId,
    borrower_user_id: UserId,
    student_id: Option<StudentId>,
    due_on: NaiveDate,
}

#[derive(Serialize)]
struct Lost {
    unit_id: Option<InventoryUnitId>,
    loan_id: Option<LoanId>,
    quantity: i32,
}

#[derive(Serialize)]
struct Mended {
    item_id: InventoryItemId,
    unit_id: Option<InventoryUnitId>,
    quantity: i32,
    state: RepairState,
}

#[derive(Serialize)]
struct Low {
    on_hand: i32,
    reorder_level: i32,
    supplier_id: Option<SupplierId>,
}

/// `inventory:penalty_due`, if a student owes anything for a loan that was closed just now. A loan is closed once, so this is told once.
pub(crate) async fn penalty_due(books: &mut Books<'_>, loan: &Loan) -> Result<(), Problem> {
    let (Some(student_id), Some(1..)) = (loan.student_id, loan.penalty_minor) else { return Ok(()) };
    // More than an amount was refused when the loan was to be closed.
    let amount_minor = Amount::try_from(loan.penalty_minor.unwrap_or_default()).map_err(Problem::internal)?;
    let reason = if loan.state == State::Lost { "lost" } else { "returned late" };
    let due_on = books.today.checked_add_days(DAYS_TO_PAY).unwrap_or(books.today);
    let data = PenaltyDue { student_id, loan_id: loan.id, amount_minor, currency: &loan.currency, reason, due_on };
    tell(books, EventKind::InventoryPenaltyDue, loan.id.as_uuid(), &data).await
}

/// `reservation:ready`, of each.
pub(crate) async fn reservations_ready(books: &mut Books<'_>, ready: &[Reservation]) -> Result<(), Problem> {
    let (school, actor, now) = (books.transaction.school_id(), books.actor, books.now);
    let event = |one: &Reservation| {
        let data = Ready { item_id: one.item_id, borrower_user_id: one.borrower_user_id, held_until: one.held_until };
        ::events::envelope(EventKind::ReservationReady, school, actor, one.id.as_uuid(), now, &data)
    };
    let told = ready.iter().map(event).collect::<Result<Vec<_>, _>>()?;
    ::events::outbox::enqueue_all(&*books.transaction, &told).await.map_err(Problem::internal)
}

/// `loan:overdue`, of each.
pub(crate) async fn loans_overdue(transaction: &mut SchoolTransaction, loans: &[Loan], now: Timestamp) -> Result<(), Problem> {
    let school = transaction.school_id();
    let event = |loan: &Loan| {
        let data =
            Overdue { item_id: loan.item_id, borrower_user_id: loan.borrower_user_id, student_id: loan.student_id, due_on: loan.due_on };
        ::events::envelope(EventKind::LoanOverdue, school, None, loan.id.as_uuid(), now, &data)
    };
    let told = loans.iter().map(event).collect::<Result<Vec<_>, _>>()?;
    ::events::outbox::enqueue_all(&*transaction, &told).await.map_err(Problem::internal)
}

/// `item:lost`, of an item whose books are open.
pub(crate) async fn item_lost(
    books: &mut Books<'_>,
    unit_id: Option<InventoryUnitId>,
    loan_id: Option<LoanId>,
    quantity: i32,
) -> Result<(), Problem> {
    let item = books.item.id;
    tell(books, EventKind::ItemLost, item, &Lost { unit_id, loan_id, quantity }).await
}

/// `repair:started` or `repair:finished`, as the repair stands.
pub(crate) async fn repair_changed(books: &mut Books<'_>, repair: &Repair) -> Result<(), Problem> {
    let kind = if repair.state == RepairState::Open { EventKind::RepairStarted } else { EventKind::RepairFinished };
    let data = Mended { item_id: repair.item_id, unit_id: repair.unit_id, quantity: repair.quantity, state: repair.state };
    tell(books, kind, repair.id.as_uuid(), &data).await
}

/// `stock:low`, of an item whose books are open.
pub(crate) async fn stock_low(books: &mut Books<'_>, on_hand: i32) -> Result<(), Problem> {
    let item = books.item.id;
    let data = Low { on_hand, reorder_level: books.item.reorder_level, supplier_id: books.item.supplier_id.map(SupplierId::from) };
    tell(books, EventKind::StockLow, item, &data).await
}

async fn tell(books: &mut Books<'_>, kind: EventKind, subject: Uuid, data: &impl Serialize) -> Result<(), Problem> {
    let event = ::events::envelope(kind, books.transaction.school_id(), books.actor, subject, books.now, data)?;
    ::events::outbox::enqueue(&*books.transaction, &event).await.map_err(Problem::internal)
}
