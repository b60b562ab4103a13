//! The ledger, entry by entry: of an account, of some days, of whatever an entry is about.

use actix_web::get;
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Fault, InvoiceId, PaymentId, RefundId, StudentId};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesCollect;
use service_kit::{CommonProblems, Limit, Page, Params, Problem, filters};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::model::fiscal;
use crate::model::ledger::Account;
use crate::store::db;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// Which entries.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LedgerFilter {
    /// Of this account.
    #[param(inline)]
    account: Option<Account>,
    /// In the books of this day or a later one.
    #[param(inline)]
    from: Option<NaiveDate>,
    /// In the books of this day or an earlier one.
    #[param(inline)]
    to: Option<NaiveDate>,
    /// About this student.
    #[param(inline)]
    student_id: Option<StudentId>,
    /// About this invoice.
    #[param(inline)]
    invoice_id: Option<InvoiceId>,
    /// About this payment.
    #[param(inline)]
    payment_id: Option<PaymentId>,
    /// Of this transaction: what belongs together, and balances.
    #[param(value_type = Option<String>, format = Uuid)]
    transaction_id: Option<Uuid>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(LedgerFilter);

/// An entry of the ledger, with the documents that vouch for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerEntryView {
    /// Its id.
    id: Uuid,
    /// The transaction that it belongs to.
    transaction_id: Uuid,
    /// The day in the books.
    entry_date: NaiveDate,
    /// The account.
    account: String,
    /// The currency.
    currency: String,
    /// Minor units; 0 if it is a credit.
    debit_minor: i64,
    /// Minor units; 0 if it is a debit.
    credit_minor: i64,
    /// What it was.
    memo: Option<String>,
    /// Whose fees it is about.
    student_id: Option<StudentId>,
    /// The invoice.
    invoice_id: Option<InvoiceId>,
    /// The invoice's number.
    invoice_number: Option<String>,
    /// The payment.
    payment_id: Option<PaymentId>,
    /// The number of the payment's receipt, as it is written on it.
    receipt: Option<String>,
    /// The refund.
    refund_id: Option<RefundId>,
    /// The fiscal year of the refund's voucher.
    voucher_year: Option<String>,
    /// The number of the refund's voucher in it.
    voucher_number: Option<i64>,
    /// When it was entered.
    created_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    transaction_id: Uuid,
    entry_date: NaiveDate,
    account: String,
    currency: String,
    debit_minor: i64,
    credit_minor: i64,
    memo: Option<String>,
    student_id: Option<Uuid>,
    invoice_id: Option<Uuid>,
    invoice_number: Option<String>,
    payment_id: Option<Uuid>,
    receipt_prefix: Option<String>,
    receipt_year: Option<String>,
    receipt_number: Option<i64>,
    refund_id: Option<Uuid>,
    voucher_year: Option<String>,
    voucher_number: Option<i64>,
    created_at: DateTime<Utc>,
}

impl From<Row> for LedgerEntryView {
    fn from(row: Row) -> Self {
        let receipt = match (&row.receipt_prefix, &row.receipt_year, row.receipt_number) {
            (Some(prefix), Some(year), Some(number)) => Some(fiscal::number(prefix, year, number)),
            _ => None,
        };
        Self {
            id: row.id,
            transaction_id: row.transaction_id,
            entry_date: row.entry_date,
            account: row.account,
            currency: row.currency,
            debit_minor: row.debit_minor,
            credit_minor: row.credit_minor,
            memo: row.memo,
            student_id: row.student_id.map(StudentId::from),
            invoice_id: row.invoice_id.map(InvoiceId::from),
            invoice_number: row.invoice_number,
            payment_id: row.payment_id.map(PaymentId::from),
            receipt,
            refund_id: row.refund_id.map(RefundId::from),
            voucher_year: row.voucher_year,
            voucher_number: row.voucher_number,
            created_at: row.created_at,
        }
    }
}

/// The entries of the ledger, in the order of the books.
#[utoipa::path(params(LedgerFilter), responses((status = 200, body = Page<LedgerEntryView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fees/ledger")]
async fn list(desk: Desk<FeesCollect>, filter: Params<LedgerFilter>) -> Result<Page<LedgerEntryView>, Problem> {
    if filter.from.zip(filter.to).is_some_and(|(from, to)| from > to) {
        return Err(Problem::invalid(vec![Fault::new("query:from", "must not be after to")]));
    }
    let paging = desk.paging("ledger", &filter.0);
    let (day, id) = paging.after::<(NaiveDate, Uuid)>()?.unzip();
    let mut transaction = desk.read().await?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT l.id, l.transaction_id, l.entry_date, l.account, l.currency, l.debit_minor, l.credit_minor, l.memo, l.student_id, l.invoice_id,
             i.number AS invoice_number, l.payment_id, p.receipt_prefix, p.fiscal_year AS receipt_year, p.receipt_number, l.refund_id,
             r.fiscal_year AS voucher_year, r.voucher_number, l.created_at
         FROM ledger_entries l LEFT JOIN invoices i ON i.school_id = l.school_id AND i.id = l.invoice_id
         LEFT JOIN payments p ON p.school_id = l.school_id AND p.id = l.payment_id LEFT JOIN refunds r ON r.school_id = l.school_id AND r.id = l.refund_id
         WHERE l.school_id = $1 AND ($2::text IS NULL OR l.account = $2) AND ($3::date IS NULL OR l.entry_date >= $3)
             AND ($4::date IS NULL OR l.entry_date <= $4) AND ($5::uuid IS NULL OR l.student_id = $5) AND ($6::uuid IS NULL OR l.invoice_id = $6)
             AND ($7::uuid IS NULL OR l.payment_id = $7) AND ($8::uuid IS NULL OR l.transaction_id = $8)
             AND ($9::date IS NULL OR (l.entry_date, l.id) > ($9, $10))
         ORDER BY l.entry_date, l.id LIMIT $11",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(filter.account.map(Account::as_str))
    .bind(filter.from)
    .bind(filter.to)
    .bind(filter.student_id.map(StudentId::as_uuid))
    .bind(filter.invoice_id.map(InvoiceId::as_uuid))
    .bind(filter.payment_id.map(PaymentId::as_uuid))
    .bind(filter.transaction_id)
    .bind(day)
    .bind(id)
    .bind(paging.limit().cast_signed())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(paging.page(rows, |row| (row.entry_date, row.id)).map(LedgerEntryView::from))
}
