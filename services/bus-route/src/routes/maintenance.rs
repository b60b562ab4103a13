//! Work on a vehicle: planned, and done.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::NaiveDate;
use domain::{MaintenanceId, Patch, Text, VehicleId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportManage;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, Limit, NoContent, Page, Params, Problem, Versioned, filters,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::paging::{Sort, page};
use crate::desk::Desk;
use crate::model::fleet::{Maintenance, MaintenanceKind};
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(remove);
}

/// Work to be done, or that was.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewVehicleMaintenance)]
pub struct NewMaintenance {
    /// The vehicle.
    vehicle_id: VehicleId,
    /// What kind of work it is.
    kind: MaintenanceKind,
    /// What is to be done, or was.
    #[schema(value_type = String, min_length = 1, max_length = 1000)]
    description: Text<1000>,
    /// By which day it is due.
    due_on: Option<NaiveDate>,
    /// At which reading of the odometer it is due.
    #[schema(minimum = 0)]
    due_at_km: Option<i32>,
    /// The day on which it was done.
    done_on: Option<NaiveDate>,
    /// What the odometer read then.
    #[schema(minimum = 0)]
    odometer_km: Option<i32>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeVehicleMaintenance)]
pub struct ChangeMaintenance {
    /// What is to be done, or was.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    description: Option<Text<1000>>,
    /// By which day it is due.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    due_on: Patch<NaiveDate>,
    /// At which reading of the odometer it is due.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 0)]
    due_at_km: Patch<i32>,
    /// The day on which it was done.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    done_on: Patch<NaiveDate>,
    /// What the odometer read then.
    #[serde(default)]
    #[schema(value_type = Option<i32>, minimum = 0)]
    odometer_km: Patch<i32>,
}

/// Which work.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MaintenanceFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// On this vehicle only.
    #[param(inline)]
    vehicle_id: Option<VehicleId>,
    /// Only what is done, or only what is not.
    is_done: Option<bool>,
}
filters!(MaintenanceFilter);

/// Work on the school's vehicles, in the order in which it was noted.
#[utoipa::path(tag = "bus-route", params(MaintenanceFilter), responses((status = 200, body = Page<Maintenance>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/maintenance")]
async fn list(desk: Desk<TransportManage>, filter: Params<MaintenanceFilter>) -> Result<Page<Maintenance>, Problem> {
    let sort = Sort { by: "t.id", key: |row: &Maintenance| row.id.to_string() };
    let condition = "($5->>'vehicle_id' IS NULL OR t.vehicle_id = ($5->>'vehicle_id')::uuid)
        AND ($5->>'is_done' IS NULL OR (t.done_on IS NOT NULL) = ($5->>'is_done')::boolean)";
    page(&desk, "maintenance", &filter.0, sort, condition).await
}

/// Notes work.
#[utoipa::path(tag = "bus-route", request_body = NewMaintenance, responses((status = 201, body = Maintenance), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/maintenance")]
async fn create(desk: Desk<TransportManage>, body: Body<NewMaintenance>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let now = desk.now();
        let row = Maintenance {
            id: MaintenanceId::generate(),
            school_id: transaction.school_id(),
            vehicle_id: new.vehicle_id,
            kind: new.kind,
            description: new.description.into(),
            due_on: new.due_on,
            due_at_km: new.due_at_km,
            done_on: new.done_on,
            odometer_km: new.odometer_km,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        row.check()?;
        store::insert(transaction, &row).await?;
        Ok(Created { location: format!("/api/v1/bus/maintenance/{}", row.id), version: row.version, body: row })
    })
    .await
}

/// A piece of work.
#[utoipa::path(tag = "bus-route", params(("id" = MaintenanceId, Path)), responses((status = 200, body = Maintenance), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/maintenance/{id}")]
async fn show(desk: Desk<TransportManage>, id: IdPath<MaintenanceId>) -> Result<Versioned<Maintenance>, Problem> {
    let row = store::find(&mut desk.read().await?, *id).await?;
    let version = row.version;
    Ok(Versioned(row, version))
}

/// Changes a piece of work: such as that it is done.
#[utoipa::path(tag = "bus-route", params(("id" = MaintenanceId, Path)), request_body = ChangeMaintenance, responses((status = 200, body = Maintenance), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/bus/maintenance/{id}")]
async fn change(
    desk: Desk<TransportManage>,
    id: IdPath<MaintenanceId>,
    based_on: IfMatch,
    body: Body<ChangeMaintenance>,
) -> Result<Versioned<Maintenance>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = store::edit(transaction, *id, based_on).await?;
        let row = Maintenance {
            description: change.description.map_or(row.description, Into::into),
            due_on: change.due_on.apply(row.due_on),
            due_at_km: change.due_at_km.apply(row.due_at_km),
            done_on: change.done_on.apply(row.done_on),
            odometer_km: change.odometer_km.apply(row.odometer_km),
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

/// Removes a piece of work that was noted by mistake.
#[utoipa::path(tag = "bus-route", params(("id" = MaintenanceId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/bus/maintenance/{id}")]
async fn remove(desk: Desk<TransportManage>, id: IdPath<MaintenanceId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        store::edit(transaction, *id, based_on).await?;
        store::remove(transaction, *id).await
    })
    .await?;
    Ok(NoContent)
}
