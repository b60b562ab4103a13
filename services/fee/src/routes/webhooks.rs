//! What providers tell. Nobody logs in here: the signature says who it is, and the path whose money it is about.
//!
//! Whatever is signed is kept and answered with 200, also if it is about nothing of ours: sending it again would not help. What needs a look stands in the
//! reconciliation.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, post, web};
use domain::{SchoolId, ServiceName};
use serde::Serialize;
use service_kit::extract::read_payload;
use service_kit::{CommonProblems, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::providers::{ProviderName, WebhookError};
use crate::remember::commit;
use crate::store::{Book, Outcome, take};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(hear);
}

/// What an event may measure.
const MOST: usize = 256 * 1024;

/// What became of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct Heard {
    /// `applied`, `already known`, or why not.
    outcome: &'static str,
}

/// Takes an event of a provider.
#[utoipa::path(
    params(("provider" = ProviderName, Path, description = "Who tells."), ("school_id" = SchoolId, Path, description = "The school whose account it is.")),
    request_body(content = String, content_type = "application/json", description = "The event, as the provider signs it."),
    responses((status = 200, body = Heard), CommonProblems),
    security(())
)]
#[post("/api/v1/webhooks/{provider}/{school_id}")]
async fn hear(
    request: HttpRequest,
    path: Path<(String, String)>,
    payload: web::Payload,
    rooms: Data<Rooms>,
) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::not_found("webhook");
    let (provider, school) = path.into_inner();
    let name = ProviderName::named(&provider).ok_or_else(unknown)?;
    let school: SchoolId = school.parse().map_err(|_| unknown())?;
    let platform = &rooms.platform;
    let account = rooms.gateways.of(&platform.config().payments, school, name).map_err(Problem::internal)?.ok_or_else(unknown)?;
    let body = read_payload(&request, payload.into_inner(), MOST).await?;
    let now = platform.clock().now();
    let event = account.read_webhook(request.headers(), &body, now).map_err(|error| {
        metrics::counter!("payment_webhooks_total", "provider" => name.as_str(), "outcome" => "refused").increment(1);
        tracing::warn!(provider = name.as_str(), %school, %error, "a webhook is refused");
        match error {
            WebhookError::Signature | WebhookError::Stale => Problem::unauthenticated("The signature is missing, wrong or too old."),
            WebhookError::Unreadable => Problem::malformed("The event can't be read."),
        }
    })?;
    let json: serde_json::Value = serde_json::from_slice(&body).map_err(|_| Problem::malformed("The event can't be read."))?;
    let mut transaction = platform.postgres(ServiceName::Fee).school(school).await?;
    let book = Book::open(&mut transaction, None, now).await?;
    let outcome = take(&mut transaction, &book, name.as_str(), &event, &json, None).await?;
    commit(platform, transaction, &book).await?;
    let told = outcome.map_or("already known", |outcome| outcome.as_str());
    metrics::counter!("payment_webhooks_total", "provider" => name.as_str(), "outcome" => told).increment(1);
    if outcome.is_some_and(Outcome::needs_a_look) {
        tracing::error!(provider = name.as_str(), %school, event = event.id, outcome = told, "ALERT: an event of a provider needs a look");
    }
    Ok(HttpResponse::Ok().json(Heard { outcome: told }))
}
