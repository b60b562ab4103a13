//! Refunds.

use actix_web::{HttpResponse, get, post};
use domain::{Amount, PaymentId, RefundId, Text};
use serde::{Deserialize, Serialize};
use service_kit::permits::{FeesCollect, FeesRead};
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IdempotencyKey, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::access;
use super::views::RefundView;
use crate::desk::{Desk, create_in_book};
use crate::store::{NewRefund, begin_refund, find_payment, lock_payment, refunds_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(give_back);
}

/// How money goes back over the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundMethod {
    /// Notes and coins.
    Cash,
    /// A transfer.
    BankTransfer,
    /// A transfer by UPI.
    Upi,
    /// A cheque.
    Cheque,
}

impl RefundMethod {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::BankTransfer => "bank_transfer",
            Self::Upi => "upi",
            Self::Cheque => "cheque",
        }
    }
}

/// Money to be given back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefundOf {
    /// How much, in minor units: at most what was paid and not given back.
    amount_minor: Amount,
    /// How; left out for a payment through a provider, through whom it goes back.
    method: Option<RefundMethod>,
    /// The number of the transfer or cheque.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    reference: Option<Text<64>>,
    /// Why.
    reason: Text<1000>,
}

/// The refunds of a payment.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundList {
    /// The oldest first.
    items: Vec<RefundView>,
}

/// The refunds of a payment.
#[utoipa::path(params(("id" = PaymentId, Path)), responses((status = 200, body = RefundList), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/payments/{id}/refunds")]
async fn list(desk: Desk<FeesRead>, id: IdPath<PaymentId>) -> Result<actix_web::web::Json<RefundList>, Problem> {
    let visible = access::visible(&desk).await?;
    let mut transaction = desk.read().await?;
    let payment = find_payment(&mut transaction, id.as_uuid()).await?;
    access::among(visible.as_deref(), payment.student_id, "payment")?;
    let items = refunds_of(&mut transaction, payment.id).await?;
    Ok(actix_web::web::Json(RefundList { items: items.into_iter().map(RefundView::from).collect() }))
}

/// Gives money back. Credit goes first; then what the payment has paid is owed again, the last invoice first. Through a provider it is pending until the
/// provider says what became of it.
#[utoipa::path(
    params(("id" = PaymentId, Path), ("Idempotency-Key" = String, Header, description = "Required: the same refund sent again is made once.")),
    request_body = NewRefundOf,
    responses((status = 201, body = RefundView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/payments/{id}/refunds")]
async fn give_back(
    desk: Desk<FeesCollect>,
    id: IdPath<PaymentId>,
    _key: IdempotencyKey,
    body: Body<NewRefundOf>,
) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    create_in_book(&desk, &body.0, async |transaction, book| {
        let payment = lock_payment(transaction, id.as_uuid()).await?;
        let refund = NewRefund {
            amount: new.amount_minor.minor(),
            method: new.method.map(RefundMethod::as_str),
            reference: new.reference.as_ref().map(Text::as_str),
            reason: new.reason.as_str(),
        };
        let row = begin_refund(transaction, book, &payment, refund).await?;
        let version = row.version()?;
        let location = format!("/api/v1/payments/{}/refunds#{}", payment.id, RefundId::from(row.id));
        Ok(Created { location, version, body: RefundView::from(row) })
    })
    .await
}
