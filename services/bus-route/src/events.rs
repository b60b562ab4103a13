//! What buses tell the other services, besides what is noticed on the way ([`crate::store`]). Ids only: no names, no places.

use domain::{BusRouteId, BusTripId, EventEnvelope, EventKind, StudentId, Timestamp, VehicleId};
use serde::{Deserialize, Serialize};
use service_kit::{Caller, Problem};

use crate::model::boarding::{Boarding, BoardingKind};
use crate::model::route::Direction;
use crate::model::trip::Trip;

#[derive(Serialize)]
struct AboutTrip {
    trip_id: BusTripId,
    route_id: BusRouteId,
    vehicle_id: VehicleId,
    direction: Direction,
}

/// What `transport:boarded` and `transport:alighted` tell.
#[derive(Debug, Serialize, Deserialize)]
#[allow(clippy::struct_field_names)] // the names of the JSON
pub(crate) struct AboutBoarding {
    pub(crate) trip_id: BusTripId,
    pub(crate) student_id: StudentId,
}

/// `transport:trip_started`, `transport:trip_ended`, `transport:trip_cancelled` or `transport:trip_changed`.
pub(crate) fn about_trip(kind: EventKind, caller: &Caller, trip: &Trip, now: Timestamp) -> Result<EventEnvelope, Problem> {
    let data = AboutTrip { trip_id: trip.id, route_id: trip.route_id, vehicle_id: trip.vehicle_id, direction: trip.direction };
    Ok(::events::envelope(kind, trip.school_id, Some(caller.actor()), trip.id.as_uuid(), now, &data)?)
}

/// `transport:boarded` or `transport:alighted`.
pub(crate) fn about_boarding(kind: BoardingKind, caller: &Caller, boarding: &Boarding, now: Timestamp) -> Result<EventEnvelope, Problem> {
    let kind = match kind {
        BoardingKind::Boarded => EventKind::TransportBoarded,
        BoardingKind::Alighted => EventKind::TransportAlighted,
    };
    let data = AboutBoarding { trip_id: boarding.trip_id, student_id: boarding.student_id };
    Ok(::events::envelope(kind, boarding.school_id, Some(caller.actor()), boarding.id, now, &data)?)
}
