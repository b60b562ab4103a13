//! Entries in the ledger.

use serde::Serialize;
use serde_json::json;
use service_kit::Problem;
use sqlx::types::Json;
use store::SchoolTransaction;
use uuid::Uuid;

use super::book::Book;
use super::db;
use crate::model::ledger::Posting;

/// What an entry is about.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct About {
    pub(crate) student_id: Option<Uuid>,
    pub(crate) invoice_id: Option<Uuid>,
    pub(crate) payment_id: Option<Uuid>,
    pub(crate) refund_id: Option<Uuid>,
    pub(crate) currency: String,
    pub(crate) memo: String,
}

/// Writes postings. Those of one call that have the same id belong to one transaction in the ledger.
pub(crate) async fn post(transaction: &mut SchoolTransaction, book: &Book, postings: &[(Uuid, Posting, About)]) -> Result<(), Problem> {
    let rows: Vec<serde_json::Value> = postings
        .iter()
        .flat_map(|(id, posting, about)| posting.entries().iter().map(move |entry| (id, entry, about)))
        .map(|(id, entry, about)| {
            json!({"id": Book::id(), "transaction_id": id, "account": entry.account.as_str(), "student_id": about.student_id,
                "invoice_id": about.invoice_id, "payment_id": about.payment_id, "refund_id": about.refund_id, "currency": about.currency,
                "debit_minor": entry.debit, "credit_minor": entry.credit, "memo": about.memo})
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO ledger_entries (school_id, id, transaction_id, account, student_id, invoice_id, payment_id, refund_id, currency, debit_minor,
             credit_minor, entry_date, memo, created_at, updated_at)
         SELECT $1, id, transaction_id, account, student_id, invoice_id, payment_id, refund_id, currency, debit_minor, credit_minor, $2, memo, $3, $3
         FROM jsonb_populate_recordset(NULL::ledger_entries, $4)",
    )
    .bind(book.school.as_uuid())
    .bind(book.books_on)
    .bind(book.now)
    .bind(Json(rows))
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(())
}
