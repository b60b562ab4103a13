//! Signing in and out: login, refresh, logout, sessions, keys.

use service_kit::Platform;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes.
pub fn configure(_platform: &Platform, _config: &mut ServiceConfig<'_>) {}
