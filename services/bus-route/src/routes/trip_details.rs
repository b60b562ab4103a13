//! A trip in one answer: its bus and how full it is, where it is, when it will be at its stops, and what riders should know.

use actix_web::get;
use actix_web::web::{Data, Json};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{BusRouteId, BusTripId, StopId, VehicleId};
use serde::Serialize;
use service_kit::permits::{TransportOperate, TransportRead};
use service_kit::{Caller, CommonProblems, IdPath, Permit, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::service_alerts::ServiceAlert;
use super::{Rooms, Sight};
use crate::live::Update;
use crate::model::boarding::Boarding;
use crate::model::occupancy::Occupancy;
use crate::model::progress::{Course, Progress};
use crate::model::route::Direction;
use crate::model::trip::TripState;
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show).service(of_vehicle);
}

/// A trip with everything that is known of it now.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = BusTripDetails)]
pub struct TripDetails {
    /// The trip.
    trip_id: BusTripId,
    /// The route.
    route_id: BusRouteId,
    /// What it is called.
    route_name: String,
    /// Which way.
    direction: Direction,
    /// The school's day that it belongs to.
    service_date: NaiveDate,
    /// How far it is.
    state: TripState,
    /// The bus.
    vehicle: TripVehicle,
    /// Where the bus is, or was last; none before the first position.
    position: Option<Update>,
    /// The stops, in the order in which the bus serves them; for parents those of their children alone.
    stops: Vec<TripStop>,
    /// What riders should know about this trip.
    alerts: Vec<ServiceAlert>,
}

/// The bus of a trip.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = BusTripVehicle)]
pub struct TripVehicle {
    /// The vehicle.
    vehicle_id: VehicleId,
    /// Its number plate.
    registration: String,
    /// Seats for students.
    capacity: i32,
    /// How full it is; none unless the trip runs.
    occupancy: Option<Occupancy>,
}

/// A stop of a trip.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = BusTripStop)]
pub struct TripStop {
    /// The stop.
    stop_id: StopId,
    /// Its place on this trip, from 1.
    stop_sequence: usize,
    /// What it is called.
    name: String,
    /// Degrees north.
    latitude: f64,
    /// Degrees east.
    longitude: f64,
    /// When the bus should be there.
    scheduled_at: DateTime<Utc>,
    /// When it will be there; when it was, if it was. None before and after the trip, and for a stop that was passed unnoticed.
    expected_at: Option<DateTime<Utc>>,
    /// Whether it was there.
    has_arrived: bool,
}

/// Everything that is known of a trip now: for the office, its driver, and the parents of those who have a seat on it.
#[utoipa::path(tag = "bus-route", params(("id" = BusTripId, Path)), responses((status = 200, body = TripDetails), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/trips/{id}/details")]
async fn show(permit: Permit<TransportRead>, id: IdPath<BusTripId>, rooms: Data<Rooms>) -> Result<Json<TripDetails>, Problem> {
    let (course, state, sight) = rooms.seen_trip(permit.caller(), *id).await?;
    Ok(Json(rooms.details(permit.caller(), course, state, &sight).await?))
}

/// The trip that a vehicle is on now: for the office and whoever drives it. 404 if it is on none.
#[utoipa::path(tag = "bus-route", params(("id" = VehicleId, Path)), responses((status = 200, body = TripDetails), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/vehicles/{id}/trip")]
async fn of_vehicle(permit: Permit<TransportOperate>, id: IdPath<VehicleId>, rooms: Data<Rooms>) -> Result<Json<TripDetails>, Problem> {
    let caller = permit.caller();
    let filter = store::TripFilter { vehicle: Some(*id), state: Some(TripState::Running), ..store::TripFilter::default() };
    let running = store::list_trips(&mut store::reading(&rooms.platform, caller.school_id).await?, &filter, 1).await?;
    let trip = running.first().ok_or_else(|| Problem::not_found("trip"))?;
    let (course, state, sight) = rooms.seen_trip(caller, trip.id).await?;
    Ok(Json(rooms.details(caller, course, state, &sight).await?))
}

impl Rooms {
    async fn details(&self, caller: &Caller, course: Course, state: TripState, sight: &Sight) -> Result<TripDetails, Problem> {
        let progress = store::begin_live(&self.platform, &course).await?.progress;
        let is_running = state == TripState::Running;
        let alerts = self.service_alerts(caller, |route| route.is_none_or(|route| route == course.route_id)).await?;
        let occupancy = if is_running { Some(self.occupancy(&course).await?) } else { None };
        Ok(TripDetails {
            position: Update::of(&course, &progress).map(|update| update.seen(sight)),
            stops: stops(&course, &progress, is_running, sight),
            alerts: alerts.into_iter().filter(|alert| alert.concerns(course.trip_id)).collect(),
            trip_id: course.trip_id,
            route_id: course.route_id,
            route_name: course.route_name,
            direction: course.direction,
            service_date: course.service_date,
            state,
            vehicle: TripVehicle { vehicle_id: course.vehicle_id, registration: course.registration, capacity: course.capacity, occupancy },
        })
    }

    /// How full the bus is.
    pub(super) async fn occupancy(&self, course: &Course) -> Result<Occupancy, Problem> {
        let boardings = store::boardings_of(&self.platform, course.school_id, course.trip_id).await?;
        let aboard = boardings.iter().filter(|boarding| Boarding::is_aboard(boarding)).count();
        Ok(Occupancy::of(aboard, course.capacity))
    }
}

fn stops(course: &Course, progress: &Progress, is_running: bool, sight: &Sight) -> Vec<TripStop> {
    let etas = progress.etas(course);
    let stops = course.calls.iter().zip(1..).filter(|(call, _)| sight.holds(call.stop_id)).map(|(call, stop_sequence)| {
        let eta = etas.iter().find(|eta| eta.stop_id == call.stop_id && (is_running || eta.has_arrived));
        TripStop {
            stop_id: call.stop_id,
            stop_sequence,
            name: call.name.clone(),
            latitude: call.latitude,
            longitude: call.longitude,
            scheduled_at: call.scheduled_at,
            expected_at: eta.map(|eta| eta.expected_at),
            has_arrived: eta.is_some_and(|eta| eta.has_arrived),
        }
    });
    stops.collect()
}
