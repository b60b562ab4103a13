//! Drivers: members of staff who may drive.

use actix_web::{HttpResponse, delete, get, patch, post};
use chrono::NaiveDate;
use domain::{DriverId, Patch, StaffId, Text, Version};
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
use crate::model::fleet::Driver;
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change).service(remove);
}

/// A driver to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBusDriver)]
pub struct NewDriver {
    /// The member of staff.
    staff_id: StaffId,
    /// The number of the driving licence; once in the school.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    licence_number: Text<64>,
    /// The last day of the licence.
    licence_expires_on: NaiveDate,
    /// The last day of the public service badge.
    badge_expires_on: Option<NaiveDate>,
    /// Where to reach the driver.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 32)]
    phone: Option<Text<32>>,
}

/// What changes; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeBusDriver)]
pub struct ChangeDriver {
    /// The number of the driving licence; once in the school.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    licence_number: Option<Text<64>>,
    /// The last day of the licence.
    licence_expires_on: Option<NaiveDate>,
    /// The last day of the public service badge.
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    badge_expires_on: Patch<NaiveDate>,
    /// Where to reach the driver.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 32)]
    phone: Patch<Text<32>>,
    /// Whether the driver drives these days.
    is_active: Option<bool>,
}

/// Which drivers.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DriverFilter {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// Only those who drive these days, or only those who don't.
    is_active: Option<bool>,
}
filters!(DriverFilter);

/// The school's drivers, in the order in which they were added.
#[utoipa::path(tag = "bus-route", params(DriverFilter), responses((status = 200, body = Page<Driver>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/drivers")]
async fn list(desk: Desk<TransportManage>, filter: Params<DriverFilter>) -> Result<Page<Driver>, Problem> {
    let sort = Sort { by: "t.id", key: |row: &Driver| row.id.to_string() };
    page(&desk, "drivers", &filter.0, sort, "$5->>'is_active' IS NULL OR t.is_active = ($5->>'is_active')::boolean").await
}

/// Adds a driver.
#[utoipa::path(tag = "bus-route", request_body = NewDriver, responses((status = 201, body = Driver), (status = 409, description = "The member of staff is a driver already, or another driver has the licence."), CommonProblems), security(("bearer" = [])))]
#[post("/api/v1/bus/drivers")]
async fn create(desk: Desk<TransportManage>, body: Body<NewDriver>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let now = desk.now();
        let row = Driver {
            id: DriverId::generate(),
            school_id: transaction.school_id(),
            staff_id: new.staff_id,
            licence_number: new.licence_number.into(),
            licence_expires_on: new.licence_expires_on,
            badge_expires_on: new.badge_expires_on,
            phone: new.phone.map(Into::into),
            is_active: true,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        store::insert(transaction, &row).await?;
        Ok(Created { location: format!("/api/v1/bus/drivers/{}", row.id), version: row.version, body: row })
    })
    .await
}

/// A driver.
#[utoipa::path(tag = "bus-route", params(("id" = DriverId, Path)), responses((status = 200, body = Driver), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/drivers/{id}")]
async fn show(desk: Desk<TransportManage>, id: IdPath<DriverId>, known: IfNoneMatch) -> Result<NotModifiedOr<Driver>, Problem> {
    let row = store::find(&mut desk.read().await?, *id).await?;
    let version = row.version;
    Ok(NotModifiedOr(known, row, version))
}

/// Changes a driver.
#[utoipa::path(tag = "bus-route", params(("id" = DriverId, Path)), request_body = ChangeDriver, responses((status = 200, body = Driver), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/bus/drivers/{id}")]
async fn change(
    desk: Desk<TransportManage>,
    id: IdPath<DriverId>,
    based_on: IfMatch,
    body: Body<ChangeDriver>,
) -> Result<Versioned<Driver>, Problem> {
    let change = body.into_inner();
    desk.change(async |transaction| {
        let row = store::edit(transaction, *id, based_on).await?;
        let row = Driver {
            licence_number: change.licence_number.map_or(row.licence_number, Into::into),
            licence_expires_on: change.licence_expires_on.unwrap_or(row.licence_expires_on),
            badge_expires_on: change.badge_expires_on.apply(row.badge_expires_on),
            phone: change.phone.apply(row.phone.and_then(|phone| phone.try_into().ok())).map(Into::into),
            is_active: change.is_active.unwrap_or(row.is_active),
            version: row.version.next(),
            updated_at: desk.now(),
            id: row.id,
            school_id: row.school_id,
            staff_id: row.staff_id,
            created_at: row.created_at,
        };
        store::save(transaction, &row).await?;
        let version = row.version;
        Ok(Versioned(row, version))
    })
    .await
}

/// Removes a driver. What they drove stays theirs, as members of staff.
#[utoipa::path(tag = "bus-route", params(("id" = DriverId, Path)), responses((status = 204), CommonProblems, EditProblems), security(("bearer" = [])))]
#[delete("/api/v1/bus/drivers/{id}")]
async fn remove(desk: Desk<TransportManage>, id: IdPath<DriverId>, based_on: IfMatch) -> Result<NoContent, Problem> {
    desk.change(async |transaction| {
        store::edit(transaction, *id, based_on).await?;
        store::remove(transaction, *id).await
    })
    .await?;
    Ok(NoContent)
}
