//! Runs that fine every invoice that is late by a rule.

use actix_web::web::Json;
use actix_web::{HttpRequest, HttpResponse, Responder, get, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::FineRuleId;
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesManage;
use service_kit::{Accepted, Body, CommonProblems, EditProblems, IdPath, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::store::{Book, FineRunRow, begin_fine_run, find_fine_run};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(fine_late).service(show);
}

/// By which rule what is late is fined.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFineRun {
    /// The rule; one in use.
    fine_rule_id: FineRuleId,
}

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub struct FineRunView {
    /// Its id.
    id: Uuid,
    /// The rule.
    fine_rule_id: FineRuleId,
    /// The day on which what is late is reckoned.
    as_of: NaiveDate,
    /// `queued`, `running`, `succeeded` or `failed`.
    status: String,
    /// Late invoices in the rule's currency that were looked at.
    invoices: i64,
    /// Those that were fined: the rule came to more than it had charged before.
    fined: i64,
    /// The fines together, in minor units of the rule's currency.
    amount_minor: i64,
    /// Why it failed.
    error: Option<String>,
    /// When it was started.
    started_at: Option<DateTime<Utc>>,
    /// When it was done.
    finished_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    created_at: DateTime<Utc>,
}

impl From<FineRunRow> for FineRunView {
    fn from(row: FineRunRow) -> Self {
        let tally = row.result.map(|tally| tally.0).unwrap_or_default();
        Self {
            id: row.id,
            fine_rule_id: row.input.fine_rule_id.into(),
            as_of: row.input.as_of,
            status: row.status,
            invoices: tally.invoices,
            fined: tally.fined,
            amount_minor: tally.amount_minor,
            error: row.error,
            started_at: row.started_at,
            finished_at: row.finished_at,
            created_at: row.created_at,
        }
    }
}

/// Fines every invoice that is late today by a rule, after the answer. Asked for twice, it is one run; run twice, nothing is charged twice.
#[utoipa::path(
    request_body = NewFineRun,
    responses((status = 202, body = FineRunView, description = "`Location` tells where to ask how it goes."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/fees/fine-runs")]
async fn fine_late(desk: Desk<FeesManage>, request: HttpRequest, body: Body<NewFineRun>) -> Result<HttpResponse, Problem> {
    let run = desk
        .change(async |transaction| {
            let book = Book::open(transaction, Some(desk.caller().actor()), desk.now()).await?;
            begin_fine_run(transaction, &book, body.fine_rule_id.as_uuid()).await
        })
        .await?;
    let location = format!("/api/v1/fees/fine-runs/{}", run.id);
    Ok(Accepted { body: FineRunView::from(run), location }.respond_to(&request).map_into_boxed_body())
}

/// How a run goes.
#[utoipa::path(params(("id" = Uuid, Path)), responses((status = 200, body = FineRunView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fees/fine-runs/{id}")]
async fn show(desk: Desk<FeesManage>, id: IdPath<Uuid>) -> Result<Json<FineRunView>, Problem> {
    Ok(Json(find_fine_run(&mut desk.read().await?, *id).await?.into()))
}
