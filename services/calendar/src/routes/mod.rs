//! One file a resource.

mod access;
pub mod actions;
pub mod bells;
pub mod bookings;
pub mod conflicts;
pub mod cover;
pub mod days;
pub mod events;
pub mod feeds;
pub mod free;
pub mod given;
pub mod imports;
pub mod lesson_days;
pub mod months;
pub mod occurrences;
pub mod room_bookings;
pub mod rooms;
mod slot_places;
pub mod slots;
pub mod timetable;
mod writing;

use actix_web::web::Data;
use directory::Directory;
use domain::ServiceName;
use records::Keeper;
use service_kit::{Platform, Problem, Refusal, Retries};
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes of the service.
pub fn configure(platform: &Platform, config: &mut ServiceConfig<'_>) {
    let directory = Directory::new(platform.redis().clone(), platform.postgres(ServiceName::Calendar).clone());
    config.app_data(Data::new(Desk { platform: platform.clone(), directory }));
    events::configure(config);
    occurrences::configure(config);
    months::configure(config);
    imports::configure(config);
    feeds::configure(config);
    // Before the rooms, of which none is called so.
    free::configure(config);
    rooms::configure(config);
    room_bookings::configure(config);
    timetable::configure(config);
    cover::configure(config);
    lesson_days::configure(config);
    bells::configure(config);
    days::configure(config);
    given::configure(config);
    actions::configure(config);
    conflicts::configure(config);
    slots::configure(config);
    bookings::configure(config);
}

/// What the handlers of buffered events work with.
#[derive(Debug, Clone)]
pub struct Desk {
    platform: Platform,
    directory: Directory,
}

/// The calendar as a keeper of records that commit in PostgreSQL.
#[derive(Debug)]
pub(crate) struct Calendar;

impl Keeper for Calendar {
    const SERVICE: ServiceName = ServiceName::Calendar;
}

/// Where a request for such a record stands.
pub(crate) type Records<P> = records::Desk<Calendar, P>;

/// How often a write is begun anew.
const TRIES: usize = Retries::UNLESS_CHANGED.tries();

/// Runs `attempt` until nobody got in between. What it reads, it must read anew each time.
async fn retried<T>(attempt: impl AsyncFnMut() -> Result<T, Refusal>) -> Result<T, Problem> {
    service_kit::retried(Retries::UNLESS_CHANGED, attempt).await
}
