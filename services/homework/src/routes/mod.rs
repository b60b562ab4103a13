//! One file a resource.

mod access;
pub mod grading;
pub mod homework;
pub mod submissions;

use actix_web::web::Data;
use directory::Directory;
use domain::ServiceName;
use service_kit::{Platform, Problem, Refusal, Retries};
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes of the service.
pub fn configure(platform: &Platform, config: &mut ServiceConfig<'_>) {
    let directory = Directory::new(platform.redis().clone(), platform.postgres(ServiceName::Homework).clone());
    config.app_data(Data::new(Rooms { platform: platform.clone(), directory }));
    homework::configure(config);
    submissions::configure(config);
    grading::configure(config);
}

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct Rooms {
    platform: Platform,
    directory: Directory,
}

/// Runs `attempt` until nobody got in between. What it reads, it must read anew each time.
async fn retried<T>(attempt: impl AsyncFnMut() -> Result<T, Refusal>) -> Result<T, Problem> {
    service_kit::retried(Retries::UNLESS_CHANGED, attempt).await
}
