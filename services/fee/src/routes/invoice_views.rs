//! What invoices look like from outside: in lists by themselves, one by one with their lines, what paid them and what was given up of them.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{ConcessionId, FeeItemId, FeeStructureId, FineRuleId, InvoiceId, PaymentId, StudentId, UserId};
use serde::Serialize;
use service_kit::{Problem, Versioned};
use store::SchoolTransaction;
use utoipa::ToSchema;

use crate::store::{Allocated, InvoiceRow, LineRow, PaymentRow, WaiverRow, given_back, lines_of, paid_by, waivers_of};

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
    /// `draft`, `issued`, `partly_paid`, `paid`, `cancelled`, or `refunded`: it was cancelled, and what had been paid was given back.
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
    /// What was paid of it, by which payments, and what of that was taken back; null in lists.
    payments: Option<Vec<InvoicePaymentView>>,
    /// What was given up of it; null in lists.
    waivers: Option<Vec<WaiverView>>,
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

/// What a payment paid of an invoice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvoicePaymentView {
    /// The payment.
    payment_id: PaymentId,
    /// How it was handed in.
    method: String,
    /// Where the payment stands.
    status: String,
    /// The number of its receipt.
    receipt: Option<String>,
    /// When the money came.
    captured_at: Option<DateTime<Utc>>,
    /// What of it is set against the invoice now, in minor units.
    amount_minor: i64,
    /// What of it was set against the invoice and taken back: by a refund, a bounce, a cancellation.
    released_minor: i64,
}

/// What the school gave up of an invoice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WaiverView {
    /// How much, in minor units.
    amount_minor: i64,
    /// Why; for the office only.
    reason: Option<String>,
    /// Who gave it up; for the office only.
    approved_by: Option<UserId>,
    /// When.
    created_at: DateTime<Utc>,
}

/// What stands on an invoice and beside it.
#[derive(Debug, Clone)]
pub(super) struct Particulars {
    pub(super) lines: Vec<LineRow>,
    pub(super) payments: Vec<(Allocated, PaymentRow)>,
    pub(super) waivers: Vec<WaiverRow>,
}

impl From<(Allocated, PaymentRow)> for InvoicePaymentView {
    fn from((part, payment): (Allocated, PaymentRow)) -> Self {
        Self {
            payment_id: payment.id.into(),
            receipt: payment.receipt(),
            method: payment.method,
            status: payment.status,
            captured_at: payment.captured_at,
            amount_minor: part.held,
            released_minor: part.released,
        }
    }
}

impl From<WaiverRow> for WaiverView {
    fn from(row: WaiverRow) -> Self {
        let (reason, approved_by) = (Some(row.reason), Some(row.approved_by.into()));
        Self { amount_minor: row.amount_minor, reason, approved_by, created_at: row.created_at }
    }
}

impl InvoiceView {
    /// As the family may see it: why the school gave something up is the office's own, and may be about the family's means.
    pub(super) fn for_family(mut self) -> Self {
        for waiver in self.waivers.iter_mut().flatten() {
            (waiver.reason, waiver.approved_by) = (None, None);
        }
        self
    }

    /// The invoice; `is_given_back` is whether it was cancelled and its money given back.
    pub(super) fn of(row: InvoiceRow, is_given_back: bool, particulars: Option<Particulars>) -> Self {
        let (lines, payments, waivers) = particulars.map_or((None, None, None), |of| (Some(of.lines), Some(of.payments), Some(of.waivers)));
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
            status: if is_given_back { "refunded".to_owned() } else { row.status },
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
            payments: payments.map(|payments| payments.into_iter().map(InvoicePaymentView::from).collect()),
            waivers: waivers.map(|waivers| waivers.into_iter().map(WaiverView::from).collect()),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The invoice with all that stands on it and beside it.
pub(super) async fn whole(transaction: &mut SchoolTransaction, row: InvoiceRow) -> Result<Versioned<InvoiceView>, Problem> {
    let version = row.version()?;
    let particulars = Particulars {
        lines: lines_of(transaction, row.id).await?,
        payments: paid_by(transaction, row.id).await?,
        waivers: waivers_of(transaction, row.id).await?,
    };
    let is_given_back = !given_back(transaction, std::slice::from_ref(&row)).await?.is_empty();
    Ok(Versioned(InvoiceView::of(row, is_given_back, Some(particulars)), version))
}
