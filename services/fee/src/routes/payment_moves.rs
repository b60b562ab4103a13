//! What happens to a payment that was taken over the counter: a cheque is cleared or bounces, what was entered by mistake is voided. A transfer or cheque that
//! paid for several is one thing: whichever of its payments is named, it happens to all of them.

use actix_web::post;
use chrono::NaiveDate;
use domain::{Amount, Fault, PaymentId, Text};
use serde::Deserialize;
use service_kit::permits::{FeesApprove, FeesCollect};
use service_kit::{Body, CommonProblems, EditProblems, IdPath, IfMatch, MayHold, Problem, Versioned};
use store::SchoolTransaction;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::views::{PaymentView, whole_payment};
use crate::desk::{Desk, change_book};
use crate::store::{Book, PaymentRow, Reversal, charge_fine, clear, find_payment, lock_batch, lock_invoice, reverse};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(clear_cheque).service(bounce_cheque).service(void);
}

/// When the bank credited a cheque.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Clearing {
    /// The day; not one to come, nor one before the cheque was handed in.
    cleared_on: NaiveDate,
}

/// Why the bank did not honour a cheque.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounce {
    /// Why.
    reason: Text<1000>,
    /// What the invoice that it was for is fined, in minor units.
    #[schema(value_type = Option<Amount>)]
    fine_minor: Option<Amount>,
}

/// Why a payment is taken back.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Voiding {
    /// Why.
    reason: Text<1000>,
}

/// Does `work` to the payment, and to those of the same transfer or cheque, if it still is what the request is based on.
async fn with_payment<P: MayHold>(
    desk: &Desk<P>,
    id: PaymentId,
    based_on: IfMatch,
    work: impl AsyncFnOnce(&mut SchoolTransaction, &Book, &PaymentRow, &[PaymentRow]) -> Result<(), Problem>,
) -> Result<Versioned<PaymentView>, Problem> {
    change_book(desk, async |transaction, book| {
        let (row, batch) = lock_batch(transaction, id.as_uuid()).await?;
        based_on.require(row.version()?)?;
        work(transaction, book, &row, &batch).await?;
        let row = find_payment(transaction, row.id).await?;
        let version = row.version()?;
        Ok(Versioned(whole_payment(transaction, row).await?, version))
    })
    .await
}

/// Notes that the bank has credited a cheque.
#[utoipa::path(
    params(("id" = PaymentId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = Clearing,
    responses((status = 200, body = PaymentView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/payments/{id}/clear")]
async fn clear_cheque(
    desk: Desk<FeesCollect>,
    id: IdPath<PaymentId>,
    based_on: IfMatch,
    body: Body<Clearing>,
) -> Result<Versioned<PaymentView>, Problem> {
    with_payment(&desk, *id, based_on, async |transaction, book, row, batch| {
        if body.cleared_on > book.today {
            return Err(Problem::invalid(vec![Fault::new("/cleared_on", "must not be to come")]));
        }
        // Under a day that is closed nothing is booked: what came late on it stands under the next one.
        if row.booked_on.is_some_and(|day| body.cleared_on < day.min(book.today)) {
            return Err(Problem::invalid(vec![Fault::new("/cleared_on", "must not be before the cheque was handed in")]));
        }
        clear(transaction, book, batch, body.cleared_on).await
    })
    .await
}

/// Notes that the bank has not honoured a cheque: what it paid is owed again. Its receipt keeps its number.
#[utoipa::path(
    params(("id" = PaymentId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = Bounce,
    responses((status = 200, body = PaymentView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/payments/{id}/bounce")]
async fn bounce_cheque(
    desk: Desk<FeesCollect>,
    id: IdPath<PaymentId>,
    based_on: IfMatch,
    body: Body<Bounce>,
) -> Result<Versioned<PaymentView>, Problem> {
    let bounced = body.into_inner();
    with_payment(&desk, *id, based_on, async |transaction, book, row, batch| {
        reverse(transaction, book, batch, Reversal::Bounced, bounced.reason.as_str()).await?;
        if let Some(fine) = bounced.fine_minor {
            let nothing = || Problem::invalid(vec![Fault::new("/fine_minor", "there is no open invoice to fine")]);
            let invoice = lock_invoice(transaction, row.invoice_id.ok_or_else(nothing)?).await?;
            if !invoice.is_open() {
                return Err(nothing());
            }
            charge_fine(transaction, book, &invoice, "Cheque returned by the bank".to_owned(), None, fine.minor()).await?;
        }
        Ok(())
    })
    .await
}

/// Takes back what was entered by mistake over the counter: whoever runs the school. What it paid is owed again, the receipt keeps its number and is void, and
/// the same transfer or cheque may be entered again. The books take it back under the day that is open now.
#[utoipa::path(
    params(("id" = PaymentId, Path), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    request_body = Voiding,
    responses((status = 200, body = PaymentView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/payments/{id}/void")]
async fn void(
    desk: Desk<FeesApprove>,
    id: IdPath<PaymentId>,
    based_on: IfMatch,
    body: Body<Voiding>,
) -> Result<Versioned<PaymentView>, Problem> {
    with_payment(&desk, *id, based_on, async |transaction, book, _, batch| {
        reverse(transaction, book, batch, Reversal::Voided, body.reason.as_str()).await
    })
    .await
}
