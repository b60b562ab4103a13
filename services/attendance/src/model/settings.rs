//! How a school takes attendance.

use domain::{Fault, Faults, SchoolId, Timestamp, Version};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A school's rules as they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The row's id.
    pub id: Uuid,
    /// The school.
    pub school_id: SchoolId,
    /// A register can be changed by its teachers for so many days after its own.
    pub lock_after_days: u16,
    /// The days of the week with school, 1 is Monday (ISO 8601).
    pub weekdays: Vec<u8>,
    /// Whether every class is to have a register a day.
    pub daily_registers: bool,
    /// Whether every lesson of the timetable is to have a register.
    pub period_registers: bool,
    /// How long a school day is.
    pub day_minutes: u16,
    /// How long a period is whose register does not say.
    pub period_minutes: u16,
    /// From which share of its minutes on a day counts as a whole one.
    pub full_day_percent: u8,
    /// From which share of its minutes on a day counts as half a one.
    pub half_day_percent: u8,
    /// The version.
    pub version: Version,
    /// When the row was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Settings {
    /// Every fault, as JSON pointers.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        faults.require(self.lock_after_days <= 366, "/lock_after_days", "must be from 0 to 366");
        let days = &self.weekdays;
        let sorted = days.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        let known = days.iter().all(|day| (1..=7).contains(day));
        faults.require(
            !days.is_empty() && known && sorted,
            "/weekdays",
            "must name days from 1 (Monday) to 7 (Sunday), each once, in order",
        );
        faults.require((1..=1440).contains(&self.day_minutes), "/day_minutes", "must be from 1 to 1440");
        faults.require((1..=1440).contains(&self.period_minutes), "/period_minutes", "must be from 1 to 1440");
        faults.require((1..=100).contains(&self.full_day_percent), "/full_day_percent", "must be from 1 to 100");
        faults.require((1..=100).contains(&self.half_day_percent), "/half_day_percent", "must be from 1 to 100");
        faults.require(self.half_day_percent <= self.full_day_percent, "/half_day_percent", "must not be more than full_day_percent");
        faults.into_result()
    }
}
