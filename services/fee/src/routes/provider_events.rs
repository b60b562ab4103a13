//! What providers told, and what became of it. What could not be entered waits until a person has settled it, who says how; what was entered is settled by that.

use actix_web::web::Json;
use actix_web::{get, post};
use chrono::{DateTime, Utc};
use domain::{Text, UserId};
use serde::{Deserialize, Serialize};
use service_kit::permits::FeesCollect;
use service_kit::{Body, CommonProblems, EditProblems, IdPath, Kind, Limit, Page, Params, Problem, filters};
use sqlx::FromRow;
use store::SchoolTransaction;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::desk::Desk;
use crate::providers::ProviderName;
use crate::store::db;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(show).service(resolve);
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderEventState {
    /// It could not be entered, and somebody must look at it.
    Open,
    /// It was entered, or there was nothing to enter.
    Applied,
    /// It could not be entered, and somebody has settled it.
    Resolved,
}

impl ProviderEventState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Applied => "applied",
            Self::Resolved => "resolved",
        }
    }
}

/// What a provider told.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProviderEventView {
    /// Its id.
    id: Uuid,
    /// The provider.
    provider: String,
    /// The provider's id of it; of what was asked for instead, `check/` and the provider's payment.
    event_id: String,
    /// The provider's name for what happened; `check` where it was asked.
    kind: String,
    /// Where it stands.
    state: ProviderEventState,
    /// What became of it, or why it could not be entered.
    outcome: Option<String>,
    /// When it came.
    received_at: DateTime<Utc>,
    /// When it was entered.
    applied_at: Option<DateTime<Utc>>,
    /// When somebody settled it.
    resolved_at: Option<DateTime<Utc>>,
    /// Who settled it.
    resolved_by: Option<UserId>,
    /// How it was settled, and why.
    resolution: Option<String>,
    /// Word for word what the provider told; null in lists.
    #[schema(value_type = Option<Object>)]
    payload: Option<serde_json::Value>,
}

/// How an event is settled.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// What was done about it, and why: it is kept with who said so and when.
    reason: Text<1000>,
}

/// Which events.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProviderEventFilter {
    /// Where they stand.
    #[param(inline)]
    state: Option<ProviderEventState>,
    /// Of this provider.
    #[param(inline)]
    provider: Option<ProviderName>,
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
}
filters!(ProviderEventFilter);

#[derive(FromRow)]
struct Row {
    id: Uuid,
    provider: String,
    event_id: String,
    kind: String,
    outcome: Option<String>,
    received_at: DateTime<Utc>,
    applied_at: Option<DateTime<Utc>>,
    resolved_at: Option<DateTime<Utc>>,
    resolved_by: Option<Uuid>,
    resolution: Option<String>,
    payload: Option<sqlx::types::Json<serde_json::Value>>,
}

impl From<Row> for ProviderEventView {
    fn from(row: Row) -> Self {
        let state = match (row.applied_at, row.resolved_at) {
            (Some(_), _) => ProviderEventState::Applied,
            (None, Some(_)) => ProviderEventState::Resolved,
            (None, None) => ProviderEventState::Open,
        };
        Self {
            id: row.id,
            provider: row.provider,
            event_id: row.event_id,
            kind: row.kind,
            state,
            outcome: row.outcome,
            received_at: row.received_at,
            applied_at: row.applied_at,
            resolved_at: row.resolved_at,
            resolved_by: row.resolved_by.map(UserId::from),
            resolution: row.resolution,
            payload: row.payload.map(|payload| payload.0),
        }
    }
}

/// What providers told, the oldest first.
#[utoipa::path(params(ProviderEventFilter), responses((status = 200, body = Page<ProviderEventView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fees/provider-events")]
async fn list(desk: Desk<FeesCollect>, filter: Params<ProviderEventFilter>) -> Result<Page<ProviderEventView>, Problem> {
    let paging = desk.paging("provider-events", &filter.0);
    let (at, id) = paging.after::<(DateTime<Utc>, Uuid)>()?.unzip();
    let mut transaction = desk.read().await?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, provider, event_id, kind, outcome, received_at, applied_at, resolved_at, resolved_by, resolution, NULL::jsonb AS payload
         FROM provider_events WHERE school_id = $1 AND ($2::text IS NULL OR provider = $2)
             AND CASE $3::text WHEN 'open' THEN applied_at IS NULL AND resolved_at IS NULL WHEN 'applied' THEN applied_at IS NOT NULL
                               WHEN 'resolved' THEN resolved_at IS NOT NULL ELSE true END
             AND ($4::timestamptz IS NULL OR (received_at, id) > ($4, $5))
         ORDER BY received_at, id LIMIT $6",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(filter.provider.map(ProviderName::as_str))
    .bind(filter.state.map(ProviderEventState::as_str))
    .bind(at)
    .bind(id)
    .bind(paging.limit().cast_signed())
    .fetch_all(transaction.connection()?)
    .await
    .map_err(db)?;
    Ok(paging.page(rows, |row| (row.received_at, row.id)).map(ProviderEventView::from))
}

async fn find(transaction: &mut SchoolTransaction, id: Uuid) -> Result<Row, Problem> {
    sqlx::query_as(
        "SELECT id, provider, event_id, kind, outcome, received_at, applied_at, resolved_at, resolved_by, resolution, payload
         FROM provider_events WHERE school_id = $1 AND id = $2",
    )
    .bind(transaction.school_id().as_uuid())
    .bind(id)
    .fetch_optional(transaction.connection()?)
    .await
    .map_err(db)?
    .ok_or_else(|| Problem::not_found("provider event"))
}

/// What a provider told, word for word.
#[utoipa::path(params(("id" = Uuid, Path)), responses((status = 200, body = ProviderEventView), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/fees/provider-events/{id}")]
async fn show(desk: Desk<FeesCollect>, id: IdPath<Uuid>) -> Result<Json<ProviderEventView>, Problem> {
    Ok(Json(find(&mut desk.read().await?, *id).await?.into()))
}

/// Settles what could not be entered. What was done about it is done elsewhere, such as by a refund; this says so, once: the same again changes nothing, and
/// whoever says something else comes too late.
#[utoipa::path(
    params(("id" = Uuid, Path)),
    request_body = Resolution,
    responses((status = 200, body = ProviderEventView), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/fees/provider-events/{id}/resolve")]
async fn resolve(desk: Desk<FeesCollect>, id: IdPath<Uuid>, body: Body<Resolution>) -> Result<Json<ProviderEventView>, Problem> {
    let reason = body.into_inner().reason;
    desk.change(async |transaction| {
        let settled = sqlx::query(
            "UPDATE provider_events SET resolved_at = $3, resolved_by = $4, resolution = $5, version = version + 1, updated_at = $3
             WHERE school_id = $1 AND id = $2 AND applied_at IS NULL AND resolved_at IS NULL",
        )
        .bind(transaction.school_id().as_uuid())
        .bind(*id)
        .bind(desk.now())
        .bind(desk.caller().user_id.as_uuid())
        .bind(reason.as_str())
        .execute(transaction.connection()?)
        .await
        .map_err(db)?;
        let row = find(transaction, *id).await?;
        if settled.rows_affected() == 0 {
            if row.applied_at.is_some() {
                return Err(Problem::conflict(Kind::Conflict, "It was entered: there is nothing to settle."));
            }
            if row.resolution.as_deref() != Some(reason.as_str()) {
                return Err(Problem::conflict(Kind::Conflict, "It is settled already, in other words."));
            }
        }
        Ok(Json(row.into()))
    })
    .await
}
