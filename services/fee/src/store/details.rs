//! What stands beside invoices and payments: what of which went where, what was given up, and whether the money of an invoice that was taken back went back.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use service_kit::Problem;
use sqlx::FromRow;
use store::SchoolTransaction;
use uuid::Uuid;

use super::{InvoiceRow, PaymentRow, rows_of};

/// What of a payment was set against an invoice, in all.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Allocated {
    pub(crate) payment_id: Uuid,
    pub(crate) invoice_id: Uuid,
    /// The invoice's number.
    pub(crate) number: Option<String>,
    /// What the invoice is for.
    pub(crate) period: String,
    /// What of it is there now.
    pub(crate) held: i64,
    /// What of it was taken back.
    pub(crate) released: i64,
}

/// A row of `waivers`.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct WaiverRow {
    pub(crate) amount_minor: i64,
    pub(crate) reason: String,
    pub(crate) approved_by: Uuid,
    pub(crate) created_at: DateTime<Utc>,
}

/// What was set against which invoice, the first first, for each of the payments.
pub(crate) async fn allocated(transaction: &mut SchoolTransaction, payments: &[Uuid]) -> Result<Vec<Allocated>, Problem> {
    let sql = "SELECT a.payment_id, a.invoice_id, i.number, i.period, sum(a.amount_minor - a.released_minor)::bigint AS held,
            sum(a.released_minor)::bigint AS released
        FROM payment_allocations a JOIN invoices i ON i.school_id = a.school_id AND i.id = a.invoice_id
        WHERE a.school_id = $1 AND a.payment_id = ANY($2) GROUP BY a.payment_id, a.invoice_id, i.number, i.period ORDER BY min(a.created_at), min(a.id::text)";
    rows_of(transaction, sql, payments).await
}

/// What was ever set against an invoice, and of which payments, the first first.
pub(crate) async fn paid_by(transaction: &mut SchoolTransaction, invoice: Uuid) -> Result<Vec<(Allocated, PaymentRow)>, Problem> {
    let sql = "SELECT a.payment_id, a.invoice_id, NULL AS number, '' AS period, sum(a.amount_minor - a.released_minor)::bigint AS held,
            sum(a.released_minor)::bigint AS released
        FROM payment_allocations a WHERE a.school_id = $1 AND a.invoice_id = ANY($2)
        GROUP BY a.payment_id, a.invoice_id ORDER BY min(a.created_at), min(a.id::text)";
    let parts: Vec<Allocated> = rows_of(transaction, sql, &[invoice]).await?;
    let ids: Vec<Uuid> = parts.iter().map(|part| part.payment_id).collect();
    let payments = super::payments_of(transaction, &ids).await?;
    let with_its_payment = |part: Allocated| {
        let payment = payments.iter().find(|payment| payment.id == part.payment_id)?.clone();
        Some((part, payment))
    };
    Ok(parts.into_iter().filter_map(with_its_payment).collect())
}

/// What the school gave up of an invoice, the first first.
pub(crate) async fn waivers_of(transaction: &mut SchoolTransaction, invoice: Uuid) -> Result<Vec<WaiverRow>, Problem> {
    rows_of(transaction, "SELECT * FROM waivers WHERE school_id = $1 AND invoice_id = ANY($2) ORDER BY created_at, id", &[invoice]).await
}

/// Those of the invoices that were taken back and whose money was given back.
pub(crate) async fn given_back(transaction: &mut SchoolTransaction, invoices: &[InvoiceRow]) -> Result<HashSet<Uuid>, Problem> {
    let cancelled: Vec<Uuid> = invoices.iter().filter(|invoice| invoice.status == "cancelled").map(|invoice| invoice.id).collect();
    if cancelled.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = "SELECT id FROM invoices WHERE school_id = $1 AND id = ANY($2) AND invoice_is_given_back(school_id, id)";
    let rows: Vec<(Uuid,)> = rows_of(transaction, sql, &cancelled).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
