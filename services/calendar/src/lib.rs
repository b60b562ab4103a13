//! Events, rooms and the timetable.
//!
//! So far this service owns its tables (`calendar_events`, `rooms`, `timetable_entries`, `calendar_feeds`)
//! and answers `/health` and `/ready`; it has no routes yet.

use domain::ServiceName;
use service_kit::Service;

/// The calendar service.
pub const SERVICE: Service = Service::new(ServiceName::Calendar, "Events, rooms and the timetable.");
