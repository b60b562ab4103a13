//! What happens to an invoice: it is issued, fined, waived, paid from credit, reminded of, cancelled.

use actix_web::post;
use domain::{Amount, Fault, FineRuleId, InvoiceId, Text};
use serde::Deserialize;
use service_kit::permits::{FeesApprove, FeesCollect, FeesManage};
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, Kind, MayHold, Problem, Versioned};
use store::SchoolTransaction;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::invoice_views::{InvoiceView, whole};
use crate::desk::{Desk, change_book};
use crate::store::{
    Book, Cancelling, InvoiceRow, apply_credit, cancel, charge_fine, find_invoice, issue, lines_of, lock_invoice, more_by, remind,
    rule_in_use, waive,
};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(issue_invoice).service(cancel_invoice).service(fine).service(waive_invoice).service(use_credit).service(remind_of);
}

/// Why an invoice is taken back.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    /// Why.
    reason: Text<1000>,
    /// Whether what was paid becomes the student's credit. Otherwise an invoice that money was paid for is not cancelled.
    #[serde(default)]
    to_credit: bool,
    /// Whether the next run bills the student for the same again. Otherwise it leaves them out.
    #[serde(default)]
    rebill: bool,
}

/// A fine: by a rule, for as many days as it is late today, or of an amount.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFine {
    /// The rule. What it has charged on this invoice before is taken into account.
    fine_rule_id: Option<FineRuleId>,
    /// How much, in minor units, where it is by no rule.
    #[schema(value_type = Option<Amount>)]
    amount_minor: Option<Amount>,
    /// What for, where it is by no rule.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 300)]
    description: Option<Text<300>>,
}

/// What the school gives up.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWaiver {
    /// How much, in minor units: at most what is still owed.
    amount_minor: Amount,
    /// Why.
    reason: Text<1000>,
}

/// Does `work` to the invoice if it still is what the request is based on.
async fn with_invoice<P: MayHold>(
    desk: &Desk<P>,
    id: IdPath<InvoiceId>,
    based_on: IfMatch,
    work: impl AsyncFnOnce(&mut SchoolTransaction, &Book, InvoiceRow) -> Result<InvoiceRow, Problem>,
) -> Result<Versioned<InvoiceView>, Problem> {
    change_book(desk, async |transaction, book| {
        let row = lock_invoice(transaction, id.as_uuid()).await?;
        based_on.require(row.version()?)?;
        let row = work(transaction, book, row).await?;
        whole(transaction, row).await
    })
    .await
}

fn only_open(row: &InvoiceRow) -> Result<(), Problem> {
    if row.is_open() { Ok(()) } else { Err(Problem::conflict(Kind::Conflict, row.why_not_open())) }
}

