//! Days of the rotation: a school whose timetable repeats after some number of school days rather than after a week counts on over week-ends and holidays.

use chrono::{Datelike, NaiveDate};
use domain::{Fault, Faults};

use super::month;

/// How a span of days is to be numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The first day.
    pub from: NaiveDate,
    /// The last day, inclusive.
    pub to: NaiveDate,
    /// How many days it has.
    pub length: u8,
    /// The number of the first school day.
    pub first: u8,
    /// The days of the week on which there is school, 1 is Monday.
    pub weekdays: Vec<u8>,
}

impl Rotation {
    /// Every fault.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::none();
        faults.require(self.to >= self.from, "/to", "must not be before from");
        faults.require(
            (self.to - self.from).num_days() < month::LONGEST,
            "/to",
            format!("must be less than {} days after from", month::LONGEST),
        );
        faults.require((1970..=2199).contains(&self.from.year()), "/from", "must be within the years 1970 to 2199");
        faults.require((1..=31).contains(&self.length), "/length", "must be from 1 to 31");
        faults.require((1..=self.length).contains(&self.first), "/first", "must be from 1 to length");
        let weekdays = !self.weekdays.is_empty() && self.weekdays.iter().all(|day| (1..=7).contains(day));
        faults.require(weekdays, "/weekdays", "names days of the week, from 1, Monday, to 7");
        faults.into_result()
    }

    /// Each day of the span with its number; none where there is no school: on other days of the week, and where `is_off` says so.
    pub fn days(&self, is_off: impl Fn(NaiveDate) -> bool) -> Vec<(NaiveDate, Option<u8>)> {
        let mut next = self.first;
        let number = |day: NaiveDate| {
            let weekday = day.weekday().number_from_monday();
            if !self.weekdays.iter().any(|one| u32::from(*one) == weekday) || is_off(day) {
                return (day, None);
            }
            let number = next;
            next = if next >= self.length { 1 } else { next + 1 };
            (day, Some(number))
        };
        self.from.iter_days().take_while(|day| *day <= self.to).map(number).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn rotation(length: u8, first: u8) -> Rotation {
        Rotation { from: day("2026-11-23"), to: day("2026-12-06"), length, first, weekdays: vec![1, 2, 3, 4, 5] }
    }

    #[test]
    fn a_rotation_of_six_goes_on_over_the_week_end_and_a_holiday() {
        let numbers: Vec<Option<u8>> = rotation(6, 5).days(|one| one == day("2026-11-25")).into_iter().map(|(_, number)| number).collect();
        let expected = [Some(5), Some(6), None, Some(1), Some(2), None, None, Some(3), Some(4), Some(5), Some(6), Some(1), None, None];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn every_fault_is_told() {
        assert_eq!(rotation(6, 1).check(), Ok(()));
        let bad = Rotation { to: day("2026-11-22"), weekdays: vec![0], ..rotation(0, 7) };
        assert_eq!(bad.check().unwrap_err().len(), 4);
        assert!(Rotation { to: day("2028-01-01"), ..rotation(6, 1) }.check().is_err());
    }

    proptest! {
        #[test]
        fn numbers_follow_each_other_and_no_day_is_left_out(length in 1..=31_u8, first in 1..=31_u8, span in 0..366_i64, off in 0..9_u32, school in prop::collection::vec(1..=7_u8, 1..7)) {
            let first = first.min(length);
            let from = day("2026-01-01");
            let rotation = Rotation { from, to: from + chrono::Duration::days(span), length, first, weekdays: school.clone() };
            prop_assert!(rotation.check().is_ok());
            let days = rotation.days(|one| one.day() % 9 == off);
            prop_assert_eq!(days.len(), usize::try_from(span).unwrap() + 1);
            let numbers: Vec<u8> = days.iter().filter_map(|(_, number)| *number).collect();
            prop_assert!(numbers.first().is_none_or(|number| *number == first));
            prop_assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] % length + 1));
            for (one, number) in days {
                let is_school = school.contains(&u8::try_from(one.weekday().number_from_monday()).unwrap()) && one.day() % 9 != off;
                prop_assert_eq!(number.is_some(), is_school);
            }
        }
    }
}
