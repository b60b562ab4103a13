//! When a register can't be changed by its teachers any more: from the day after `lock_after_days` days have passed, by the school's own calendar, or when
//! somebody locked it by hand. The office may still correct it, with a reason.

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use domain::Timestamp;

use super::register::{Register, State};

/// The school's day at an instant.
#[must_use]
pub fn day_at(now: Timestamp, zone: Tz) -> NaiveDate {
    now.with_timezone(&zone).date_naive()
}

/// The zone of an IANA name. Schools are created with one that exists; UTC if the zone was abolished since.
#[must_use]
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(chrono_tz::UTC)
}

/// The first day on which the register of `held_on` is locked.
#[must_use]
pub fn locks_on(held_on: NaiveDate, lock_after_days: u16) -> NaiveDate {
    held_on.checked_add_days(Days::new(u64::from(lock_after_days) + 1)).unwrap_or(NaiveDate::MAX)
}

/// Whether the register of `held_on` is locked by time.
#[must_use]
pub fn has_passed(held_on: NaiveDate, lock_after_days: u16, today: NaiveDate) -> bool {
    today >= locks_on(held_on, lock_after_days)
}

/// Whether `register` is locked, by time or by hand.
#[must_use]
pub fn is_locked(register: &Register, lock_after_days: u16, today: NaiveDate) -> bool {
    register.state == State::Locked || has_passed(register.held_on, lock_after_days, today)
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone, Utc};
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_register_of_monday_with_seven_days_is_open_all_next_monday_and_locked_on_tuesday() {
        assert!(!has_passed(day("2026-11-16"), 7, day("2026-11-23")));
        assert!(has_passed(day("2026-11-16"), 7, day("2026-11-24")));
        assert!(!has_passed(day("2026-11-16"), 0, day("2026-11-16")));
        assert!(has_passed(day("2026-11-16"), 0, day("2026-11-17")));
    }

    #[test]
    fn midnight_is_the_schools_own() {
        let zone = zone("Asia/Kolkata");
        let last = Utc.with_ymd_and_hms(2026, 11, 23, 18, 29, 59).unwrap();
        assert!(!has_passed(day("2026-11-16"), 7, day_at(last, zone)));
        assert!(has_passed(day("2026-11-16"), 7, day_at(last + Duration::seconds(1), zone)));
        // Where clocks change, a day is still a day.
        let berlin = super::zone("Europe/Berlin");
        assert_eq!(day_at(Utc.with_ymd_and_hms(2026, 10, 25, 22, 59, 59).unwrap(), berlin), day("2026-10-25"));
        assert_eq!(day_at(Utc.with_ymd_and_hms(2026, 10, 25, 23, 0, 0).unwrap(), berlin), day("2026-10-26"));
        assert_eq!(super::zone("Not/AZone"), chrono_tz::UTC);
    }

    proptest! {
        #[test]
        fn once_locked_it_stays_locked(start in 0..3_000_i64, days in 0..=366_u16, later in 0..2_000_i64, more in 0..2_000_i64) {
            let held_on = day("2020-01-01") + Duration::days(start);
            let today = held_on + Duration::days(later);
            prop_assert_eq!(has_passed(held_on, days, today), later > i64::from(days));
            prop_assert!(!has_passed(held_on, days, today) || has_passed(held_on, days, today + Duration::days(more)));
        }
    }
}
