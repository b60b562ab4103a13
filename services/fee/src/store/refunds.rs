//! Refunds. What a payment has paid is freed first, then the money goes: at once over the counter, or through the provider, until whose word it is on its way.

use chrono::{DateTime, Utc};
use domain::{EventKind, Fault, Version};
use serde::Serialize;
use service_kit::{Kind, Problem};
use sqlx::FromRow;
use store::SchoolTransaction;
use uuid::Uuid;

use super::allocations::release_for;
use super::book::Book;
use super::invoices::touch_cancelled;
use super::ledger::{About, post};
use super::payments::{Change, PaymentRow, change, tell_of};
use super::{db, rows_of};
use crate::events::tell;
use crate::model::ledger::{Account, Posting};

/// A row of `refunds`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct RefundRow {
    pub(crate) id: Uuid,
    pub(crate) payment_id: Uuid,
    pub(crate) currency: String,
    pub(crate) amount_minor: i64,
    pub(crate) status: String,
    pub(crate) method: String,
    pub(crate) provider_refund_id: Option<String>,
    pub(crate) reference: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) failure: Option<String>,
    pub(crate) fiscal_year: Option<String>,
    pub(crate) voucher_number: Option<i64>,
    pub(crate) settled_at: Option<DateTime<Utc>>,
    pub(crate) version: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl RefundRow {
    /// The version.
    pub(crate) fn version(&self) -> Result<Version, Problem> {
        Version::try_from(self.version).map_err(Problem::internal)
    }
}

/// A refund to be.
#[derive(Debug, Clone)]
pub(crate) struct NewRefund<'a> {
    pub(crate) amount: i64,
    pub(crate) method: Option<&'static str>,
    pub(crate) reference: Option<&'a str>,
    pub(crate) reason: &'a str,
}

/// The refund, or 404.
pub(crate) async fn find_refund(transaction: &mut SchoolTransaction, id: Uuid) -> Result<RefundRow, Problem> {
    sqlx::query_as("SELECT * FROM refunds WHERE school_id = $1 AND id = $2")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?
        .ok_or_else(|| Problem::not_found("refund"))
}

/// The refund with its payment, both locked behind the student's lock.
pub(crate) async fn lock_refund(transaction: &mut SchoolTransaction, id: Uuid) -> Result<(RefundRow, PaymentRow), Problem> {
    let seen = find_refund(transaction, id).await?;
    let payment = super::lock_payment(transaction, seen.payment_id).await?;
    Ok((find_refund(transaction, id).await?, payment))
}

/// The refunds of payments, the oldest first.
pub(crate) async fn refunds_of(transaction: &mut SchoolTransaction, payments: &[Uuid]) -> Result<Vec<RefundRow>, Problem> {
    rows_of(transaction, "SELECT * FROM refunds WHERE school_id = $1 AND payment_id = ANY($2) ORDER BY created_at, id", payments).await
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names)] // the names of the JSON
struct Told {
    refund_id: Uuid,
    payment_id: Uuid,
    student_id: Uuid,
}

async fn tell_refund(
    transaction: &SchoolTransaction,
    book: &Book,
    kind: EventKind,
    refund: &RefundRow,
    payment: &PaymentRow,
) -> Result<(), Problem> {
    let told = Told { refund_id: refund.id, payment_id: payment.id, student_id: payment.student_id };
    tell(transaction, book, kind, refund.id, &told).await?;
    tell_of(transaction, book, EventKind::PaymentChanged, payment).await
}

fn about(payment: &PaymentRow, refund: Uuid, what: &str) -> About {
    About { refund_id: Some(refund), ..payment.about(what) }
}

