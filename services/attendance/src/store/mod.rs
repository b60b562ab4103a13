//! How attendance reaches its tables and comes back. Registers and corrections are buffered; codes, rules and leave commit in PostgreSQL before the answer.

mod alerts;
mod cached;
mod calendar;
mod codes;
mod corrections;
mod leave;
mod marks;
mod registers;
mod rules;

use domain::{SchoolId, ServiceName};
use service_kit::Platform;
use store::{SchoolTransaction, StoreError, plain, uuids};

pub(crate) use alerts::{
    AlertFilter, Finding, alert_rules, alert_rules_in, change_alert, change_rule, create_rule, find_alert, list_alerts, lock_alert,
    lock_rule, queue_up, settle,
};
pub(crate) use cached::announce;
pub(crate) use calendar::{Day, all_classes, calendar, class_years, classes_of, classes_of_learner, day, timetable};
pub(crate) use codes::{change_code, change_settings, create_code, find_code};
pub(crate) use corrections::list_corrections;
pub(crate) use leave::{
    Approved, LeaveFilter, approved_leave, approved_leave_in, create_leave, find_leave, list_leave, lock_leave, on_leave, save_leave,
};
pub(crate) use marks::{MarkFilter, MarkRow, marks, marks_in, taken};
pub(crate) use registers::{RegisterFilter, find_register, list_registers, look_for_register};
pub(crate) use rules::{Rules, rules, rules_in};

/// A transaction that only reads.
async fn reading(platform: &Platform, school: SchoolId) -> Result<SchoolTransaction, StoreError> {
    platform.postgres(ServiceName::Attendance).school_read(school).await
}
