//! What invoices, payments and refunds look like from outside.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{ConcessionId, FeeItemId, FeeStructureId, FineRuleId, InvoiceId, PaymentId, RefundId, StudentId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::{InvoiceRow, LineRow, PaymentRow, RefundRow};

/// An invoice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvoiceView {
    /// Its id.
    id: InvoiceId,
    /// Who owes it.
    student_id: StudentId,
    /// The structure that it was made from.
    fee_structure_id: Option<FeeStructureId>,
    /// What it is for: once for a student and structure.
    period: String,
    /// Its number, from when it is issued.
    number: Option<String>,
    /// `structure`, `manual`, `inventory` or `transport`.
    source: String,
    /// What another service charges for: a loan, a seat.
    source_ref: Option<String>,
    /// Who pays, where that is neither the student nor a guardian.
    payer: Option<String>,
    /// `draft`, `issued`, `partly_paid`, `paid` or `cancelled`.
    status: String,
    /// The currency of all amounts.
    currency: String,
    /// What is to be paid, fines included, in minor units.
    total_minor: i64,
    /// What was paid.
    paid_minor: i64,
    /// What was given up.
    waived_minor: i64,
    /// What is still owed.
    open_minor: i64,
    /// When it is due.
    due_on: NaiveDate,
    /// When it was issued.
    issued_at: Option<DateTime<Utc>>,
    /// When it was cancelled.
    cancelled_at: Option<DateTime<Utc>>,
    /// Why.
    cancel_reason: Option<String>,
    /// Whether a run bills the student for the same again after it was cancelled.
    rebill: bool,
    /// How often somebody was reminded of it.
    reminder_count: i32,
    /// What it is made up of; null in lists.
    lines: Option<Vec<InvoiceLineView>>,
    /// One more with each change.
    version: i32,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

/// A line of an invoice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvoiceLineView {
    /// `fee`, `concession`, `tax` or `fine`.
    kind: String,
    /// What for.
    description: String,
    /// Minor units; a concession's are negative.
    amount_minor: i64,
    /// The item of the fee structure.
    fee_item_id: Option<FeeItemId>,
    /// The concession.
    concession_id: Option<ConcessionId>,
    /// The rule of the fine.
    fine_rule_id: Option<FineRuleId>,
}

impl InvoiceView {
    pub(super) fn of(row: InvoiceRow, lines: Option<Vec<LineRow>>) -> Self {
        let line = |line: LineRow| InvoiceLineView {
            kind: line.kind,
            description: line.description,
            amount_minor: line.amount_minor,
            fee_item_id: line.fee_item_id.map(FeeItemId::from),
            concession_id: line.concession_id.map(ConcessionId::from),
            fine_rule_id: line.fine_rule_id.map(FineRuleId::from),
        };
        Self {
            id: row.id.into(),
            student_id: row.student_id.into(),
            fee_structure_id: row.fee_structure_id.map(FeeStructureId::from),
            open_minor: if row.status == "cancelled" { 0 } else { row.open_minor() },
            period: row.period,
            number: row.number,
            source: row.source,
            source_ref: row.source_ref,
            payer: row.payer,
            status: row.status,
            currency: row.currency,
            total_minor: row.total_minor,
            paid_minor: row.paid_minor,
            waived_minor: row.waived_minor,
            due_on: row.due_on,
            issued_at: row.issued_at,
            cancelled_at: row.cancelled_at,
            cancel_reason: row.cancel_reason,
            rebill: row.rebill,
            reminder_count: row.reminder_count,
            lines: lines.map(|lines| lines.into_iter().map(line).collect()),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

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
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A refund.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
