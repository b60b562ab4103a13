//! The home page of each role, and notifications.
//!
//! So far this service owns its tables (`notifications`, `notification_preferences`, `device_tokens`)
//! and answers `/health` and `/ready`; it has no routes yet.

use domain::ServiceName;
use service_kit::Service;

/// The dashboard service.
pub const SERVICE: Service = Service::new(ServiceName::Dashboard, "The home page of each role, and notifications.");
