//! Trips: planning one, and looking at them. Planning many days at once is in [`super::planning`], starting and ending in [`super::trip_steps`].

use actix_web::web::Data;
use actix_web::{HttpResponse, get, patch, post};
use chrono::{Days, NaiveDate};
use domain::{BusRouteId, BusTripId, EventKind, Fault, Role, StaffId, VehicleId, Version};
use serde::{Deserialize, Serialize};
use service_kit::permits::{TransportManage, TransportOperate, TransportRead};
use service_kit::{
    Body, CommonProblems, Created, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, NotModifiedOr, Page, Params, Permit, Problem,
    Versioned, filters,
};
use store::{SchoolTransaction, StoreError};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Rooms;
use super::bus_routes::existing;
use crate::desk::Desk;
use crate::events;
use crate::model::documents::missing_on;
use crate::model::fleet::Driver;
use crate::model::planning::run_out;
use crate::model::route::Direction;
use crate::model::timetable;
use crate::model::trip::{Trip, TripState};
use crate::store as tables;

/// How many days back a trip can be planned: one that was run and forgotten.
const BACK: Days = Days::new(7);
/// How many days ahead.
const AHEAD: Days = Days::new(366);

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(show).service(change);
}

/// A trip to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBusTrip)]
pub struct NewTrip {
    /// The route.
    route_id: BusRouteId,
    /// Which way; once a day.
    direction: Direction,
    /// The school's day: at most a week ago, and at most 366 days ahead.
    service_date: NaiveDate,
    /// The vehicle; the route's unless said otherwise.
    vehicle_id: Option<VehicleId>,
    /// Who drives, by the staff id; the route's driver unless said otherwise.
    driver_staff_id: Option<StaffId>,
}

/// What changes about a trip that has not begun; what is left out stays as it is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeBusTrip)]
pub struct ChangeTrip {
    /// Another vehicle.
    vehicle_id: Option<VehicleId>,
    /// Another driver, by the staff id.
    driver_staff_id: Option<StaffId>,
}

/// Which trips.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TripList {
    /// How many to a page.
    #[serde(default, skip_serializing_if = "service_kit::of_the_page")]
    #[param(inline)]
    limit: Limit,
    /// Where to go on: `next_cursor` of the page before.
    #[serde(skip_serializing_if = "service_kit::of_the_page")]
    cursor: Option<String>,
    /// On this route only.
    #[param(inline)]
    route_id: Option<BusRouteId>,
    /// With this vehicle only: the trip for a vehicle is the running one.
    #[param(inline)]
    vehicle_id: Option<VehicleId>,
    /// On this day only.
    service_date: Option<NaiveDate>,
    /// In this state only.
    #[param(inline)]
    state: Option<TripState>,
}
filters!(TripList);

/// Trips, the latest made first: all for the office, their own for drivers.
#[utoipa::path(tag = "bus-route", params(TripList), responses((status = 200, body = Page<Trip>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/trips")]
async fn list(desk: Desk<TransportOperate>, list: Params<TripList>) -> Result<Page<Trip>, Problem> {
    let paging = desk.paging("bus trips", &list.0);
    let after: Option<Uuid> = paging.after()?;
    let mut transaction = desk.read().await?;
    let driver = if desk.caller().role == Role::Staff {
        let staff = tables::staff_of(transaction.connection()?, desk.caller().school_id, desk.caller().user_id).await?;
        let Some(staff) = staff else { return Ok(Page { items: Vec::new(), next_cursor: None }) };
        Some(staff)
    } else {
        None
    };
    let filter =
        tables::TripFilter { route: list.route_id, vehicle: list.vehicle_id, driver, date: list.service_date, state: list.state, after };
    let rows = tables::list_trips(&mut transaction, &filter, paging.limit()).await?;
    Ok(paging.page(rows, |last| last.id.as_uuid()))
}

