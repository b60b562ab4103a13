//! Orders: somebody is about to pay online. The payment is written first, so that what the provider tells finds it; then the provider is asked, under the
//! payment's id, so that asking twice is asking once.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, post};
use domain::{Amount, Fault, InvoiceId, PaymentId};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesPay;
use service_kit::{Body, CommonProblems, Created, EditProblems, IdempotencyKey, Kind, Problem};
use store::SchoolTransaction;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;
use write_behind::natural_id;

use super::{Rooms, access};
use crate::desk::{Desk, change_book};
use crate::providers::{OrderRequest, ProviderError, ProviderName, Sum};
use crate::store::{Book, InvoiceRow, PaymentRow, db, find_invoice, find_payment, not_ordered, ordered};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(order);
}

/// What somebody is about to pay.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPaymentOrder {
    /// The invoice.
    invoice_id: InvoiceId,
    /// Through whom.
    provider: ProviderName,
    /// How much, in minor units of the invoice's currency; left out: all that is owed.
    #[schema(value_type = Option<Amount>)]
    amount_minor: Option<Amount>,
}

/// What a checkout needs.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentOrderView {
    /// Our payment: `captured` once the provider has the money.
    payment_id: PaymentId,
    /// Through whom.
    provider: ProviderName,
    /// The provider's order, or payment intent.
    provider_order_id: String,
    /// How much, in minor units.
    amount_minor: i64,
    /// The currency.
    currency: String,
    /// Razorpay's public key, for its checkout.
    key_id: Option<String>,
    /// Stripe's secret of this payment, for its checkout.
    client_secret: Option<String>,
}

pub(super) fn unavailable(error: ProviderError) -> Problem {
    match error {
        ProviderError::Away(reason) => {
            tracing::warn!(reason, "a provider of payments is away");
            Problem::unavailable(std::time::Duration::from_secs(5), "The provider of payments")
        }
        ProviderError::Refused(reason) => {
            tracing::warn!(reason, "a provider of payments refused an order");
            Problem::conflict(Kind::Conflict, "The provider of payments refused the order.")
        }
        ProviderError::Unpayable(reason) => Problem::invalid(vec![Fault::new("/amount_minor", reason)]),
        ProviderError::Unusable(reason) => Problem::internal(anyhow::anyhow!(reason)),
    }
}

/// Writes the payment that the order is for, or finds the one that the same key made.
async fn begin(
    transaction: &mut SchoolTransaction,
    book: &Book,
    id: Uuid,
    new: &NewPaymentOrder,
    invoice: &InvoiceRow,
) -> Result<PaymentRow, Problem> {
    let known = match find_payment(transaction, id).await {
        Ok(row) => Some(row),
        Err(problem) if problem.kind() == Kind::NotFound => None,
        Err(problem) => return Err(problem),
    };
    if let Some(row) = known {
        let same = row.invoice_id == Some(invoice.id)
            && row.provider.as_deref() == Some(new.provider.as_str())
            && new.amount_minor.is_none_or(|amount| amount.minor() == row.amount_minor);
        return if same {
            Ok(row)
        } else {
            Err(Problem::new(Kind::IdempotencyKeyReused, "This Idempotency-Key came with another body before."))
        };
    }
    if !invoice.is_open() {
        return Err(Problem::conflict(Kind::Conflict, invoice.why_not_open()));
    }
    let amount = new.amount_minor.map_or(invoice.open_minor(), Amount::minor);
    if amount > invoice.open_minor() {
        return Err(Problem::invalid(vec![Fault::new("/amount_minor", format!("is more than what is owed, {}", invoice.open_minor()))]));
    }
    // Any conflict: the id is in more than one unique index, and whoever comes at the same instant may meet another one first.
    sqlx::query(
        "INSERT INTO payments (school_id, id, student_id, invoice_id, method, provider, currency, amount_minor, created_at, updated_at)
         VALUES ($1, $2, $3, $4, 'online', $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(id)
    .bind(invoice.student_id)
    .bind(invoice.id)
    .bind(new.provider.as_str())
    .bind(&invoice.currency)
    .bind(amount)
    .bind(book.now)
    .execute(transaction.connection()?)
    .await
    .map_err(db)?;
    find_payment(transaction, id).await
}

/// Makes an order at a provider's, over an invoice that the caller may see. Nothing is paid by it; the provider tells when it is.
#[utoipa::path(
    params(("Idempotency-Key" = String, Header, description = "Required: the same order asked for again is one order.")),
    request_body = NewPaymentOrder,
    responses((status = 201, body = PaymentOrderView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/payments/orders")]
async fn order(
    desk: Desk<FeesPay>,
    key: IdempotencyKey,
    rooms: Data<Rooms>,
    request: actix_web::HttpRequest,
    body: Body<NewPaymentOrder>,
) -> Result<HttpResponse, Problem> {
    let caller = *desk.caller();
    let new = body.into_inner();
    let invoice = find_invoice(&mut desk.read().await?, new.invoice_id.as_uuid()).await?;
    access::see(&desk, invoice.student_id.into(), "invoice").await?;
    if invoice.issued_at.is_none() && !caller.role.is_office() {
        return Err(Problem::not_found("invoice"));
    }
    let config = &rooms.platform.config().payments;
    let provider = rooms.gateways.of(config, caller.school_id, new.provider).map_err(unavailable)?;
    let provider =
        provider.ok_or_else(|| Problem::invalid(vec![Fault::new("/provider", "the school has no account with this provider")]))?;
    let id =
        natural_id("payment_order", &[caller.school_id.as_uuid().as_bytes(), caller.user_id.as_uuid().as_bytes(), key.as_str().as_bytes()]);
    let payment = change_book(&desk, async |transaction, book| begin(transaction, book, id, &new, &invoice).await).await?;
    let made = if let Some(known) = &payment.provider_order_id {
        provider.find_order(known).await.map_err(unavailable)?
    } else {
        let currency = payment.currency.parse().map_err(Problem::internal)?;
        let asked = OrderRequest {
            payment_id: payment.id,
            school_id: caller.school_id,
            sum: Sum { minor: payment.amount_minor, currency },
            description: format!("Invoice {}", invoice.number.as_deref().unwrap_or(&invoice.period)),
        };
        match provider.create_order(&asked).await {
            Err(error @ (ProviderError::Refused(_) | ProviderError::Unpayable(_))) => {
                change_book(&desk, async |transaction, book| not_ordered(transaction, book, id, &error.to_string()).await).await?;
                return Err(unavailable(error));
            }
            other => other.map_err(unavailable)?,
        }
    };
    let row = change_book(&desk, async |transaction, book| ordered(transaction, book, id, &made.id).await).await?;
    let order_id = row.provider_order_id.clone().unwrap_or_default();
    let view = PaymentOrderView {
        payment_id: row.id.into(),
        provider: new.provider,
        amount_minor: row.amount_minor,
        currency: row.currency.clone(),
        key_id: made.key_id,
        // A secret of an order that did not count would pay nothing.
        client_secret: made.client_secret.filter(|_| made.id == order_id),
        provider_order_id: order_id,
    };
    let created = Created { location: format!("/api/v1/payments/{id}"), version: row.version()?, body: view };
    let mut response = created.respond_to(&request).map_into_boxed_body();
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    Ok(response)
}
