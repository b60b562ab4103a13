//! Attendance: registers of the day and of periods, absences, leave.
//!
//! Routes: [`routes::sessions`] (open, list, show, lock a register), [`routes::records`] (mark a whole register or one student), [`routes::corrections`],
//! [`routes::self_registration`] (students who mark themselves), [`routes::sheet`] (the class list to fill in, as JSON or CSV), [`routes::uploads`] (a register as
//! CSV or Excel workbook, with a dry run), [`routes::students`] (a student's marks), [`routes::summary`] (rates), [`routes::absences`] (who has been away for
//! days), [`routes::conflicts`] (day against lessons), [`routes::missing`] (registers not yet taken), [`routes::codes`], [`routes::settings`],
//! [`routes::leave_requests`], [`routes::leave_decisions`], [`routes::alert_rules`] and [`routes::alerts`] (when the school wants to be told),
//! [`routes::calendar`] (iCalendar files).
//!
//! Tables: `attendance_sessions` with `attendance_records`, buffered as one row a register, acknowledged by Redis as `write_buffer:attendance:…`;
//! `attendance_corrections`, buffered with the register that they tell of and never changed; `attendance_codes`, `attendance_settings`, `leave_requests`,
//! `attendance_alert_rules` and `attendance_alerts`, committed in PostgreSQL before the answer.
//!
//! Events: `attendance:taken`, `attendance:absent` (one a student), `attendance:corrected`, `attendance:locked`, `leave:requested`, `leave:approved`,
//! `leave:rejected`, `leave:withdrawn`, `attendance:alerted`. A durable consumer looks after the alerts ([`watch`]).
//!
//! The rules are in [`model`]: who is to be marked in [`model::roll`], what a request may say in [`model::marking`], which days have school in
//! [`model::school_day`], until when a register is open in [`model::lock`], what a day is worth in [`model::day_value`], how it adds up in [`model::summary`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod events;
pub mod model;
pub mod routes;
mod store;
mod watch;

use std::sync::Arc;

use ::events::Consumer;
use domain::ServiceName;
use service_kit::{Platform, Service};
use write_behind::{Drain, DrainOf};

use model::correction::Correction;
use model::register::Register;

/// The attendance service.
pub const SERVICE: Service =
    Service { routes: routes::configure, drains, consumers, ..Service::new(ServiceName::Attendance, "Registers, absences and leave.") };

/// In the order of their foreign keys: a correction points at its register.
fn drains() -> Vec<Arc<dyn Drain>> {
    vec![Arc::new(DrainOf::<Register>::new()), Arc::new(DrainOf::<Correction>::new())]
}

fn consumers(platform: &Platform) -> Vec<Consumer> {
    vec![Consumer { group: "attendance-alerts", kinds: watch::KINDS, handler: Arc::new(watch::Watch::new(platform)) }]
}
