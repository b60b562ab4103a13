//! The home page of each role, and notifications.
//!
//! So far this service owns its tables (`notifications`, `notification_preferences`, `device_tokens`), answers `/health` and `/ready`, and keeps the
//! activity log: [`activity`] writes what happens into the collection `activity_logs`. It has no routes yet.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod activity;

use std::sync::Arc;

use domain::ServiceName;
use events::Consumer;
use service_kit::{Platform, Service};

/// The dashboard service.
pub const SERVICE: Service =
    Service { consumers, ..Service::new(ServiceName::Dashboard, "The home page of each role, notifications, and the activity log.") };

fn consumers(platform: &Platform) -> Vec<Consumer> {
    vec![Consumer { group: "activity-log", kinds: activity::KINDS, handler: Arc::new(activity::Log::new(platform.mongo().clone())) }]
}
