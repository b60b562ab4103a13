//! What the store room tells the other services, in the transaction that causes it. The data holds ids and amounts; no names.

use chrono::{Days, NaiveDate};
use domain::{EventEnvelope, EventKind, InventoryItemId, LoanId, StudentId, Timestamp, UserId};
use serde::Serialize;
use service_kit::{Caller, Problem};
use store::SchoolTransaction;

use crate::model::loan::{Loan, State};
use crate::model::queue::Reservation;

/// How long a student has to pay.
const DAYS_TO_PAY: Days = Days::new(14);

#[derive(Serialize)]
struct PenaltyDue<'l> {
    student_id: StudentId,
    loan_id: LoanId,
    amount_minor: i64,
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

/// `inventory:penalty_due`, if a student owes anything for a loan that was closed just now. A loan is closed once, so this is told once.
pub(crate) async fn penalty_due(
    transaction: &mut SchoolTransaction,
    caller: &Caller,
    loan: &Loan,
    today: NaiveDate,
    now: Timestamp,
) -> Result<(), Problem> {
    let (Some(student_id), Some(amount_minor @ 1..)) = (loan.student_id, loan.penalty_minor) else { return Ok(()) };
    let reason = if loan.state == State::Lost { "lost" } else { "returned late" };
    let due_on = today.checked_add_days(DAYS_TO_PAY).unwrap_or(today);
    let data = PenaltyDue { student_id, loan_id: loan.id, amount_minor, currency: &loan.currency, reason, due_on };
    let subject = loan.id.as_uuid();
    let event = ::events::envelope(EventKind::InventoryPenaltyDue, caller.school_id, Some(caller.actor()), subject, now, &data)?;
    tell(transaction, &event).await
}

/// `reservation:ready`
pub(crate) async fn reservation_ready(
    transaction: &mut SchoolTransaction,
    caller: &Caller,
    reservation: &Reservation,
    now: Timestamp,
) -> Result<(), Problem> {
    let data = Ready { item_id: reservation.item_id, borrower_user_id: reservation.borrower_user_id, held_until: reservation.held_until };
    let subject = reservation.id.as_uuid();
    let event = ::events::envelope(EventKind::ReservationReady, caller.school_id, Some(caller.actor()), subject, now, &data)?;
    tell(transaction, &event).await
}

async fn tell(transaction: &mut SchoolTransaction, event: &EventEnvelope) -> Result<(), Problem> {
    ::events::outbox::enqueue(&*transaction, event).await.map_err(Problem::internal)
}
