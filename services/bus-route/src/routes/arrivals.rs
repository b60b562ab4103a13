//! Arrivals at a stop.

use actix_web::get;
use actix_web::web::{Data, Json};
use chrono::{DateTime, Utc};
use domain::{BusRouteId, BusTripId, StopId};
use serde::Serialize;
use service_kit::permits::TransportRead;
use service_kit::{Caller, CommonProblems, IdPath, Permit, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::model::geo::haversine;
use crate::model::occupancy::Occupancy;
use crate::model::progress::{Course, Progress};
use crate::model::route::Direction;
use crate::model::trip::TripState;
use crate::store;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
}

/// Trips of a route on a day: one in each direction, and those that were called off before.
const TRIPS: u64 = 50;

/// A bus that comes to a stop today, or came.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = BusArrival)]
pub struct Arrival {
    /// The trip.
    trip_id: BusTripId,
    /// The route.
    route_id: BusRouteId,
    /// What it is called.
    route_name: String,
    /// Which way.
    direction: Direction,
    /// The bus's number plate.
    registration: String,
    /// How far the trip is.
    state: TripState,
    /// The stop's place on this trip, from 1.
    stop_sequence: usize,
    /// When the bus should be there.
    scheduled_at: DateTime<Utc>,
    /// When it will be there; when it was, if it was. None before and after the trip, and if the stop was passed unnoticed.
    expected_at: Option<DateTime<Utc>>,
    /// Whether it was there.
    has_arrived: bool,
    /// How many stops the bus has before this one; none unless it is on its way here.
    stops_away: Option<usize>,
    /// How far away the bus is as the crow flies, in metres; none unless it is on its way here.
    distance_metres: Option<f64>,
    /// How full the bus is; none unless the trip runs.
    occupancy: Option<Occupancy>,
    /// Of when the bus's position is that this is worked out from.
    recorded_at: Option<DateTime<Utc>>,
}

/// The buses that come to a stop today, or came, in the order of their times: for the office, their drivers, and the parents of those who have a seat there.
#[utoipa::path(tag = "bus-route", params(("id" = StopId, Path)), responses((status = 200, body = Vec<Arrival>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/stops/{id}/arrivals")]
async fn list(permit: Permit<TransportRead>, id: IdPath<StopId>, rooms: Data<Rooms>) -> Result<Json<Vec<Arrival>>, Problem> {
    let caller = permit.caller();
    let stop = rooms.seen_stop(caller, *id).await?;
    let today = rooms.today(caller).await?;
    let mut transaction = store::reading(&rooms.platform, caller.school_id).await?;
    let filter = store::TripFilter { route: Some(stop.route_id), date: Some(today), ..store::TripFilter::default() };
    let planned = store::list_trips(&mut transaction, &filter, TRIPS).await?;
    // One that began yesterday and is still on its way comes, too.
    let running = store::running_trips(transaction.connection()?, caller.school_id, Some(stop.route_id)).await?;
    drop(transaction);
    let planned = planned.into_iter().filter(|trip| trip.state != TripState::Cancelled).map(|trip| trip.id);
    let mut trips: Vec<BusTripId> = planned.chain(running).collect();
    trips.sort_unstable();
    trips.dedup();
    let found = store::courses_of(&rooms.platform, caller.school_id, &trips).await?;
    let lives = store::lives_of(&rooms.platform, &found.iter().map(|(course, _)| course).collect::<Vec<_>>()).await?;
    let mut arrivals = Vec::with_capacity(found.len());
    for ((course, state), live) in found.into_iter().zip(lives) {
        arrivals.extend(rooms.arrival(caller, course, state, &live.progress, *id).await?);
    }
    arrivals.sort_by_key(|arrival| arrival.expected_at.unwrap_or(arrival.scheduled_at));
    Ok(Json(arrivals))
}

impl Rooms {
    /// When a trip is at a stop; none if it does not serve it, or the caller may not know.
    async fn arrival(
        &self,
        caller: &Caller,
        course: Course,
        state: TripState,
        progress: &Progress,
        stop: StopId,
    ) -> Result<Option<Arrival>, Problem> {
        let run = (course.route_id, course.direction);
        let Some(sight) = self.sight(caller, run, course.service_date, course.driver_staff_id).await? else { return Ok(None) };
        let place = course.calls.iter().position(|call| call.stop_id == stop && sight.holds(stop));
        let Some((index, call)) = place.and_then(|index| Some((index, course.calls.get(index)?))) else { return Ok(None) };
        let is_running = state == TripState::Running;
        let eta = progress.etas(&course).into_iter().find(|eta| eta.stop_id == stop && (is_running || eta.has_arrived));
        let stops_away = if is_running { index.checked_sub(progress.passed) } else { None };
        let latest = progress.latest.filter(|_| is_running);
        let distance_metres = stops_away.and(latest).map(|latest| haversine(latest.place(), call.place()).round());
        let occupancy = if is_running { Some(self.occupancy(&course).await?) } else { None };
        Ok(Some(Arrival {
            trip_id: course.trip_id,
            route_id: course.route_id,
            direction: course.direction,
            state,
            stop_sequence: index + 1,
            scheduled_at: call.scheduled_at,
            expected_at: eta.as_ref().map(|eta| eta.expected_at),
            has_arrived: eta.is_some_and(|eta| eta.has_arrived),
            stops_away,
            distance_metres,
            occupancy,
            recorded_at: latest.map(|latest| latest.recorded_at),
            route_name: course.route_name,
            registration: course.registration,
        }))
    }
}
