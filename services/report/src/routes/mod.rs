//! One file a resource.

mod access;
pub mod categories;
pub mod exchange;
pub mod gradebook;
pub mod grades;
pub mod history;
pub mod items;
pub mod locking;
mod number;
pub mod scales;
pub mod settings;
pub mod sheets;
pub mod students;
pub mod totals;
mod writing;

use actix_web::web::Data;
use service_kit::Platform;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes of the service.
pub fn configure(platform: &Platform, config: &mut ServiceConfig<'_>) {
    config.app_data(Data::new(Rooms { platform: platform.clone() }));
    scales::configure(config);
    settings::configure(config);
    categories::configure(config);
    items::configure(config);
    locking::configure(config);
    sheets::configure(config);
    history::configure(config);
    grades::configure(config);
    exchange::configure(config);
    gradebook::configure(config);
    students::configure(config);
}

/// What the handlers of grades work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    platform: Platform,
}
