//! Events, rooms and the timetable.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod model;

use domain::ServiceName;
use service_kit::Service;

/// The calendar service.
pub const SERVICE: Service = Service::new(ServiceName::Calendar, "Events, rooms and the timetable.");