/// Gives back part of a payment, or all of it. `payment` is locked.
pub(crate) async fn begin_refund(
    transaction: &mut SchoolTransaction,
    book: &Book,
    payment: &PaymentRow,
    new: NewRefund<'_>,
) -> Result<RefundRow, Problem> {
    if payment.status != "captured" {
        return Err(Problem::conflict(Kind::Conflict, "Only money that was received can be given back."));
    }
    if payment.method == "cheque" && payment.cleared_on.is_none() {
        return Err(Problem::conflict(Kind::Conflict, "The cheque is not cleared yet."));
    }
    let left = payment.amount_minor - payment.refunded_minor;
    if new.amount > left {
        let fault = Fault::new("/amount_minor", format!("is more than what is left of the payment, {left}"));
        return Err(Problem::invalid(vec![fault]));
    }
    let by_provider = payment.provider.is_some();
    let method = match (by_provider, new.method) {
        (true, None) => "provider",
        (false, Some(method)) => method,
        (true, Some(_)) => {
            return Err(Problem::invalid(vec![Fault::new("/method", "is the provider's affair: the payment was made online")]));
        }
        (false, None) => return Err(Problem::invalid(vec![Fault::new("/method", "is required: the payment was not made online")])),
    };
    release_for(transaction, book, payment, (new.amount - payment.free_minor()).max(0), &payment.memo("Refund")).await?;
    // What is only asked for has no voucher yet.
    let (year, voucher) =
        if by_provider { (None, None) } else { book.next_voucher(transaction).await.map(|(year, number)| (Some(year), Some(number)))? };
    let refund: RefundRow = sqlx::query_as(
        "INSERT INTO refunds (school_id, id, payment_id, currency, amount_minor, status, method, reference, reason, requested_by, settled_at, created_at,
             updated_at, fiscal_year, voucher_number)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CASE WHEN $6 = 'succeeded' THEN $11::timestamptz END, $11, $11, $12, $13) RETURNING *",
    )
    .bind(book.school.as_uuid())
    .bind(Book::id())
    .bind(payment.id)
    .bind(&payment.currency)
    .bind(new.amount)
    .bind(if by_provider { "pending" } else { "succeeded" })
    .bind(method)
    .bind(new.reference)
    .bind(new.reason)
    .bind(book.user())
    .bind(book.now)
    .bind(year)
    .bind(voucher)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(db)?;
    set_refunded(transaction, book, payment, new.amount).await?;
    let account = match (by_provider, method) {
        (true, _) => Account::RefundsPayable,
        (_, "cash") => Account::Cash,
        _ => Account::Bank,
    };
    let posting = Posting::transfer(Account::StudentCredit, account, new.amount);
    post(transaction, book, &[(Book::id(), posting, about(payment, refund.id, "Refund"))]).await?;
    let kind = if by_provider { EventKind::RefundRequested } else { EventKind::RefundSucceeded };
    tell_refund(transaction, book, kind, &refund, payment).await?;
    if !by_provider {
        touch_cancelled(transaction, book, payment.id).await?;
    }
    Ok(refund)
}

async fn set_refunded(transaction: &mut SchoolTransaction, book: &Book, payment: &PaymentRow, more: i64) -> Result<(), Problem> {
    change(transaction, book, payment.id, Change { refunded_minor: more, ..Change::default() }).await?;
    Ok(())
}

/// What a provider says about a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// It is under way, under this id.
    Pending(String),
    /// The money went.
    Succeeded(String),
    /// The money did not go, and why.
    Failed(String),
}

/// What a provider's word did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It changed something.
    Changed,
    /// It said what was known.
    Known,
    /// It says the opposite of what was entered. A voucher is out or the credit may be spent: a person must decide.
    Contradicted,
}

/// Enters a provider's word. What is settled stays settled, whatever comes later.
pub(crate) async fn settle_refund(
    transaction: &mut SchoolTransaction,
    book: &Book,
    (refund, payment): (&RefundRow, &PaymentRow),
    word: &Word,
) -> Result<Settled, Problem> {
    match (refund.status.as_str(), word) {
        ("pending", _) => {}
        ("succeeded", Word::Failed(_)) | ("failed", Word::Succeeded(_)) => return Ok(Settled::Contradicted),
        _ => return Ok(Settled::Known),
    }
    let (status, provider_id, failure) = match word {
        Word::Pending(id) if refund.provider_refund_id.as_ref() == Some(id) => return Ok(Settled::Known),
        Word::Pending(id) => ("pending", Some(id), None),
        Word::Succeeded(id) => ("succeeded", Some(id), None),
        Word::Failed(reason) => ("failed", None, Some(reason)),
    };
    let (year, voucher) = match word {
        Word::Succeeded(_) => book.next_voucher(transaction).await.map(|(year, number)| (Some(year), Some(number)))?,
        Word::Pending(_) | Word::Failed(_) => (None, None),
    };
    sqlx::query(
        "UPDATE refunds SET status = $3, provider_refund_id = coalesce($4, provider_refund_id), failure = $5,
             settled_at = CASE WHEN $3 <> 'pending' THEN $6::timestamptz END, fiscal_year = $7, voucher_number = $8, version = version + 1, updated_at = $6
         WHERE school_id = $1 AND id = $2",
    )
    .bind(book.school.as_uuid())
    .bind(refund.id)
    .bind(status)
    .bind(provider_id)
    .bind(failure)
    .bind(book.now)
    .bind(year)
    .bind(voucher)
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    match word {
        Word::Pending(_) => {
            change(transaction, book, payment.id, Change::default()).await?;
            tell_of(transaction, book, EventKind::PaymentChanged, payment).await?;
        }
        Word::Succeeded(_) => {
            // Where its refunds stand is told with the payment.
            change(transaction, book, payment.id, Change::default()).await?;
            let posting = Posting::transfer(Account::RefundsPayable, Account::Gateway, refund.amount_minor);
            post(transaction, book, &[(Book::id(), posting, about(payment, refund.id, "Refund paid"))]).await?;
            tell_refund(transaction, book, EventKind::RefundSucceeded, refund, payment).await?;
            touch_cancelled(transaction, book, payment.id).await?;
        }
        Word::Failed(_) => {
            set_refunded(transaction, book, payment, -refund.amount_minor).await?;
            let posting = Posting::transfer(Account::RefundsPayable, Account::StudentCredit, refund.amount_minor);
            post(transaction, book, &[(Book::id(), posting, about(payment, refund.id, "Refund failed"))]).await?;
            tell_refund(transaction, book, EventKind::RefundFailed, refund, payment).await?;
        }
    }
    Ok(Settled::Changed)
}
