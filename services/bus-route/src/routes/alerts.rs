//! What there is to know about the buses: the office's notices, delays, and who was left behind.

use actix_web::{HttpResponse, get, patch, post};
use chrono::{DateTime, Utc};
use domain::{BusAlertId, BusRouteId, Patch, Text, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportManage;
use service_kit::{Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Limit, Page, Params, Problem, Versioned, filters};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::bus_routes::existing;
use super::paging::{Sort, page};
use crate::desk::Desk;
use crate::model::alert::{Alert, AlertKind, Effect};
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(resolve);
}

/// A notice to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBusAlert)]
pub struct NewAlert {
    /// What it means for riders.
    effect: Effect,
    /// The route that it is about; none means all.
    route_id: Option<BusRouteId>,
    /// What it says, in short.
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    header: Text<200>,
    /// What it says.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2000)]
    description: Option<Text<2000>>,
    /// From when on it holds; now unless said otherwise.
    begins_at: Option<DateTime<Utc>>,
    /// Until when; none means until it is resolved.
    ends_at: Option<DateTime<Utc>>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeBusAlert)]
pub struct ChangeAlert {
    /// What it means for riders.
    effect: Option<Effect>,
    /// What it says, in short.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    header: Option<Text<200>>,
    /// What it says.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2000)]
    description: Patch<Text<2000>>,
    /// Until when; null means until it is resolved.
    #[serde(default)]
    #[schema(value_type = Option<DateTime<Utc>>)]
    ends_at: Patch<DateTime<Utc>>,
}

/// Which alerts.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlertFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Of this kind only.
    #[param(inline)]
    kind: Option<AlertKind>,
    /// Only those that are resolved, or only those that are not.
    is_resolved: Option<bool>,
}
filters!(AlertFilter);

/// Alerts, in the order in which they came.
#[utoipa::path(tag = "bus-route", params(AlertFilter), responses((status = 200, body = Page<Alert>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/alerts")]
async fn list(desk: Desk<TransportManage>, filter: Params<AlertFilter>) -> Result<Page<Alert>, Problem> {
    let sort = Sort { by: "t.id", key: |row: &Alert| row.id.to_string() };
    let condition = "($5->>'kind' IS NULL OR t.kind = $5->>'kind')
        AND ($5->>'is_resolved' IS NULL OR (t.resolved_at IS NOT NULL) = ($5->>'is_resolved')::boolean)";
    page(&desk, "bus alerts", &filter.0, sort, condition).await
}

/// Tells riders something.
#[utoipa::path(tag = "bus-route", request_body = NewAlert, responses((status = 201, body = Alert), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/alerts")]
async fn create(desk: Desk<TransportManage>, body: Body<NewAlert>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        if let Some(route) = new.route_id {
            existing(transaction, route, "/route_id").await?;
        }
        let now = desk.now();
        let row = Alert {
            id: BusAlertId::generate(),
            school_id: transaction.school_id(),
            kind: AlertKind::Notice,
            effect: new.effect,
            route_id: new.route_id,
            trip_id: None,
            student_id: None,
            header: new.header.into(),
            description: new.description.map(Into::into),
            delay_seconds: None,
            begins_at: new.begins_at.unwrap_or(now),
            ends_at: new.ends_at,
            resolved_at: None,
            resolved_by: None,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        row.check()?;
        store::insert(transaction, &row).await?;
        Ok(Created { location: format!("/api/v1/bus/alerts/{}", row.id), version: row.version, body: row })
    })
    .await
}

/// An alert.
#[utoipa::path(tag = "bus-route", params(("id" = BusAlertId, Path)), responses((status = 200, body = Alert), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/alerts/{id}")]
async fn show(desk: Desk<TransportManage>, id: IdPath<BusAlertId>) -> Result<Versioned<Alert>, Problem> {
    let row = store::find(&mut desk.read().await?, *id).await?;
    let version = row.version;
    Ok(Versioned(row, version))
}

/// Changes what an alert says.
#[utoipa::path(tag = "bus-route", params(("id" = BusAlertId, Path)), request_body = ChangeAlert, responses((status = 200, body = Alert), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/bus/alerts/{id}")]
async fn change(
    desk: Desk<TransportManage>,
    id: IdPath<BusAlertId>,
    based_on: IfMatch,
    body: Body<ChangeAlert>,
) -> Result<Versioned<Alert>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = store::edit(transaction, *id, based_on).await?;
        let row = Alert {
            effect: change.effect.unwrap_or(row.effect),
            header: change.header.map_or(row.header, Into::into),
            description: change.description.apply(row.description.and_then(|text| text.try_into().ok())).map(Into::into),
            ends_at: change.ends_at.apply(row.ends_at),
            version: row.version.next(),
            updated_at: desk.now(),
            ..row
        };
        row.check()?;
        store::save(transaction, &row).await?;
        let version = row.version;
        Ok(Versioned(row, version))
    })
    .await
}

/// Notes that an alert is dealt with: the child was found, the detour is over. Once resolved it stays so.
#[utoipa::path(tag = "bus-route", params(("id" = BusAlertId, Path)), responses((status = 200, body = Alert), CommonProblems, EditProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/alerts/{id}/resolve")]
async fn resolve(desk: Desk<TransportManage>, id: IdPath<BusAlertId>, based_on: IfMatch) -> Result<Versioned<Alert>, Problem> {
    desk.change(async |transaction| {
        let row = store::edit(transaction, *id, based_on).await?;
        if row.resolved_at.is_some() {
            return Err(Problem::conflict(service_kit::Kind::Conflict, "This alert is resolved already."));
        }
        let now = desk.now();
        let row =
            Alert { resolved_at: Some(now), resolved_by: Some(desk.caller().user_id), version: row.version.next(), updated_at: now, ..row };
        store::save(transaction, &row).await?;
        let version = row.version;
        Ok(Versioned(row, version))
    })
    .await
}
