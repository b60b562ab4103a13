//! Routes. Their stops are in [`super::stops`].

use actix_web::{HttpResponse, delete, get, patch, post};
use domain::{BusRouteId, Patch, StaffId, Text, VehicleId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportManage;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use store::{SchoolTransaction, StoreError};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::paging::{Sort, page};
use super::wrong;
use crate::desk::Desk;
use crate::model::route::BusRoute;
use crate::store as tables;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(remove);
}

/// A route to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBusRoute {
    /// What it is called; once in the school.
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Text<100>,
    /// What stands on the front of the bus; once in the school.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 32)]
    code: Option<Text<32>>,
    /// The vehicle that usually runs it.
    vehicle_id: Option<VehicleId>,
    /// Who usually drives it: a driver, by the staff id.
    driver_staff_id: Option<StaffId>,
    /// Seats that can be given out in each direction, on each day; not more than the vehicle has.
    #[schema(minimum = 1, maximum = 200)]
    capacity: i32,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBusRoute {
    /// What it is called; once in the school.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    name: Option<Text<100>>,
    /// What stands on the front of the bus; once in the school.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 32)]
    code: Patch<Text<32>>,
    /// The vehicle that usually runs it.
    #[serde(default)]
    #[schema(value_type = Option<VehicleId>)]
    vehicle_id: Patch<VehicleId>,
    /// Who usually drives it: a driver, by the staff id.
    #[serde(default)]
    #[schema(value_type = Option<StaffId>)]
    driver_staff_id: Patch<StaffId>,
    /// Seats; not less than are taken on any day.
    #[schema(minimum = 1, maximum = 200)]
    capacity: Option<i32>,
    /// Whether it is run.
    is_active: Option<bool>,
}

/// Which routes.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BusRouteFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only those that are run, or only those that are not.
    is_active: Option<bool>,
}
filters!(BusRouteFilter);

/// The school's routes, by name.
#[utoipa::path(tag = "bus-route", params(BusRouteFilter), responses((status = 200, body = Page<BusRoute>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/routes")]
async fn list(desk: Desk<TransportManage>, filter: Params<BusRouteFilter>) -> Result<Page<BusRoute>, Problem> {
    let sort = Sort { by: "t.name", key: |row: &BusRoute| row.name.clone() };
    page(&desk, "bus routes", &filter.0, sort, "$5->>'is_active' IS NULL OR t.is_active = ($5->>'is_active')::boolean").await
}

/// Adds a route, without stops yet.
#[utoipa::path(tag = "bus-route", request_body = NewBusRoute, responses((status = 201, body = BusRoute), (status = 409, description = "The name or the code is taken, or the vehicle has fewer seats."), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/routes")]
async fn create(desk: Desk<TransportManage>, body: Body<NewBusRoute>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let now = desk.now();
        let row = BusRoute {
            id: BusRouteId::generate(),
            school_id: transaction.school_id(),
            name: new.name.into(),
            code: new.code.map(Into::into),
            vehicle_id: new.vehicle_id,
            driver_staff_id: new.driver_staff_id,
            capacity: new.capacity,
            is_active: true,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        check(transaction, &row).await?;
        tables::insert(transaction, &row).await?;
        Ok(Created { location: format!("/api/v1/bus/routes/{}", row.id), version: row.version, body: row })
    })
    .await
}

/// A route.
#[utoipa::path(tag = "bus-route", params(("id" = BusRouteId, Path)), responses((status = 200, body = BusRoute), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/routes/{id}")]
async fn show(desk: Desk<TransportManage>, id: IdPath<BusRouteId>, known: IfNoneMatch) -> Result<NotModifiedOr<BusRoute>, Problem> {
    let row = tables::find(&mut desk.read().await?, *id).await?;
    let version = row.version;
    Ok(NotModifiedOr(known, row, version))
}

/// Changes a route.
#[utoipa::path(tag = "bus-route", params(("id" = BusRouteId, Path)), request_body = ChangeBusRoute, responses((status = 200, body = BusRoute), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/bus/routes/{id}")]
async fn change(
    desk: Desk<TransportManage>,
    id: IdPath<BusRouteId>,
    based_on: IfMatch,
    body: Body<ChangeBusRoute>,
) -> Result<Versioned<BusRoute>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = tables::edit(transaction, *id, based_on).await?;
        let had = row.capacity;
        let row = BusRoute {
            name: change.name.map_or(row.name, Into::into),
            code: change.code.apply(row.code.and_then(|code| code.try_into().ok())).map(Into::into),
            vehicle_id: change.vehicle_id.apply(row.vehicle_id),
            driver_staff_id: change.driver_staff_id.apply(row.driver_staff_id),
            capacity: change.capacity.unwrap_or(row.capacity),
            is_active: change.is_active.unwrap_or(row.is_active),
            version: row.version.next(),
            updated_at: desk.now(),
            id: row.id,
            school_id: row.school_id,
            created_at: row.created_at,
        };
        check(transaction, &row).await?;
        if row.capacity < had {
            tables::pack_seats(transaction, &row, desk.now()).await?;
        }
        tables::save(transaction, &row).await?;
        let version = row.version;
        Ok(Versioned(row, version))
    })
    .await
}

/// Removes a route that nothing refers to, with its stops.
#[utoipa::path(tag = "bus-route", params(("id" = BusRouteId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/bus/routes/{id}")]
async fn remove(desk: Desk<TransportManage>, id: IdPath<BusRouteId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        tables::edit(transaction, *id, based_on).await?;
        tables::remove(transaction, *id).await
    })
    .await?;
    Ok(NoContent)
}

/// What a route's own values must satisfy. That it fits its vehicle is a constraint.
async fn check(transaction: &mut SchoolTransaction, row: &BusRoute) -> Result<(), Problem> {
    let mut faults = domain::Faults::none();
    faults.require((1..=200).contains(&row.capacity), "/capacity", "must be from 1 to 200");
    if let Some(vehicle) = row.vehicle_id {
        let found = tables::look(transaction, vehicle).await?;
        faults.require(found.is_some_and(|vehicle| vehicle.is_active), "/vehicle_id", "there is no such vehicle in use in this school");
    }
    if let Some(staff) = row.driver_staff_id {
        faults.require(is_driver(transaction, staff).await?, "/driver_staff_id", "is no driver of this school");
    }
    Ok(faults.into_result()?)
}

/// Whether the member of staff is a driver who drives these days.
pub(super) async fn is_driver(transaction: &mut SchoolTransaction, staff: StaffId) -> Result<bool, Problem> {
    let school = transaction.school_id();
    let found: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM bus_drivers WHERE school_id = $1 AND staff_id = $2 AND is_active)")
        .bind(school.as_uuid())
        .bind(staff.as_uuid())
        .fetch_one(transaction.connection()?)
        .await
        .map_err(StoreError::from)?;
    Ok(found)
}

/// 404 if there is no such route.
pub(super) async fn existing(transaction: &mut SchoolTransaction, id: BusRouteId, pointer: &str) -> Result<BusRoute, Problem> {
    let route = tables::lock(transaction, id).await?.filter(|route| route.is_active);
    route.ok_or_else(|| wrong(pointer, "there is no such route in this school that is run"))
}
