//! Payments: receiving money, cheques that are cleared or bounce. Whoever calls holds the student's lock.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{EventKind, Version};
use serde::Serialize;
use service_kit::{Kind, Problem};
use sqlx::FromRow;
use store::SchoolTransaction;
use uuid::Uuid;

use super::allocations::{allocate_payment, release_for};
use super::book::Book;
use super::db;
use super::ledger::{About, post};
use crate::events::tell;
use crate::model::fiscal;
use crate::model::ledger::{Account, Posting};

/// A row of `payments`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct PaymentRow {
    pub(crate) id: Uuid,
    pub(crate) student_id: Uuid,
    pub(crate) invoice_id: Option<Uuid>,
    pub(crate) method: String,
    pub(crate) provider: Option<String>,
    pub(crate) provider_order_id: Option<String>,
    pub(crate) provider_payment_id: Option<String>,
    pub(crate) currency: String,
    pub(crate) amount_minor: i64,
    pub(crate) refunded_minor: i64,
    pub(crate) allocated_minor: i64,
    pub(crate) status: String,
    pub(crate) fiscal_year: Option<String>,
    pub(crate) receipt_number: Option<i64>,
    pub(crate) receipt_prefix: String,
    pub(crate) captured_at: Option<DateTime<Utc>>,
    pub(crate) booked_on: Option<NaiveDate>,
    pub(crate) received_by: Option<Uuid>,
    pub(crate) reference: Option<String>,
    pub(crate) cheque_number: Option<String>,
    pub(crate) cheque_bank: Option<String>,
    pub(crate) cheque_date: Option<NaiveDate>,
    pub(crate) cleared_on: Option<NaiveDate>,
    pub(crate) bounced_on: Option<NaiveDate>,
    pub(crate) failure: Option<String>,
    pub(crate) paid_by: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) version: i32,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl PaymentRow {
    /// The version.
    pub(crate) fn version(&self) -> Result<Version, Problem> {
        Version::try_from(self.version).map_err(Problem::internal)
    }

    /// The receipt's number, written out as it was when it was given.
    pub(crate) fn receipt(&self) -> Option<String> {
        let year = self.fiscal_year.as_deref()?;
        self.receipt_number.map(|number| fiscal::number(&self.receipt_prefix, year, number))
    }

    /// What is neither given back nor set against an invoice: credit.
    pub(crate) const fn free_minor(&self) -> i64 {
        self.amount_minor - self.refunded_minor - self.allocated_minor
    }

    /// What the ledger says about it.
    pub(crate) fn memo(&self, what: &str) -> String {
        match (&self.fiscal_year, self.receipt_number) {
            (Some(year), Some(number)) => format!("{what}, receipt {number} of {year}"),
            _ => what.to_owned(),
        }
    }

    /// Entries about the payment as such.
    pub(crate) fn about(&self, what: &str) -> About {
        About {
            student_id: Some(self.student_id),
            payment_id: Some(self.id),
            currency: self.currency.clone(),
            memo: self.memo(what),
            ..About::default()
        }
    }
}

/// Money that was handed in.
#[derive(Debug, Clone)]
pub(crate) struct NewPayment {
    pub(crate) student_id: Uuid,
    pub(crate) invoice_id: Option<Uuid>,
    pub(crate) method: &'static str,
    pub(crate) currency: String,
    pub(crate) amount: i64,
    pub(crate) reference: Option<String>,
    pub(crate) cheque: Option<(String, String, NaiveDate)>,
    pub(crate) paid_by: Option<String>,
    pub(crate) note: Option<String>,
}

/// The payment, or 404.
pub(crate) async fn find_payment(transaction: &mut SchoolTransaction, id: Uuid) -> Result<PaymentRow, Problem> {
    sqlx::query_as("SELECT * FROM payments WHERE school_id = $1 AND id = $2")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?
        .ok_or_else(|| Problem::not_found("payment"))
}

/// The payment, which nobody else changes until the transaction ends; its student's lock comes first.
pub(crate) async fn lock_payment(transaction: &mut SchoolTransaction, id: Uuid) -> Result<PaymentRow, Problem> {
    let row = find_payment(transaction, id).await?;
    super::lock_student(transaction, row.student_id).await?;
    sqlx::query_as("SELECT * FROM payments WHERE school_id = $1 AND id = $2 FOR NO KEY UPDATE")
        .bind(transaction.school_id().as_uuid())
        .bind(id)
        .fetch_optional(transaction.connection()?)
        .await
        .map_err(db)?
        .ok_or_else(|| Problem::not_found("payment"))
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names)] // the names of the JSON
struct Told {
    payment_id: Uuid,
    student_id: Uuid,
    invoice_id: Option<Uuid>,
}

/// Tells what happened to a payment.
pub(crate) async fn tell_of(transaction: &SchoolTransaction, book: &Book, kind: EventKind, payment: &PaymentRow) -> Result<(), Problem> {
    let told = Told { payment_id: payment.id, student_id: payment.student_id, invoice_id: payment.invoice_id };
    book.touched.note(payment.id);
    tell(transaction, book, kind, payment.id, &told).await
}

/// Tells that more or less of a payment is set against an invoice.
pub(super) async fn tell_moved(
    transaction: &SchoolTransaction,
    book: &Book,
    payment: Uuid,
    student: Uuid,
    invoice: Uuid,
) -> Result<(), Problem> {
    book.touched.note(payment);
    let told = Told { payment_id: payment, student_id: student, invoice_id: Some(invoice) };
    tell(transaction, book, EventKind::PaymentChanged, payment, &told).await
}

