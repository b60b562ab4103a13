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
    /// Whether students may say themselves that they are there.
    #[serde(default)]
    pub self_registration: bool,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rules_hold_when_each_is_in_reach_and_a_half_is_no_more_than_a_whole(
            lock_after_days in 0..500_u16, weekdays in prop::collection::vec(0..9_u8, 0..8), day_minutes in 0..2_000_u16, period_minutes in 0..2_000_u16,
            full_day_percent in 0..110_u8, half_day_percent in 0..110_u8,
        ) {
            let now = chrono::DateTime::from_timestamp(0, 0).unwrap();
            let settings = Settings {
                id: Uuid::nil(), school_id: SchoolId::generate(), lock_after_days, weekdays: weekdays.clone(), daily_registers: true, period_registers: false,
                self_registration: false, day_minutes, period_minutes, full_day_percent, half_day_percent, version: Version::FIRST, created_at: now, updated_at: now,
            };
            let found: BTreeSet<String> = settings.check().err().unwrap_or_default().into_iter().map(|fault| fault.pointer).collect();
            let each: Vec<u8> = weekdays.iter().copied().collect::<BTreeSet<u8>>().into_iter().filter(|day| (1..=7).contains(day)).collect();
            let expected = [
                ("/lock_after_days", lock_after_days > 366),
                ("/weekdays", weekdays.is_empty() || each != weekdays),
                ("/day_minutes", day_minutes == 0 || day_minutes > 1440),
                ("/period_minutes", period_minutes == 0 || period_minutes > 1440),
                ("/full_day_percent", full_day_percent == 0 || full_day_percent > 100),
                ("/half_day_percent", half_day_percent == 0 || half_day_percent > 100 || half_day_percent > full_day_percent),
            ];
            let expected: BTreeSet<String> = expected.into_iter().filter(|(_, wrong)| *wrong).map(|(pointer, _)| pointer.to_owned()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