/// Issues a draft: it gets its number and is owed. Credit that the student has is set against it, if the school's settings say so.
#[utoipa::path(
    params(("id" = InvoiceId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = InvoiceView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/invoices/{id}/issue")]
async fn issue_invoice(desk: Desk<FeesManage>, id: IdPath<InvoiceId>, based_on: IfMatch) -> Result<Versioned<InvoiceView>, Problem> {
    with_invoice(&desk, id, based_on, async |transaction, book, row| issue(transaction, book, &row).await).await
}

/// Cancels an invoice. It takes no payment any more. With `rebill` the next run invoices the same again; without, it leaves the student out.
#[utoipa::path(
    params(("id" = InvoiceId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = Cancellation,
    responses((status = 200, body = InvoiceView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/invoices/{id}/cancel")]
async fn cancel_invoice(
    desk: Desk<FeesManage>,
    id: IdPath<InvoiceId>,
    based_on: IfMatch,
    body: Body<Cancellation>,
) -> Result<Versioned<InvoiceView>, Problem> {
    let why = body.into_inner();
    with_invoice(&desk, id, based_on, async |transaction, book, row| {
        let how = Cancelling { reason: why.reason.as_str(), to_credit: why.to_credit, rebill: why.rebill };
        cancel(transaction, book, &row, how).await
    })
    .await
}

/// Fines an invoice that is late.
#[utoipa::path(
    params(("id" = InvoiceId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = NewFine,
    responses((status = 200, body = InvoiceView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/invoices/{id}/fine")]
async fn fine(
    desk: Desk<FeesManage>,
    id: IdPath<InvoiceId>,
    based_on: IfMatch,
    body: Body<NewFine>,
) -> Result<Versioned<InvoiceView>, Problem> {
    let new = body.into_inner();
    let by_rule = new.fine_rule_id.is_some();
    if by_rule == new.amount_minor.is_some() || by_rule == new.description.is_some() {
        return Err(Problem::invalid(vec![Fault::new("/fine_rule_id", "either a rule is required, or an amount with a description")]));
    }
    let by_hand = new.amount_minor.zip(new.description);
    with_invoice(&desk, id, based_on, async |transaction, book, row| {
        only_open(&row)?;
        if let Some((amount, description)) = by_hand {
            return charge_fine(transaction, book, &row, description.into(), None, amount.minor()).await;
        }
        let Some(id) = new.fine_rule_id else { return Err(Problem::internal(anyhow::anyhow!("a fine by no rule and of no amount"))) };
        let rule = rule_in_use(transaction, id.as_uuid()).await?;
        if rule.currency != row.currency {
            return Err(Problem::invalid(vec![Fault::new("/fine_rule_id", "is for another currency")]));
        }
        let lines = lines_of(transaction, row.id).await?;
        let amount = more_by(&rule, &row, &lines, book.today);
        if amount == 0 {
            return Err(Problem::conflict(Kind::Conflict, "The rule adds nothing today."));
        }
        charge_fine(transaction, book, &row, rule.name.clone(), Some(rule.id), amount).await
    })
    .await
}

/// Gives up part of what is owed, or all of it: whoever runs the school.
#[utoipa::path(
    params(("id" = InvoiceId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = NewWaiver,
    responses((status = 200, body = InvoiceView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/invoices/{id}/waive")]
async fn waive_invoice(
    desk: Desk<FeesApprove>,
    id: IdPath<InvoiceId>,
    based_on: IfMatch,
    body: Body<NewWaiver>,
) -> Result<Versioned<InvoiceView>, Problem> {
    let new = body.into_inner();
    with_invoice(&desk, id, based_on, async |transaction, book, row| {
        only_open(&row)?;
        if new.amount_minor.minor() > row.open_minor() {
            return Err(Problem::invalid(vec![Fault::new("/amount_minor", format!("is more than what is owed, {}", row.open_minor()))]));
        }
        waive(transaction, book, &row, new.amount_minor.minor(), new.reason.as_str()).await
    })
    .await
}

/// Sets the student's credit against an invoice, the oldest first.
#[utoipa::path(
    params(("id" = InvoiceId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = InvoiceView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/invoices/{id}/apply-credit")]
async fn use_credit(desk: Desk<FeesCollect>, id: IdPath<InvoiceId>, based_on: IfMatch) -> Result<Versioned<InvoiceView>, Problem> {
    with_invoice(&desk, id, based_on, async |transaction, book, row| {
        only_open(&row)?;
        if !apply_credit(transaction, book, &row).await? {
            return Err(Problem::conflict(Kind::Conflict, "The student has no credit in this currency."));
        }
        find_invoice(transaction, row.id).await
    })
    .await
}

/// Reminds of an invoice: counts it, and tells whoever sends reminders.
#[utoipa::path(
    params(("id" = InvoiceId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = InvoiceView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/invoices/{id}/remind")]
async fn remind_of(desk: Desk<FeesManage>, id: IdPath<InvoiceId>, based_on: IfMatch) -> Result<Versioned<InvoiceView>, Problem> {
    with_invoice(&desk, id, based_on, async |transaction, book, row| {
        only_open(&row)?;
        remind(transaction, book, &row).await
    })
    .await
}
