//! One file a resource.

mod access;
pub mod grading;
pub mod homework;
pub mod submissions;

use actix_web::web::Data;
use directory::Directory;
use domain::ServiceName;
use service_kit::{Platform, Problem};
use utoipa_actix_web::service_config::ServiceConfig;
use write_behind::WriteError;

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

/// How often a write is begun anew when its row left Redis between being read and being written, or when something was settled since it was seen to be free:
/// in a busy partition that is not rare.
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
