//! What being late costs.
//!
//! The rule is the one that Canvas LMS calls "late submission deduction" with the interval *day* and "lowest possible grade": for each started day after
//! the due time, a percentage of the *possible* marks is taken off, but not below a floor, which is a percentage of the possible marks too. Marks that are
//! below the floor already stay as they are: lateness never raises a grade.

use chrono::Duration;
use domain::{Points, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// What a late submission loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LatePolicy {
    /// Percent of the possible marks taken off for each started day, 0 to 100.
    #[schema(minimum = 0, maximum = 100)]
    pub deduction_percent: u8,
    /// Percent of the possible marks below which lateness takes nothing more, 0 to 100.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100)]
    pub floor_percent: u8,
}

impl LatePolicy {
    /// Whether both percentages are percentages.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.deduction_percent <= 100 && self.floor_percent <= 100
    }

    /// The marks that are left of `earned`, out of `possible`, `late_seconds` after the due time. Rounded half up to a hundredth of a mark.
    #[must_use]
    pub fn apply(self, earned: Points, possible: Points, late_seconds: i64) -> Points {
        let percent_of_possible = |percent: i64| (i64::from(possible.hundredths()) * percent + 50) / 100;
        let deduction = percent_of_possible(i64::from(self.deduction_percent).saturating_mul(started_days(late_seconds)).min(100));
        let earned_hundredths = i64::from(earned.hundredths());
        let floor = percent_of_possible(i64::from(self.floor_percent)).min(earned_hundredths);
        let left = (earned_hundredths - deduction).max(floor).max(0);
        i32::try_from(left).ok().and_then(|left| Points::from_hundredths(left).ok()).unwrap_or(earned)
    }
}

/// Days after the due time, a started one counting whole; 0 when in time.
#[must_use]
pub const fn started_days(late_seconds: i64) -> i64 {
    if late_seconds <= 0 { 0 } else { (late_seconds - 1) / DAY_SECONDS + 1 }
}

/// Seconds between the due time and the server's receipt, a started one counting whole; 0 when in time. Exactly at the due time is in time.
#[must_use]
pub fn late_seconds(due_at: Timestamp, received_at: Timestamp) -> i64 {
    let late = received_at - due_at;
    if late <= Duration::zero() { 0 } else { late.num_seconds() + i64::from(late.subsec_nanos() > 0) }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn points(marks: f64) -> Points {
        Points::try_from(marks).unwrap()
    }

    #[test]
    fn a_tenth_a_day_takes_a_tenth_of_the_possible_marks_for_each_started_day() {
        let policy = LatePolicy { deduction_percent: 10, floor_percent: 0 };
        let left = |seconds| policy.apply(points(80.0), points(100.0), seconds);
        assert_eq!([left(0), left(1), left(86_400), left(86_401)], [points(80.0), points(70.0), points(70.0), points(60.0)]);
        assert_eq!(left(30 * 86_400), points(0.0));
    }

    #[test]
    fn the_floor_stops_the_deduction_and_never_raises_a_grade() {
        let policy = LatePolicy { deduction_percent: 50, floor_percent: 40 };
        assert_eq!(policy.apply(points(90.0), points(100.0), 86_400 * 9), points(40.0));
        assert_eq!(policy.apply(points(30.0), points(100.0), 86_400 * 9), points(30.0));
    }

    #[test]
    fn half_a_hundredth_is_rounded_up() {
        let policy = LatePolicy { deduction_percent: 5, floor_percent: 0 };
        // 5 % of 0.10 is half a hundredth: one hundredth goes.
        assert_eq!(policy.apply(points(0.1), points(0.1), 1), points(0.09));
    }

    #[test]
    fn the_due_time_itself_is_in_time_and_a_microsecond_later_is_late() {
        let due = chrono::Utc.with_ymd_and_hms(2026, 11, 21, 18, 0, 0).unwrap();
        assert_eq!(late_seconds(due, due), 0);
        assert_eq!(late_seconds(due, due + Duration::microseconds(1)), 1);
        assert_eq!(late_seconds(due, due - Duration::days(1)), 0);
    }

    proptest! {
        #[test]
        fn being_later_never_helps_and_what_is_left_is_between_nothing_and_what_was_earned(
            deduction in 0..=100_u8, floor in 0..=100_u8, possible in 1..=9_999_999_i32, share in 0..=100_i32, first in 0..=10_000_000_i64, more in 0..=10_000_000_i64,
        ) {
            let policy = LatePolicy { deduction_percent: deduction, floor_percent: floor };
            let possible = Points::from_hundredths(possible).unwrap();
            let earned = Points::from_hundredths(i32::try_from(i64::from(possible.hundredths()) * i64::from(share) / 100).unwrap()).unwrap();
            let (early, late) = (policy.apply(earned, possible, first), policy.apply(earned, possible, first + more));
            prop_assert!(late <= early && early <= earned);
            prop_assert_eq!(policy.apply(earned, possible, 0), earned);
        }
    }
}
