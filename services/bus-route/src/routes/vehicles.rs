//! Vehicles.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::NaiveDate;
use domain::{Patch, Text, VehicleId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::TransportManage;
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Limit, NoContent, NotModifiedOr, Page, Params, Problem,
    Versioned, filters,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::paging::{Sort, page};
use crate::desk::Desk;
use crate::model::fleet::Vehicle;
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(remove);
}

/// A vehicle to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVehicle {
    /// The number plate; once in the school.
    #[schema(value_type = String, min_length = 1, max_length = 32, example = "KA 01 F 1234")]
    registration: Text<32>,
    /// What it is called.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    name: Option<Text<100>>,
    /// Seats for students.
    #[schema(minimum = 1, maximum = 200)]
    capacity: i32,
    /// The last day of the insurance.
    insurance_expires_on: Option<NaiveDate>,
    /// The last day of the certificate of fitness.
    fitness_expires_on: Option<NaiveDate>,
    /// The last day of the permit.
    permit_expires_on: Option<NaiveDate>,
    /// The last day of the registration.
    registration_expires_on: Option<NaiveDate>,
    /// The last day of the emission test.
    pollution_expires_on: Option<NaiveDate>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeVehicle {
    /// The number plate; once in the school.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 32)]
    registration: Option<Text<32>>,
    /// What it is called.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    name: Patch<Text<100>>,
    /// Seats for students; not less than the seats of its routes.
    #[schema(minimum = 1, maximum = 200)]
    capacity: Option<i32>,
    /// The last day of the insurance.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    insurance_expires_on: Patch<NaiveDate>,
    /// The last day of the certificate of fitness.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    fitness_expires_on: Patch<NaiveDate>,
    /// The last day of the permit.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    permit_expires_on: Patch<NaiveDate>,
    /// The last day of the registration.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    registration_expires_on: Patch<NaiveDate>,
    /// The last day of the emission test.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    pollution_expires_on: Patch<NaiveDate>,
    /// Whether it is in use.
    is_active: Option<bool>,
}

/// Which vehicles.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VehicleFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only those in use, or only those that are not.
    is_active: Option<bool>,
}
filters!(VehicleFilter);

/// The school's vehicles, by their number plates.
#[utoipa::path(tag = "bus-route", params(VehicleFilter), responses((status = 200, body = Page<Vehicle>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/vehicles")]
async fn list(desk: Desk<TransportManage>, filter: Params<VehicleFilter>) -> Result<Page<Vehicle>, Problem> {
    let sort = Sort { by: "t.registration", key: |row: &Vehicle| row.registration.clone() };
    page(&desk, "vehicles", &filter.0, sort, "$5->>'is_active' IS NULL OR t.is_active = ($5->>'is_active')::boolean").await
}

/// Adds a vehicle.
#[utoipa::path(tag = "bus-route", request_body = NewVehicle, responses((status = 201, body = Vehicle), (status = 409, description = "The school has a vehicle with this number plate."), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/vehicles")]
async fn create(desk: Desk<TransportManage>, body: Body<NewVehicle>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let now = desk.now();
        let row = Vehicle {
            id: VehicleId::generate(),
            school_id: transaction.school_id(),
            registration: new.registration.into(),
            name: new.name.map(Into::into),
            capacity: new.capacity,
            insurance_expires_on: new.insurance_expires_on,
            fitness_expires_on: new.fitness_expires_on,
            permit_expires_on: new.permit_expires_on,
            registration_expires_on: new.registration_expires_on,
            pollution_expires_on: new.pollution_expires_on,
            is_active: true,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        row.check()?;
        store::insert(transaction, &row).await?;
        Ok(Created { location: format!("/api/v1/bus/vehicles/{}", row.id), version: row.version, body: row })
    })
    .await
}

/// A vehicle.
#[utoipa::path(tag = "bus-route", params(("id" = VehicleId, Path)), responses((status = 200, body = Vehicle), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/vehicles/{id}")]
async fn show(desk: Desk<TransportManage>, id: IdPath<VehicleId>, known: IfNoneMatch) -> Result<NotModifiedOr<Vehicle>, Problem> {
    let row = store::find(&mut desk.read().await?, *id).await?;
    let version = row.version;
    Ok(NotModifiedOr(known, row, version))
}

/// Changes a vehicle.
#[utoipa::path(tag = "bus-route", params(("id" = VehicleId, Path)), request_body = ChangeVehicle, responses((status = 200, body = Vehicle), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/bus/vehicles/{id}")]
async fn change(
    desk: Desk<TransportManage>,
    id: IdPath<VehicleId>,
    based_on: IfMatch,
    body: Body<ChangeVehicle>,
) -> Result<Versioned<Vehicle>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = store::edit(transaction, *id, based_on).await?;
        let row = Vehicle {
            registration: change.registration.map_or(row.registration, Into::into),
            name: change.name.apply(row.name.and_then(|name| name.try_into().ok())).map(Into::into),
            capacity: change.capacity.unwrap_or(row.capacity),
            insurance_expires_on: change.insurance_expires_on.apply(row.insurance_expires_on),
            fitness_expires_on: change.fitness_expires_on.apply(row.fitness_expires_on),
            permit_expires_on: change.permit_expires_on.apply(row.permit_expires_on),
            registration_expires_on: change.registration_expires_on.apply(row.registration_expires_on),
            pollution_expires_on: change.pollution_expires_on.apply(row.pollution_expires_on),
            is_active: change.is_active.unwrap_or(row.is_active),
            version: row.version.next(),
            updated_at: desk.now(),
            id: row.id,
            school_id: row.school_id,
            created_at: row.created_at,
        };
        row.check()?;
        store::save(transaction, &row).await?;
        let version = row.version;
        Ok(Versioned(row, version))
    })
    .await
}

/// Removes a vehicle that nothing refers to.
#[utoipa::path(tag = "bus-route", params(("id" = VehicleId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/bus/vehicles/{id}")]
async fn remove(desk: Desk<TransportManage>, id: IdPath<VehicleId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        store::edit(transaction, *id, based_on).await?;
        store::remove(transaction, *id).await
    })
    .await?;
    Ok(NoContent)
}
