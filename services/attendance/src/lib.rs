//! Registers, absences and leave.
//!
//! So far this service owns its tables (`attendance_sessions`, `attendance_records`, `leave_requests`)
//! and answers `/health` and `/ready`; it has no routes yet.

use domain::ServiceName;
use service_kit::Service;

/// The attendance service.
pub const SERVICE: Service = Service::new(ServiceName::Attendance, "Registers, absences and leave.");
