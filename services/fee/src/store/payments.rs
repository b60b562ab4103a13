//! Payments: receiving money, and the one way in which a payment changes. Whoever calls holds the student's lock.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{EventEnvelope, EventKind, Version};
use serde::Serialize;
use service_kit::Problem;
use sqlx::FromRow;
use store::SchoolTransaction;
use uuid::Uuid;

use super::allocations::allocate_payment;
use super::book::Book;
use super::ledger::{About, post};
use super::{db, rows_of};
use crate::events::{event, tell};
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
    pub(crate) voided_on: Option<NaiveDate>,
    pub(crate) batch_id: Option<Uuid>,
    pub(crate) batch_position: Option<i32>,
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
    /// The transfer or cheque that it is part of, and its place in it.
    pub(crate) batch: Option<(Uuid, i32)>,
}

/// What changes in a payment; what is left out stays as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Change<'a> {
    pub(crate) status: Option<&'static str>,
    /// Why it failed, bounced or was voided. Money that comes after all clears it.
    pub(crate) failure: Option<&'a str>,
    pub(crate) provider_order_id: Option<&'a str>,
    pub(crate) provider_payment_id: Option<&'a str>,
    /// Fiscal year, number and prefix.
    pub(crate) receipt: Option<(&'a str, i64, &'a str)>,
    pub(crate) captured_at: Option<DateTime<Utc>>,
    pub(crate) booked_on: Option<NaiveDate>,
    pub(crate) cleared_on: Option<NaiveDate>,
    pub(crate) bounced_on: Option<NaiveDate>,
    pub(crate) voided_on: Option<NaiveDate>,
    /// What more of it was given back; negative: less.
    pub(crate) refunded_minor: i64,
}

/// Changes a payment and notes that what is cached of it is old. Every change of one goes this way, except that of what is set against invoices, which
/// [`allocations`](super::allocations) changes in many at a time and notes likewise.
pub(super) async fn change(transaction: &mut SchoolTransaction, book: &Book, id: Uuid, change: Change<'_>) -> Result<PaymentRow, Problem> {
    book.touched.note(id);
    let (year, number, prefix) =
        change.receipt.map_or((None, None, None), |(year, number, prefix)| (Some(year), Some(number), Some(prefix)));
    sqlx::query_as(
        "UPDATE payments SET status = coalesce($4, status), failure = CASE WHEN $4 = 'captured' THEN NULL ELSE coalesce(left($5, 1000), failure) END,
             provider_order_id = coalesce($6, provider_order_id), provider_payment_id = coalesce($7, provider_payment_id),
             fiscal_year = coalesce($8, fiscal_year), receipt_number = coalesce($9, receipt_number), receipt_prefix = coalesce($10, receipt_prefix),
             captured_at = coalesce($11, captured_at), booked_on = coalesce($12, booked_on), cleared_on = coalesce($13, cleared_on),
             bounced_on = coalesce($14, bounced_on), voided_on = coalesce($15, voided_on), refunded_minor = refunded_minor + $16,
             version = version + 1, updated_at = $3
         WHERE school_id = $1 AND id = $2 RETURNING *",
    )
    .bind(book.school.as_uuid())
    .bind(id)
    .bind(book.now)
    .bind(change.status)
    .bind(change.failure)
    .bind(change.provider_order_id)
    .bind(change.provider_payment_id)
    .bind(year)
    .bind(number)
    .bind(prefix)
    .bind(change.captured_at)
    .bind(change.booked_on)
    .bind(change.cleared_on)
    .bind(change.bounced_on)
    .bind(change.voided_on)
    .bind(change.refunded_minor)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(db)
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

/// Those of the payments that there are.
pub(crate) async fn payments_of(transaction: &mut SchoolTransaction, ids: &[Uuid]) -> Result<Vec<PaymentRow>, Problem> {
    rows_of(transaction, "SELECT * FROM payments WHERE school_id = $1 AND id = ANY($2)", ids).await
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

/// That more or less of a payment is set against an invoice.
pub(super) fn moved(book: &Book, payment: Uuid, student: Uuid, invoice: Uuid) -> Result<EventEnvelope, Problem> {
    let told = Told { payment_id: payment, student_id: student, invoice_id: Some(invoice) };
    event(book, EventKind::PaymentChanged, payment, &told)
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
             booked_on, received_by, reference, cheque_number, cheque_bank, cheque_date, paid_by, note, receipt_prefix, batch_id, batch_position,
             created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'captured', $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $10, $10) RETURNING *",
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
    .bind(new.batch.map(|(batch, _)| batch))
    .bind(new.batch.map(|(_, position)| position))
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
    let captured = Change {
        status: Some("captured"),
        provider_payment_id: Some(provider_payment_id),
        receipt: Some((&year, number, &book.settings.receipt_prefix)),
        captured_at: Some(book.now),
        booked_on: Some(book.books_on),
        ..Change::default()
    };
    let payment = change(transaction, book, payment.id, captured).await?;
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