/// Takes money that was handed in: it gets a receipt and pays its invoice; the excess is the student's credit.
pub(crate) async fn receive(transaction: &mut SchoolTransaction, book: &Book, new: NewPayment) -> Result<PaymentRow, Problem> {
    let (year, number) = book.next_receipt(transaction).await?;
    let (cheque_number, cheque_bank, cheque_date) = match new.cheque {
        Some((number, bank, date)) => (Some(number), Some(bank), Some(date)),
        None => (None, None, None),
    };
    let payment: PaymentRow = sqlx::query_as(
        "INSERT INTO payments (school_id, id, student_id, invoice_id, method, currency, amount_minor, status, fiscal_year, receipt_number, captured_at,
             booked_on, received_by, reference, cheque_number, cheque_bank, cheque_date, paid_by, note, receipt_prefix, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'captured', $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $10, $10) RETURNING *",
    )
    .bind(book.school.as_uuid())
    .bind(Book::id())
    .bind(new.student_id)
    .bind(new.invoice_id)
    .bind(new.method)
    .bind(&new.currency)
    .bind(new.amount)
    .bind(&year)
    .bind(number)
    .bind(book.now)
    .bind(book.books_on)
    .bind(book.user())
    .bind(new.reference)
    .bind(cheque_number)
    .bind(cheque_bank)
    .bind(cheque_date)
    .bind(new.paid_by)
    .bind(new.note)
    .bind(&book.settings.receipt_prefix)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(db)?;
    arrived(transaction, book, &payment).await
}

/// A provider has the money of an order: it gets a receipt and pays its invoice, as far as that is still open.
pub(crate) async fn capture(
    transaction: &mut SchoolTransaction,
    book: &Book,
    payment: &PaymentRow,
    provider_payment_id: &str,
) -> Result<PaymentRow, Problem> {
    let (year, number) = book.next_receipt(transaction).await?;
    let payment: PaymentRow = sqlx::query_as(
        "UPDATE payments SET status = 'captured', fiscal_year = $3, receipt_number = $4, captured_at = $5, booked_on = $6, provider_payment_id = $7,
             receipt_prefix = $8, failure = NULL, version = version + 1, updated_at = $5
         WHERE school_id = $1 AND id = $2 RETURNING *",
    )
    .bind(book.school.as_uuid())
    .bind(payment.id)
    .bind(&year)
    .bind(number)
    .bind(book.now)
    .bind(book.books_on)
    .bind(provider_payment_id)
    .bind(&book.settings.receipt_prefix)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(db)?;
    arrived(transaction, book, &payment).await
}

/// Enters money into the ledger and sets it against its invoice.
async fn arrived(transaction: &mut SchoolTransaction, book: &Book, payment: &PaymentRow) -> Result<PaymentRow, Problem> {
    let id = Book::id();
    let posting = Posting::transfer(Account::of_method(&payment.method), Account::StudentCredit, payment.amount_minor);
    post(transaction, book, &[(id, posting, payment.about("Payment"))]).await?;
    allocate_payment(transaction, book, payment, payment.invoice_id, id).await?;
    tell_of(transaction, book, EventKind::PaymentCaptured, payment).await?;
    find_payment(transaction, payment.id).await
}

fn only_a_cheque_in_hand(payment: &PaymentRow) -> Result<(), Problem> {
    if payment.method != "cheque" || payment.status != "captured" {
        return Err(Problem::conflict(Kind::Conflict, "Only a cheque that was taken can be cleared or bounce."));
    }
    Ok(())
}

/// The bank has credited a cheque.
pub(crate) async fn clear(
    transaction: &mut SchoolTransaction,
    book: &Book,
    payment: &PaymentRow,
    cleared_on: NaiveDate,
) -> Result<PaymentRow, Problem> {
    only_a_cheque_in_hand(payment)?;
    if payment.cleared_on.is_some() {
        return Err(Problem::conflict(Kind::Conflict, "It is cleared already."));
    }
    let posting = Posting::transfer(Account::Bank, Account::Cheques, payment.amount_minor);
    post(transaction, book, &[(Book::id(), posting, payment.about("Cheque cleared"))]).await?;
    sqlx::query("UPDATE payments SET cleared_on = $3, version = version + 1, updated_at = $4 WHERE school_id = $1 AND id = $2")
        .bind(book.school.as_uuid())
        .bind(payment.id)
        .bind(cleared_on)
        .bind(book.now)
        .execute(transaction.connection()?)
        .await
        .map_err(db)?;
    tell_of(transaction, book, EventKind::PaymentChanged, payment).await?;
    find_payment(transaction, payment.id).await
}

/// The bank has not honoured a cheque: what it paid is owed again. Its receipt keeps its number.
pub(crate) async fn bounce(
    transaction: &mut SchoolTransaction,
    book: &Book,
    payment: &PaymentRow,
    reason: &str,
) -> Result<PaymentRow, Problem> {
    only_a_cheque_in_hand(payment)?;
    if payment.refunded_minor > 0 {
        return Err(Problem::conflict(Kind::Conflict, "Money was given back for it."));
    }
    release_for(transaction, book, payment, payment.allocated_minor, &payment.memo("Cheque bounced")).await?;
    let account = if payment.cleared_on.is_some() { Account::Bank } else { Account::Cheques };
    let posting = Posting::transfer(Account::StudentCredit, account, payment.amount_minor);
    post(transaction, book, &[(Book::id(), posting, payment.about("Cheque bounced"))]).await?;
    sqlx::query(
        "UPDATE payments SET status = 'bounced', bounced_on = $3, failure = $4, version = version + 1, updated_at = $5
         WHERE school_id = $1 AND id = $2",
    )
    .bind(book.school.as_uuid())
    .bind(payment.id)
    .bind(book.today)
    .bind(reason)
    .bind(book.now)
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    tell_of(transaction, book, EventKind::PaymentBounced, payment).await?;
    find_payment(transaction, payment.id).await
}
