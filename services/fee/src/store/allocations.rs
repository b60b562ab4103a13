//! What of a payment goes to which invoice, and what is taken back. Every move is in the ledger: from the student's credit to what the student owes, or back.

use std::collections::HashMap;

use service_kit::Problem;
use sqlx::FromRow;
use store::SchoolTransaction;
use uuid::Uuid;

use super::book::Book;
use super::invoices::InvoiceRow;
use super::ledger::{About, post};
use super::payments::{PaymentRow, moved};
use super::{db, rows_of};
use crate::events::tell_all;
use crate::model::ledger::{Account, Posting};
use crate::model::settle;

/// A part of a payment on its way to an invoice.
struct Part {
    payment: Uuid,
    invoice: Uuid,
    amount: i64,
}

/// An allocation that still holds something.
#[derive(Debug, FromRow)]
struct Held {
    id: Uuid,
    payment_id: Uuid,
    invoice_id: Uuid,
    open_minor: i64,
}

/// Moves parts from credit to invoices.
async fn allocate(
    transaction: &mut SchoolTransaction,
    book: &Book,
    (student, currency): (Uuid, &str),
    ledger_transaction: Uuid,
    parts: &[Part],
    memo: &str,
) -> Result<(), Problem> {
    if parts.is_empty() {
        return Ok(());
    }
    for part in parts {
        book.touched.note(part.payment);
    }
    let column = |pick: fn(&Part) -> Uuid| parts.iter().map(pick).collect::<Vec<_>>();
    let amounts: Vec<i64> = parts.iter().map(|part| part.amount).collect();
    sqlx::query(
        "WITH moved AS (
             INSERT INTO payment_allocations (school_id, id, payment_id, invoice_id, currency, amount_minor, created_at, updated_at)
             SELECT $1, m.id, m.payment, m.invoice, $2, m.amount, $7, $7
             FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[]) AS m (id, payment, invoice, amount)
             RETURNING payment_id, invoice_id, amount_minor
         ), paying AS (
             UPDATE payments p SET allocated_minor = allocated_minor + s.amount, version = version + 1, updated_at = $7
             FROM (SELECT payment_id, sum(amount_minor)::bigint AS amount FROM moved GROUP BY payment_id) s WHERE p.school_id = $1 AND p.id = s.payment_id
         )
         UPDATE invoices i SET paid_minor = paid_minor + s.amount,
             status = CASE WHEN paid_minor + s.amount + waived_minor = total_minor THEN 'paid' ELSE 'partly_paid' END, version = version + 1, updated_at = $7
         FROM (SELECT invoice_id, sum(amount_minor)::bigint AS amount FROM moved GROUP BY invoice_id) s WHERE i.school_id = $1 AND i.id = s.invoice_id",
    )
    .bind(book.school.as_uuid())
    .bind(currency)
    .bind(parts.iter().map(|_| Book::id()).collect::<Vec<_>>())
    .bind(column(|part| part.payment))
    .bind(column(|part| part.invoice))
    .bind(amounts)
    .bind(book.now)
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    let about = |part: &Part| About {
        student_id: Some(student),
        invoice_id: Some(part.invoice),
        payment_id: Some(part.payment),
        refund_id: None,
        currency: currency.to_owned(),
        memo: memo.to_owned(),
    };
    let posting = |part: &Part| Posting::transfer(Account::StudentCredit, Account::Receivable, part.amount);
    let postings: Vec<_> = parts.iter().map(|part| (ledger_transaction, posting(part), about(part))).collect();
    post(transaction, book, &postings).await
}

/// Sets what a payment has left against the student's open invoices, the earliest due first; if it is meant for `only` one, against that one. The excess
/// stays credit: it waits for the office to say, or for the next invoice.
pub(super) async fn allocate_payment(
    transaction: &mut SchoolTransaction,
    book: &Book,
    payment: &PaymentRow,
    only: Option<Uuid>,
    ledger_transaction: Uuid,
) -> Result<(), Problem> {
    let open: Vec<InvoiceRow> = sqlx::query_as(
        "SELECT * FROM invoices WHERE school_id = $1 AND student_id = $2 AND currency = $3 AND status IN ('issued', 'partly_paid')
             AND ($4::uuid IS NULL OR id = $4)
         ORDER BY due_on, id FOR NO KEY UPDATE",
    )
    .bind(book.school.as_uuid())
    .bind(payment.student_id)
    .bind(&payment.currency)
    .bind(only)
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let owed: Vec<i64> = open.iter().map(InvoiceRow::open_minor).collect();
    let (parts, _) = settle::settle(payment.free_minor(), &owed);
    let parts: Vec<Part> = open
        .iter()
        .zip(parts)
        .filter(|(_, amount)| *amount > 0)
        .map(|(invoice, amount)| Part { payment: payment.id, invoice: invoice.id, amount })
        .collect();
    allocate(transaction, book, (payment.student_id, &payment.currency), ledger_transaction, &parts, &payment.memo("Payment")).await
}

