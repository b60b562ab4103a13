//! What becomes of money after it was taken over the counter: a cheque is cleared or bounces, a payment that was entered by mistake is voided. What one
//! transfer or cheque paid for several is one thing here, too: all of its payments are cleared, bounce or are voided together.

use chrono::NaiveDate;
use domain::EventKind;
use service_kit::{Kind, Problem};
use store::SchoolTransaction;
use uuid::Uuid;

use super::allocations::release_for;
use super::book::Book;
use super::invoices::touch_cancelled;
use super::ledger::post;
use super::payments::{Change, PaymentRow, change, find_payment, tell_of};
use super::students::lock_students;
use super::{lock_payment, rows_of};
use crate::model::ledger::{Account, Posting};

/// The payment, and with it those of the same transfer or cheque; nobody else changes any of them until the transaction ends. Their students' locks come first.
pub(crate) async fn lock_batch(transaction: &mut SchoolTransaction, id: Uuid) -> Result<(PaymentRow, Vec<PaymentRow>), Problem> {
    let seen = find_payment(transaction, id).await?;
    let Some(batch) = seen.batch_id else {
        let payment = lock_payment(transaction, id).await?;
        return Ok((payment.clone(), vec![payment]));
    };
    // Who is in a batch does not change.
    let parts: Vec<PaymentRow> =
        rows_of(transaction, "SELECT * FROM payments WHERE school_id = $1 AND batch_id = ANY($2)", &[batch]).await?;
    let students: Vec<Uuid> = parts.iter().map(|part| part.student_id).collect();
    lock_students(transaction, &students).await?;
    let locked = "SELECT * FROM payments WHERE school_id = $1 AND batch_id = ANY($2) ORDER BY id FOR NO KEY UPDATE";
    let parts: Vec<PaymentRow> = rows_of(transaction, locked, &[batch]).await?;
    let payment = parts.iter().find(|part| part.id == id).cloned().ok_or_else(|| Problem::not_found("payment"))?;
    Ok((payment, parts))
}

fn only_a_cheque_in_hand(parts: &[PaymentRow]) -> Result<(), Problem> {
    if parts.iter().any(|part| part.method != "cheque" || part.status != "captured") {
        return Err(Problem::conflict(Kind::Conflict, "Only a cheque that was taken can be cleared or bounce."));
    }
    Ok(())
}

/// The bank has credited a cheque.
pub(crate) async fn clear(
    transaction: &mut SchoolTransaction,
    book: &Book,
    parts: &[PaymentRow],
    cleared_on: NaiveDate,
) -> Result<(), Problem> {
    only_a_cheque_in_hand(parts)?;
    if parts.iter().any(|part| part.cleared_on.is_some()) {
        return Err(Problem::conflict(Kind::Conflict, "It is cleared already."));
    }
    for part in parts {
        let posting = Posting::transfer(Account::Bank, Account::Cheques, part.amount_minor);
        post(transaction, book, &[(Book::id(), posting, part.about("Cheque cleared"))]).await?;
        change(transaction, book, part.id, Change { cleared_on: Some(cleared_on), ..Change::default() }).await?;
        tell_of(transaction, book, EventKind::PaymentChanged, part).await?;
    }
    Ok(())
}

/// Why money that was taken is not there after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reversal {
    /// The bank has not honoured the cheque.
    Bounced,
    /// It was entered by mistake.
    Voided,
}

/// Takes back what was entered: what it paid is owed again. Its receipts keep their numbers.
pub(crate) async fn reverse(
    transaction: &mut SchoolTransaction,
    book: &Book,
    parts: &[PaymentRow],
    reversal: Reversal,
    reason: &str,
) -> Result<(), Problem> {
    match reversal {
        Reversal::Bounced => only_a_cheque_in_hand(parts)?,
        Reversal::Voided if parts.iter().any(|part| part.provider.is_some()) => {
            let detail = "It was paid through a provider, who has the money: give it back instead.";
            return Err(Problem::conflict(Kind::Conflict, detail));
        }
        Reversal::Voided if parts.iter().any(|part| part.status != "captured") => {
            return Err(Problem::conflict(Kind::Conflict, "Only money that was received can be voided."));
        }
        Reversal::Voided => {}
    }
    if parts.iter().any(|part| part.refunded_minor > 0) {
        return Err(Problem::conflict(Kind::Conflict, "Money was given back for it."));
    }
    for part in parts {
        let (what, kind, set) = match reversal {
            Reversal::Bounced => {
                let set = Change { status: Some("bounced"), bounced_on: Some(book.today), failure: Some(reason), ..Change::default() };
                ("Cheque bounced", EventKind::PaymentBounced, set)
            }
            Reversal::Voided => {
                let set = Change { status: Some("voided"), voided_on: Some(book.books_on), failure: Some(reason), ..Change::default() };
                ("Payment voided", EventKind::PaymentVoided, set)
            }
        };
        release_for(transaction, book, part, part.allocated_minor, &part.memo(what)).await?;
        let account = if part.cleared_on.is_some() { Account::Bank } else { Account::of_method(&part.method) };
        let posting = Posting::transfer(Account::StudentCredit, account, part.amount_minor);
        post(transaction, book, &[(Book::id(), posting, part.about(what))]).await?;
        change(transaction, book, part.id, set).await?;
        touch_cancelled(transaction, book, part.id).await?;
        tell_of(transaction, book, kind, part).await?;
    }
    Ok(())
}
