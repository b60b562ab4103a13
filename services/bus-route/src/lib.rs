//! Buses: vehicles and drivers, routes and seats, trips and who is on board, live positions, and the public feeds.
//!
//! Routes: [`routes::vehicles`], [`routes::maintenance`], [`routes::drivers`], [`routes::documents`] (papers that run out), [`routes::bus_routes`] and their
//! [`routes::stops`], [`routes::assignments`] (seats), [`routes::fees`] (what they cost), [`routes::trips`], [`routes::planning`] (many days at once), [`routes::trip_steps`] (start, end),
//! [`routes::manifest`], [`routes::boardings`], [`routes::student_boardings`], [`routes::positions`], [`routes::listening`] (the live view), [`routes::eta`], [`routes::students`] (a student's bus),
//! [`routes::trip_details`], [`routes::arrivals`] (at a stop), [`routes::alarms`] (before a bus comes), [`routes::alerts`] and [`routes::service_alerts`] (as the office
//! writes and as riders read them), [`routes::problems`] (what riders tell), [`routes::gtfs`] and [`routes::realtime`] (the feeds), [`routes::geojson`] (maps).
//!
//! Tables: `vehicle_positions`, acknowledged by Redis as one `write_buffer:bus_track:…` a request, and `bus_boardings` are buffered; all others commit in PostgreSQL
//! before the answer. How running trips go is in Redis, `bus:trip:…`, and is worked out anew from the tables where Redis does not know.
//!
//! Events: `transport:fee_due` (one a seat and month), `transport:trip_started`, `transport:trip_ended`,
//! `transport:trip_cancelled`, `transport:trip_changed`, `transport:arrived` (one a stop of a trip), `transport:delayed`
//! (one a trip), `transport:alarm_rung` (one an alarm and trip), `transport:problem_reported`, `transport:boarded`, `transport:alighted`, `transport:not_alighted` (one a
//! student and trip). A durable consumer looks for whoever was left
//! behind after each trip, and whenever somebody boards or gets off ([`after_trip`]), and a task for trips that nobody ends or starts ([`sweep`]). Positions travel on the channel `bus:live` to every process that somebody listens to ([`live`]).
//!
//! The rules are in [`model`]: who sits where in [`model::seating`], stops and times in [`model::timetable`], how a trip goes in [`model::progress`], which
//! stops it has reached in [`model::fence`], when it will be where in [`model::eta`], on which days it runs in [`model::planning`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod after_trip;
mod audience;
mod desk;
mod events;
pub mod feeds;
mod live;
pub mod model;
pub mod routes;
mod store;
pub mod sweep;

use std::sync::Arc;

use ::events::Consumer;
use domain::ServiceName;
use service_kit::{BackgroundTask, Platform, Service};
use write_behind::{Drain, DrainOf};

use model::boarding::Boarding;
use model::position::Track;

/// The bus-route service.
pub const SERVICE: Service = Service {
    routes: routes::configure,
    drains,
    consumers,
    background,
    ..Service::new(ServiceName::BusRoute, "Buses, routes, allocations and live positions.")
};

fn drains() -> Vec<Arc<dyn Drain>> {
    vec![Arc::new(DrainOf::<Track>::new()), Arc::new(DrainOf::<Boarding>::new())]
}

fn consumers(platform: &Platform) -> Vec<Consumer> {
    let handler = Arc::new(after_trip::AfterTrip::new(platform.clone()));
    vec![Consumer { group: "bus-trips", kinds: after_trip::KINDS, handler }]
}

fn background(platform: &Platform) -> Vec<BackgroundTask> {
    let platform = platform.clone();
    let sweep = sweep::task(&platform);
    vec![BackgroundTask { name: "bus listeners", run: Box::new(move |cancel| Box::pin(live::follow(platform, cancel))) }, sweep]
}
