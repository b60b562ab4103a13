//! Refunds.

use actix_web::{HttpResponse, get, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Amount, ClassId, PaymentId, RefundId, StudentId, Text};
use serde::{Deserialize, Serialize};
use service_kit::permits::{FeesCollect, FeesRead};
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IdempotencyKey, Limit, Page, Params, Problem, filters};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::access;
use super::views::RefundView;
use crate::desk::{Desk, create_in_book};
use crate::store::{NewRefund, RefundRow, begin_refund, db, find_payment, lock_payment, refunds_of};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_all).service(list).service(give_back);
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

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// On its way through the provider.
    Pending,
    /// The money went.
    Succeeded,
    /// It did not.
    Failed,
}

impl RefundStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// Which refunds.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RefundFilter {
    /// Of this student's payments.
    #[param(inline)]
    student_id: Option<StudentId>,
    /// Of students whose home class is this one.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// In this state.
    #[param(inline)]
    status: Option<RefundStatus>,
    /// Asked for on this day (UTC) or later.
    #[param(inline)]
    from: Option<NaiveDate>,
    /// Asked for on this day (UTC) or earlier.
    #[param(inline)]
    to: Option<NaiveDate>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(RefundFilter);

/// A refund, and whose money it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedRefundView {
    /// Whose fees the payment had paid.
    student_id: StudentId,
    /// The refund.
    #[serde(flatten)]
    refund: RefundView,
}

#[derive(FromRow)]
struct Listed {
    student_id: Uuid,
    #[sqlx(flatten)]
    refund: RefundRow,
}

/// The refunds that the caller may see, the oldest first.
#[utoipa::path(params(RefundFilter), responses((status = 200, body = Page<ListedRefundView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/refunds")]
async fn list_all(desk: Desk<FeesRead>, filter: Params<RefundFilter>) -> Result<Page<ListedRefundView>, Problem> {
    let paging = desk.paging("refunds", &filter.0);
    let (at, id) = paging.after::<(DateTime<Utc>, Uuid)>()?.unzip();
    let visible = access::visible(&desk).await?;
    let mut transaction = desk.read().await?;
    let rows: Vec<Listed> = sqlx::query_as(
        "SELECT p.student_id, r.* FROM refunds r JOIN payments p ON p.school_id = r.school_id AND p.id = r.payment_id
         WHERE r.school_id = $1 AND ($2::uuid[] IS NULL OR p.student_id = ANY($2)) AND ($3::uuid IS NULL OR p.student_id = $3)
             AND ($4::uuid IS NULL OR EXISTS (SELECT FROM students s WHERE s.school_id = $1 AND s.id = p.student_id AND s.class_id = $4))
             AND ($5::text IS NULL OR r.status = $5) AND ($6::date IS NULL OR r.created_at >= $6::timestamp AT TIME ZONE 'UTC')
             AND ($7::date IS NULL OR r.created_at < ($7 + 1)::timestamp AT TIME ZONE 'UTC')
             AND ($8::timestamptz IS NULL OR (r.created_at, r.id) > ($8, $9))
         ORDER BY r.created_at, r.id LIMIT $10",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(visible)
    .bind(filter.student_id.map(StudentId::as_uuid))
    .bind(filter.class_id.map(ClassId::as_uuid))
    .bind(filter.status.map(RefundStatus::as_str))
    .bind(filter.from)
    .bind(filter.to)
    .bind(at)
    .bind(id)
    .bind(paging.limit().cast_signed())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    let view = |row: Listed| ListedRefundView { student_id: row.student_id.into(), refund: row.refund.into() };
    Ok(paging.page(rows, |row| (row.refund.created_at, row.refund.id)).map(view))
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
    let items = refunds_of(&mut transaction, &[payment.id]).await?;
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