/// Sets the students' credit, oldest first, against invoices that were just issued.
pub(super) async fn apply_credit_to(transaction: &mut SchoolTransaction, book: &Book, invoices: &[InvoiceRow]) -> Result<(), Problem> {
    let students: Vec<Uuid> = invoices.iter().map(|invoice| invoice.student_id).collect();
    let credits: Vec<PaymentRow> = rows_of(
        transaction,
        "SELECT * FROM payments WHERE school_id = $1 AND student_id = ANY($2) AND status = 'captured' AND amount_minor > refunded_minor + allocated_minor
         ORDER BY captured_at, id FOR NO KEY UPDATE",
        &students,
    )
    .await?;
    let mut used: HashMap<Uuid, i64> = HashMap::new();
    let mut told = Vec::new();
    for invoice in invoices {
        let mut owed = invoice.open_minor();
        let mut parts = Vec::new();
        for payment in credits.iter().filter(|payment| payment.student_id == invoice.student_id && payment.currency == invoice.currency) {
            let spent = used.entry(payment.id).or_default();
            let amount = owed.min(payment.free_minor() - *spent);
            if amount > 0 {
                *spent += amount;
                owed -= amount;
                parts.push(Part { payment: payment.id, invoice: invoice.id, amount });
            }
        }
        allocate(transaction, book, (invoice.student_id, &invoice.currency), Book::id(), &parts, "Credit set against the invoice").await?;
        for part in &parts {
            told.push(moved(book, part.payment, invoice.student_id, invoice.id)?);
        }
    }
    tell_all(transaction, &told).await
}

/// Sets the student's credit against an open invoice; whether there was any.
pub(crate) async fn apply_credit(transaction: &mut SchoolTransaction, book: &Book, invoice: &InvoiceRow) -> Result<bool, Problem> {
    let before = invoice.paid_minor;
    apply_credit_to(transaction, book, std::slice::from_ref(invoice)).await?;
    Ok(super::find_invoice(transaction, invoice.id).await?.paid_minor > before)
}

/// Moves parts back from invoices to credit.
async fn release(
    transaction: &mut SchoolTransaction,
    book: &Book,
    (student, currency): (Uuid, &str),
    parts: &[(&Held, i64)],
    memo: &str,
) -> Result<(), Problem> {
    let ledger_transaction = Book::id();
    for (held, amount) in parts.iter().filter(|(_, amount)| *amount > 0) {
        book.touched.note(held.payment_id);
        sqlx::query(
            "WITH freed AS (
                 UPDATE payment_allocations SET released_minor = released_minor + $3, version = version + 1, updated_at = $4
                 WHERE school_id = $1 AND id = $2 RETURNING payment_id, invoice_id
             ), paying AS (
                 UPDATE payments p SET allocated_minor = allocated_minor - $3, version = version + 1, updated_at = $4
                 FROM freed WHERE p.school_id = $1 AND p.id = freed.payment_id
             )
             UPDATE invoices i SET paid_minor = paid_minor - $3, status = CASE WHEN paid_minor = $3 THEN 'issued' ELSE 'partly_paid' END,
                 version = version + 1, updated_at = $4
             FROM freed WHERE i.school_id = $1 AND i.id = freed.invoice_id",
        )
        .bind(book.school.as_uuid())
        .bind(held.id)
        .bind(amount)
        .bind(book.now)
        .execute(transaction.connection()?)
        .await
        .map_err(db)?;
        let about = About {
            student_id: Some(student),
            invoice_id: Some(held.invoice_id),
            payment_id: Some(held.payment_id),
            refund_id: None,
            currency: currency.to_owned(),
            memo: memo.to_owned(),
        };
        let posting = Posting::transfer(Account::Receivable, Account::StudentCredit, *amount);
        post(transaction, book, &[(ledger_transaction, posting, about)]).await?;
    }
    Ok(())
}

const HELD: &str = "SELECT id, payment_id, invoice_id, amount_minor - released_minor AS open_minor FROM payment_allocations
    WHERE school_id = $1 AND payment_id = ANY($2) AND amount_minor > released_minor ORDER BY created_at, id FOR NO KEY UPDATE";
const HELD_OF_INVOICE: &str = "SELECT id, payment_id, invoice_id, amount_minor - released_minor AS open_minor FROM payment_allocations
    WHERE school_id = $1 AND invoice_id = ANY($2) AND amount_minor > released_minor ORDER BY created_at, id FOR NO KEY UPDATE";

/// Frees `wanted` of what a payment has paid, the last allocation first. 422 never: whoever calls has compared it with the payment.
pub(crate) async fn release_for(
    transaction: &mut SchoolTransaction,
    book: &Book,
    payment: &PaymentRow,
    wanted: i64,
    memo: &str,
) -> Result<(), Problem> {
    let held: Vec<Held> = rows_of(transaction, HELD, &[payment.id]).await?;
    let amounts: Vec<i64> = held.iter().map(|one| one.open_minor).collect();
    let parts = settle::release(wanted, &amounts).ok_or_else(|| Problem::internal(anyhow::anyhow!("a payment holds less than it says")))?;
    let parts: Vec<(&Held, i64)> = held.iter().zip(parts).collect();
    release(transaction, book, (payment.student_id, &payment.currency), &parts, memo).await
}

/// Frees all that was paid of an invoice.
pub(crate) async fn release_all(transaction: &mut SchoolTransaction, book: &Book, invoice: &InvoiceRow) -> Result<(), Problem> {
    let held: Vec<Held> = rows_of(transaction, HELD_OF_INVOICE, &[invoice.id]).await?;
    let parts: Vec<(&Held, i64)> = held.iter().map(|one| (one, one.open_minor)).collect();
    release(transaction, book, (invoice.student_id, &invoice.currency), &parts, "Back to credit").await?;
    let told: Result<Vec<_>, _> = held.iter().map(|one| moved(book, one.payment_id, invoice.student_id, invoice.id)).collect();
    tell_all(transaction, &told?).await
}
