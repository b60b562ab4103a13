//! When the buses of a route will be at its stops.

use actix_web::get;
use actix_web::web::{Data, Json};
use domain::{BusRouteId, BusTripId};
use serde::Serialize;
use service_kit::permits::TransportRead;
use service_kit::{CommonProblems, IdPath, Permit, Problem};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::model::eta::StopEta;
use crate::model::route::Direction;
use crate::model::trip::TripState;
use crate::store as tables;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(show);
}

/// When a bus will be at its stops.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = BusTripEta)]
pub struct TripEta {
    /// The trip.
    trip_id: BusTripId,
    /// Which way.
    direction: Direction,
    /// How late it is; none before the first position.
    delay_seconds: Option<i64>,
    /// The stops, in the order in which the bus serves them; for parents those of their children alone.
    stops: Vec<StopEta>,
}

/// When the buses that are on their way along a route will be at its stops: for the office, the driver, and the parents of those who have a seat. Worked out from
/// the great circle between the stops, 1.3 times as long, the speed of the last minutes and 20 seconds a stop.
#[utoipa::path(tag = "bus-route", params(("id" = BusRouteId, Path)), responses((status = 200, body = Vec<TripEta>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/bus/routes/{id}/eta")]
async fn show(permit: Permit<TransportRead>, id: IdPath<BusRouteId>, rooms: Data<Rooms>) -> Result<Json<Vec<TripEta>>, Problem> {
    let caller = permit.caller();
    let mut transaction = tables::reading(&rooms.platform, caller.school_id).await?;
    let running = tables::running_trips(transaction.connection()?, caller.school_id, Some(*id)).await?;
    let is_office = super::access::is_office(caller);
    if is_office {
        tables::find(&mut transaction, *id).await?;
    }
    drop(transaction);
    let mut etas = Vec::new();
    for trip in running {
        let Ok((course, TripState::Running, sight)) = rooms.seen_trip(caller, trip).await else { continue };
        let live = tables::begin_live(&rooms.platform, &course).await?;
        etas.push(TripEta {
            trip_id: trip,
            direction: course.direction,
            delay_seconds: live.progress.delay(&course).map(|delay| delay.num_seconds()),
            stops: live.progress.etas(&course).into_iter().filter(|stop| sight.holds(stop.stop_id)).collect(),
        });
    }
    if etas.is_empty() && !is_office {
        return Err(Problem::not_found("bus route"));
    }
    Ok(Json(etas))
}
