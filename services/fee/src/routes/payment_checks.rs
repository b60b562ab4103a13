//! Asking a provider what became of an online payment whose webhook never came. Its answer goes the way of a webhook: it is kept as an event, counts once, and only
//! for the order, amount and currency that we asked for.

use actix_web::post;
use actix_web::web::{Data, Json};
use domain::PaymentId;
use serde::Serialize;
use service_kit::permits::FeesCollect;
use service_kit::{CommonProblems, EditProblems, IdPath, Kind, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::orders::unavailable;
use super::views::{PaymentView, whole_payment};
use crate::desk::{Desk, change_book};
use crate::providers::{ProviderError, ProviderName};
use crate::store::{Outcome, PaymentRow, find_payment, outcome_of, take};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(check);
}

/// What became of a payment.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentCheckView {
    /// `applied`: the money is there, or will not come, and that is entered now. `already known`: it was before. `not paid`: nobody has paid yet. Otherwise why the
    /// provider's answer could not be entered; it waits among the provider's events until somebody has settled it.
    outcome: String,
    /// The payment as it is now.
    payment: PaymentView,
}

/// Whether the provider can still tell something new.
fn is_undecided(payment: &PaymentRow) -> bool {
    matches!(payment.status.as_str(), "created" | "failed")
}

/// What is said of an answer that came before; what was entered then is known now.
fn said_again((outcome, needs_a_look): (String, bool)) -> (String, bool) {
    let outcome = if outcome == Outcome::Applied.as_str() { Outcome::AlreadyKnown.as_str().to_owned() } else { outcome };
    (outcome, needs_a_look)
}

/// Asks the provider what became of an online payment, and enters it as if the provider had told by itself.
#[utoipa::path(
    params(("id" = PaymentId, Path)),
    responses((status = 200, body = PaymentCheckView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/payments/{id}/check")]
async fn check(desk: Desk<FeesCollect>, id: IdPath<PaymentId>, rooms: Data<Rooms>) -> Result<Json<PaymentCheckView>, Problem> {
    let refused = |detail: &str| Problem::conflict(Kind::Conflict, detail);
    let mut transaction = desk.read().await?;
    let payment = find_payment(&mut transaction, id.as_uuid()).await?;
    let name = payment.provider.as_deref().and_then(ProviderName::named).ok_or_else(|| refused("It was not made through a provider."))?;
    if !is_undecided(&payment) {
        let payment = whole_payment(&mut transaction, payment).await?;
        return Ok(Json(PaymentCheckView { outcome: Outcome::AlreadyKnown.as_str().to_owned(), payment }));
    }
    // The provider may take its time: nobody's transaction waits for it.
    drop(transaction);
    let order = payment.provider_order_id.ok_or_else(|| refused("The provider has no order of it, so that nobody can have paid it."))?;
    let config = &rooms.platform.config().payments;
    let provider = rooms.gateways.of(config, desk.caller().school_id, name).map_err(unavailable)?;
    let provider = provider.ok_or_else(|| refused("The school has no account with the provider any more."))?;
    let found = provider.look_up(&order).await.map_err(|error| match error {
        ProviderError::Refused(reason) => {
            tracing::warn!(reason, "a provider of payments tells nothing of an order");
            refused("The provider of payments tells nothing of this order.")
        }
        error => unavailable(error),
    })?;
    let (told, payment) = change_book(&desk, async |transaction, book| {
        let mut told: Vec<(String, bool)> = Vec::with_capacity(found.len());
        for (event, payload) in &found {
            told.extend(match take(transaction, book, name.as_str(), event, payload, Some(&order)).await? {
                Some(outcome) => Some((outcome.as_str().to_owned(), outcome.needs_a_look())),
                // Somebody asked before: what became of it then is said again.
                None => outcome_of(transaction, name.as_str(), &event.id).await?.map(said_again),
            });
        }
        let row = find_payment(transaction, id.as_uuid()).await?;
        Ok((told, whole_payment(transaction, row).await?))
    })
    .await?;
    let odd = told.iter().find(|(_, needs_a_look)| *needs_a_look);
    if let Some((outcome, _)) = odd {
        tracing::error!(provider = name.as_str(), payment = %*id, outcome, "ALERT: what a provider says of a payment needs a look");
    }
    let outcome = odd.or(told.first()).map_or_else(|| "not paid".to_owned(), |(outcome, _)| outcome.clone());
    Ok(Json(PaymentCheckView { outcome, payment }))
}
