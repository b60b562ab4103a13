//! One file a resource.

mod access;
pub(crate) use access::{Sight, is_office};
pub mod alarms;
pub mod alerts;
pub mod arrivals;
pub mod assignments;
pub mod boardings;
pub mod bus_routes;
pub mod documents;
pub mod drivers;
pub mod eta;
pub mod fees;
pub mod geojson;
pub mod gtfs;
pub mod listening;
pub mod maintenance;
pub mod manifest;
mod paging;
pub mod planning;
pub mod positions;
pub mod problems;
pub mod realtime;
pub mod service_alerts;
pub mod stops;
pub mod student_boardings;
pub mod students;
pub mod trip_details;
pub mod trip_steps;
pub mod trips;
pub mod vehicles;

use actix_web::web::Data;
use directory::Directory;
use domain::{BusTripId, ServiceName};
use service_kit::{Platform, Problem};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::live::Hub;
use crate::store;

/// Registers all routes of the service.
pub fn configure(platform: &Platform, config: &mut ServiceConfig<'_>) {
    let directory = Directory::new(platform.redis().clone(), platform.postgres(ServiceName::BusRoute).clone());
    config.app_data(Data::new(Rooms { platform: platform.clone(), directory, hub: platform.shared() }));
    vehicles::configure(config);
    maintenance::configure(config);
    drivers::configure(config);
    documents::configure(config);
    stops::configure(config);
    eta::configure(config);
    bus_routes::configure(config);
    assignments::configure(config);
    fees::configure(config);
    trip_steps::configure(config);
    manifest::configure(config);
    boardings::configure(config);
    student_boardings::configure(config);
    positions::configure(config);
    listening::configure(config);
    planning::configure(config);
    trips::configure(config);
    students::configure(config);
    alerts::configure(config);
    realtime::configure(config);
    gtfs::configure(config);
    geojson::configure(config);
    trip_details::configure(config);
    arrivals::configure(config);
    service_alerts::configure(config);
    problems::configure(config);
    alarms::configure(config);
}

/// What the handlers work with that do not commit in PostgreSQL alone.
#[derive(Clone)]
pub struct Rooms {
    pub(crate) platform: Platform,
    pub(crate) directory: Directory,
    pub(crate) hub: std::sync::Arc<Hub>,
}

/// Forgets the courses of the trips that run on a route, which has changed.
async fn forget_courses(platform: &Platform, trips: Vec<BusTripId>, school: domain::SchoolId) {
    for trip in trips {
        store::forget_course(platform, school, trip).await;
    }
}

/// 422 with one fault.
fn wrong(pointer: &str, detail: &str) -> Problem {
    Problem::invalid(vec![domain::Fault::new(pointer, detail)])
}
