//! What payments and refunds look like from outside. Invoices are in [`invoice_views`](super::invoice_views).

use chrono::{DateTime, NaiveDate, Utc};
use domain::{InvoiceId, PaymentId, RefundId, StudentId, UserId};
use serde::{Deserialize, Serialize};
use service_kit::Problem;
use store::SchoolTransaction;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::{Allocated, PaymentRow, RefundRow, allocated, refunds_of};

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentView {
    /// Its id.
    pub(crate) id: PaymentId,
    /// Whose fees it pays.
    pub(crate) student_id: StudentId,
    /// The invoice that it was meant for.
    invoice_id: Option<InvoiceId>,
    /// `cash`, `cheque`, `upi`, `bank_transfer`, or `online` through a provider.
    method: String,
    /// `created` (an order that nobody has paid yet), `captured`, `failed`, `bounced` or `voided`.
    status: String,
    /// The currency of all amounts.
    currency: String,
    /// How much, in minor units.
    amount_minor: i64,
    /// What of it went to invoices.
    allocated_minor: i64,
    /// What of it was given back, or is on its way back.
    refunded_minor: i64,
    /// What of it is the student's credit.
    credit_minor: i64,
    /// The number of the receipt as it is written on it. Later settings don't change it.
    receipt: Option<String>,
    /// The fiscal year of the receipt.
    fiscal_year: Option<String>,
    /// The number of the receipt in its fiscal year.
    receipt_number: Option<i64>,
    /// When the money came.
    captured_at: Option<DateTime<Utc>>,
    /// The day under which it stands in the books.
    booked_on: Option<NaiveDate>,
    /// Who took it; null for what came through a provider.
    received_by: Option<UserId>,
    /// The bank's number of a transfer.
    reference: Option<String>,
    /// The cheque's number.
    cheque_number: Option<String>,
    /// The cheque's bank.
    cheque_bank: Option<String>,
    /// The cheque's date.
    cheque_date: Option<NaiveDate>,
    /// When the bank credited the cheque.
    cleared_on: Option<NaiveDate>,
    /// When the bank did not honour it.
    bounced_on: Option<NaiveDate>,
    /// When it was taken back, because it was entered by mistake.
    #[serde(default)]
    voided_on: Option<NaiveDate>,
    /// What it has in common with the other payments of the same transfer or cheque, which paid for several.
    #[serde(default)]
    batch_id: Option<Uuid>,
    /// Its place among them, from 1.
    #[serde(default)]
    batch_position: Option<i32>,
    /// Why it failed, bounced or was voided.
    failure: Option<String>,
    /// Who handed it in.
    paid_by: Option<String>,
    /// What there is to say.
    note: Option<String>,
    /// The provider.
    provider: Option<String>,
    /// The provider's order.
    provider_order_id: Option<String>,
    /// The provider's payment.
    provider_payment_id: Option<String>,
    /// What of it was set against which invoice; null in lists.
    #[serde(default)]
    pub(crate) allocations: Option<Vec<AllocationView>>,
    /// What of it was given back, or is on its way back; null in lists.
    #[serde(default)]
    pub(crate) refunds: Option<Vec<RefundView>>,
    /// One more with each change.
    pub(crate) version: i32,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<PaymentRow> for PaymentView {
    fn from(row: PaymentRow) -> Self {
        Self {
            id: row.id.into(),
            student_id: row.student_id.into(),
            invoice_id: row.invoice_id.map(InvoiceId::from),
            credit_minor: if row.status == "captured" { row.free_minor() } else { 0 },
            receipt: row.receipt(),
            method: row.method,
            status: row.status,
            currency: row.currency,
            amount_minor: row.amount_minor,
            allocated_minor: row.allocated_minor,
            refunded_minor: row.refunded_minor,
            fiscal_year: row.fiscal_year,
            receipt_number: row.receipt_number,
            captured_at: row.captured_at,
            booked_on: row.booked_on,
            received_by: row.received_by.map(UserId::from),
            reference: row.reference,
            cheque_number: row.cheque_number,
            cheque_bank: row.cheque_bank,
            cheque_date: row.cheque_date,
            cleared_on: row.cleared_on,
            bounced_on: row.bounced_on,
            voided_on: row.voided_on,
            batch_id: row.batch_id,
            batch_position: row.batch_position,
            failure: row.failure,
            paid_by: row.paid_by,
            note: row.note,
            provider: row.provider,
            provider_order_id: row.provider_order_id,
            provider_payment_id: row.provider_payment_id,
            allocations: None,
            refunds: None,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What of a payment was set against an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AllocationView {
    /// The invoice.
    invoice_id: InvoiceId,
    /// Its number.
    invoice_number: Option<String>,
    /// What it is for.
    period: String,
    /// What of the payment is set against it now, in minor units.
    amount_minor: i64,
    /// What of it was and was taken back: by a refund, a bounce, a cancellation.
    released_minor: i64,
}

impl From<Allocated> for AllocationView {
    fn from(part: Allocated) -> Self {
        Self {
            invoice_id: part.invoice_id.into(),
            invoice_number: part.number,
            period: part.period,
            amount_minor: part.held,
            released_minor: part.released,
        }
    }
}

/// The payments with what of them went where and what was given back.
pub(crate) async fn whole_payments(transaction: &mut SchoolTransaction, rows: Vec<PaymentRow>) -> Result<Vec<PaymentView>, Problem> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let (allocations, refunds) = (allocated(transaction, &ids).await?, refunds_of(transaction, &ids).await?);
    let whole = |row: PaymentRow| {
        let allocations = allocations.iter().filter(|part| part.payment_id == row.id).cloned().map(AllocationView::from).collect();
        let refunds = refunds.iter().filter(|refund| refund.payment_id == row.id).cloned().map(RefundView::from).collect();
        PaymentView { allocations: Some(allocations), refunds: Some(refunds), ..PaymentView::from(row) }
    };
    Ok(rows.into_iter().map(whole).collect())
}

/// The payment with what of it went where and what was given back.
pub(super) async fn whole_payment(transaction: &mut SchoolTransaction, row: PaymentRow) -> Result<PaymentView, Problem> {
    whole_payments(transaction, vec![row]).await?.pop().ok_or_else(|| Problem::not_found("payment"))
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefundView {
    /// Its id.
    id: RefundId,
    /// The payment.
    payment_id: PaymentId,
    /// `pending`, `succeeded` or `failed`.
    status: String,
    /// `cash`, `bank_transfer`, `upi`, `cheque` or `provider`.
    method: String,
    /// The currency.
    currency: String,
    /// How much, in minor units.
    amount_minor: i64,
    /// The number of the transfer or cheque.
    reference: Option<String>,
    /// Why.
    reason: Option<String>,
    /// Why it failed.
    failure: Option<String>,
    /// The fiscal year of the voucher.
    fiscal_year: Option<String>,
    /// The number of the voucher in its fiscal year, without gaps; null as long as the money has not gone.
    voucher_number: Option<i64>,
    /// The provider's refund.
    provider_refund_id: Option<String>,
    /// When it succeeded or failed.
    settled_at: Option<DateTime<Utc>>,
    /// One more with each change.
    version: i32,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<RefundRow> for RefundView {
    fn from(row: RefundRow) -> Self {
        Self {
            id: row.id.into(),
            payment_id: row.payment_id.into(),
            status: row.status,
            method: row.method,
            currency: row.currency,
            amount_minor: row.amount_minor,
            reference: row.reference,
            reason: row.reason,
            failure: row.failure,
            fiscal_year: row.fiscal_year,
            voucher_number: row.voucher_number,
            provider_refund_id: row.provider_refund_id,
            settled_at: row.settled_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