/// Plans a trip. Not with a vehicle or driver whose papers have run out by then, nor with a vehicle that has fewer seats than are taken.
#[utoipa::path(
    tag = "bus-route",
    request_body = NewTrip,
    responses((status = 201, body = Trip), (status = 409, description = "The route is run on that day already, papers have run out, or the vehicle is too small."), CommonProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/bus/trips")]
async fn create(desk: Desk<TransportManage>, body: Body<NewTrip>) -> Result<HttpResponse, Problem> {
    let new = body.0.clone();
    desk.create(&body.0, async |transaction| {
        let route = existing(transaction, new.route_id, "/route_id").await?;
        let school = transaction.school_id();
        let stops = tables::stops_of(transaction.connection()?, school, route.id).await?;
        if timetable::run(&stops, new.direction).is_empty() {
            return Err(Problem::invalid(vec![Fault::new("/direction", "is one in which the route has no stops")]));
        }
        let today = desk.today(transaction).await?;
        if new.service_date < today - BACK || new.service_date > today + AHEAD {
            return Err(Problem::invalid(vec![Fault::new("/service_date", "must be at most a week ago and at most 366 days ahead")]));
        }
        let Some(vehicle_id) = new.vehicle_id.or(route.vehicle_id) else {
            return Err(Problem::invalid(vec![Fault::new("/vehicle_id", "is required: the route has none")]));
        };
        let now = desk.now();
        let row = Trip {
            id: BusTripId::generate(),
            school_id: school,
            route_id: route.id,
            vehicle_id,
            driver_staff_id: new.driver_staff_id.or(route.driver_staff_id),
            direction: new.direction,
            service_date: new.service_date,
            state: TripState::Planned,
            started_at: None,
            ended_at: None,
            version: Version::FIRST,
            created_at: now,
            updated_at: now,
        };
        fits(transaction, &row, row.service_date).await?;
        tables::insert(transaction, &row).await?;
        tables::runs_after_all(transaction, &row, now).await?;
        Ok(Created { location: format!("/api/v1/bus/trips/{}", row.id), version: row.version, body: row })
    })
    .await
}

/// A trip: for the office, its driver, and the parents of those who have a seat on it.
#[utoipa::path(tag = "bus-route", params(("id" = BusTripId, Path)), responses((status = 200, body = Trip), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/trips/{id}")]
async fn show(
    permit: Permit<TransportRead>,
    id: IdPath<BusTripId>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<Trip>, Problem> {
    rooms.seen_trip(permit.caller(), *id).await?;
    let row = tables::find(&mut tables::reading(&rooms.platform, permit.school_id).await?, *id).await?;
    let version = row.version;
    Ok(NotModifiedOr(known, row, version))
}

/// Changes the vehicle or the driver of a trip that has not begun.
#[utoipa::path(tag = "bus-route", params(("id" = BusTripId, Path)), request_body = ChangeTrip, responses((status = 200, body = Trip), CommonProblems, EditProblems), security(("bearer" = [])))]
#[patch("/api/v1/bus/trips/{id}")]
async fn change(
    desk: Desk<TransportManage>,
    id: IdPath<BusTripId>,
    based_on: IfMatch,
    body: Body<ChangeTrip>,
) -> Result<Versioned<Trip>, Problem> {
    let change = body.into_inner();
    let changed = desk
        .change(async |transaction| {
            let seen = tables::find(transaction, *id).await?;
            // The route first, as whoever takes a seat or plans a trip does.
            tables::lock(transaction, seen.route_id).await?;
            let row = tables::edit(transaction, *id, based_on).await?;
            if row.state != TripState::Planned {
                return Err(Problem::conflict(Kind::Conflict, "Only a trip that has not begun can be changed."));
            }
            let now = desk.now();
            let before = (row.vehicle_id, row.driver_staff_id);
            let row = Trip {
                vehicle_id: change.vehicle_id.unwrap_or(row.vehicle_id),
                driver_staff_id: change.driver_staff_id.or(row.driver_staff_id),
                version: row.version.next(),
                updated_at: now,
                ..row
            };
            fits(transaction, &row, row.service_date).await?;
            tables::save(transaction, &row).await?;
            if before != (row.vehicle_id, row.driver_staff_id) {
                let event = events::about_trip(EventKind::TransportTripChanged, desk.caller(), &row, now)?;
                ::events::outbox::enqueue(&*transaction, &event).await.map_err(Problem::internal)?;
            }
            let version = row.version;
            Ok(Versioned(row, version))
        })
        .await?;
    tables::rights_changed(desk.platform(), desk.caller().school_id).await;
    Ok(changed)
}

/// Whether the vehicle and the driver may run this trip on `day`. The route is locked, so nobody takes a seat meanwhile.
pub(super) async fn fits(transaction: &mut SchoolTransaction, trip: &Trip, day: NaiveDate) -> Result<(), Problem> {
    let school = transaction.school_id();
    let mut faults = Vec::new();
    let vehicle = tables::look(transaction, trip.vehicle_id).await?.filter(|vehicle| vehicle.is_active);
    if vehicle.is_none() {
        faults.push(Fault::new("/vehicle_id", "there is no such vehicle in use in this school"));
    }
    let mut driver: Option<Driver> = None;
    if let Some(staff) = trip.driver_staff_id {
        let query = sqlx::query_scalar("SELECT to_jsonb(d) FROM bus_drivers d WHERE d.school_id = $1 AND d.staff_id = $2 AND d.is_active");
        let found: Option<sqlx::types::Json<Driver>> =
            query.bind(school.as_uuid()).bind(staff.as_uuid()).fetch_optional(transaction.connection()?).await.map_err(StoreError::from)?;
        driver = found.map(|found| found.0);
        if driver.is_none() {
            faults.push(Fault::new("/driver_staff_id", "is no driver of this school"));
        }
    }
    let (Some(vehicle), true) = (vehicle, faults.is_empty()) else {
        // Whoever starts a trip named neither of the two.
        let is_planned = trip.state == TripState::Planned;
        let out_of_use = || Problem::conflict(Kind::Conflict, "The trip's vehicle or driver is not in use any more.");
        return Err(if is_planned { Problem::invalid(faults) } else { out_of_use() });
    };
    let missing = missing_on(&vehicle, driver.as_ref(), day);
    if !missing.is_empty() {
        return Err(Problem::conflict(Kind::Conflict, run_out(&missing)));
    }
    let riders = tables::count_riders(transaction.connection()?, school, trip.route_id, trip.direction, trip.service_date).await?;
    if riders > i64::from(vehicle.capacity) {
        let detail = format!("{riders} seats are taken on that day, and the vehicle has {}.", vehicle.capacity);
        return Err(Problem::conflict(Kind::Conflict, detail));
    }
    Ok(())
}
