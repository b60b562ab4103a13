//! GTFS, the public form of timetables, GTFS-Realtime, and `GeoJSON` for maps. All are for programs that the office trusts: where children wait is nobody else's business.

pub(crate) mod geojson;
pub mod messages;
pub mod realtime;
#[cfg(test)]
mod sample;
pub mod schedule;

use domain::BusRouteId;

use crate::model::route::Direction;

/// What a run of a route is called in both feeds.
#[must_use]
pub fn trip_name(route: BusRouteId, direction: Direction) -> String {
    format!("{route}-{}", direction.as_str())
}

/// The number that GTFS knows a direction by: 0 to school, 1 home.
#[must_use]
pub const fn direction_number(direction: Direction) -> u32 {
    match direction {
        Direction::Pickup => 0,
        Direction::Drop => 1,
    }
}
