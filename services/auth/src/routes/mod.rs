//! One file a resource.

pub mod academics;
pub mod accounts;
pub mod imports;
pub mod people;
pub mod sessions;

use service_kit::Platform;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes of the service.
pub fn configure(platform: &Platform, config: &mut ServiceConfig<'_>) {
    sessions::configure(platform, config);
    accounts::configure(platform, config);
    people::configure(platform, config);
    academics::configure(platform, config);
    imports::configure(platform, config);
}
