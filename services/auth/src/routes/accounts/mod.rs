//! Schools, users and memberships.

pub(crate) mod target;

use service_kit::Platform;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes.
pub fn configure(_: &Platform, _: &mut ServiceConfig<'_>) {}
