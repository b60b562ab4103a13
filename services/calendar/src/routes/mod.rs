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
pub mod given;
pub mod imports;
pub mod months;
pub mod occurrences;
pub mod room_bookings;
pub mod rooms;
pub mod slots;
pub mod timetable;
mod writing;

use actix_web::web::Data;
use directory::Directory;
use domain::ServiceName;
use records::Keeper;
use service_kit::{Platform, Problem};
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::WriteError;

/// Registers all routes of the service.
pub fn configure(platform: &Platform, config: &mut ServiceConfig<'_>) {
    let directory = Directory::new(platform.redis().clone(), platform.postgres(ServiceName::Calendar).clone());
    config.app_data(Data::new(Desk { platform: platform.clone(), directory }));
    events::configure(config);
    occurrences::configure(config);
    months::configure(config);
    imports::configure(config);
    feeds::configure(config);
    rooms::configure(config);
    room_bookings::configure(config);
    timetable::configure(config);
    cover::configure(config);
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

/// How often a write is begun anew when its row left Redis between being read and being written, or when something was settled since it was seen to be free.
const TRIES: usize = 8;

/// Runs `attempt` until it is not told that its row was evicted meanwhile.
async fn retried<T>(mut attempt: impl AsyncFnMut() -> Result<T, Refusal>) -> Result<T, Problem> {
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(Refusal::Write(WriteError::Evicted | WriteError::Exists)) if tries < TRIES => {}
            Err(Refusal::Write(error)) => return Err(error.into()),
            Err(Refusal::Problem(problem)) => return Err(problem),
        }
    }
}

/// Why an attempt to write did not succeed.
enum Refusal {
    Write(WriteError),
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}
