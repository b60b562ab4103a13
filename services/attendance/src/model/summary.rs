//! Attendance added up, with denominators that can be defended.
//!
//! Only what took place counts: a mark in a register that was taken, on a day that is a school day of the class by today's calendar, while the student was
//! enrolled in the class. A register that nobody took, a holiday, a week-end and the time before a student came are in no denominator.
//!
//! ```text
//! days           = days with at least one mark that counts            = counted + excused
//! days_counted   = days − days_excused
//! days_attended  = Σ value of the counted days (1, 0.5 or 0; see `day_value`)
//! rate           = 100 × days_attended ÷ days_counted                  none if nothing counted
//! absence_rate   = 100 × (days − days_attended) ÷ days                 excused days included
//! ```
//!
//! Both rates are rounded half up to two decimals. `chronically_absent` is an absence rate of 10 % or more, excused or not, as the U.S. Department of Education
//! and Attendance Works define it.

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::code::CountsAs;
use super::day_value::{Day, Minutes, Thresholds, day};

/// From this absence rate on a student is chronically absent, in hundredths of a percent.
const CHRONIC: u32 = 1_000;

/// A student's attendance, or that of many, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Halves of days that were attended.
    pub halves: u32,
    /// Days that counted.
    pub days_counted: u32,
    /// Days away with leave or a good reason.
    pub days_excused: u32,
    /// Days that counted, on which the student was not there at all.
    pub days_absent: u32,
    /// Marks by what they came to.
    pub present: u32,
    /// Marks by what they came to.
    pub late: u32,
    /// Marks by what they came to.
    pub absent: u32,
    /// Marks by what they came to.
    pub excused: u32,
    /// Marks by what they came to.
    pub not_counted: u32,
    /// Minutes late, as far as they were noted.
    pub minutes_late: u32,
}

impl Tally {
    /// Adds a day with all of its marks.
    pub fn add(&mut self, marks: &[Minutes], thresholds: Thresholds) {
        match day(marks, thresholds) {
            Day::NotCounted => {}
            Day::Excused => self.days_excused += 1,
            Day::Counted(halves) => {
                self.days_counted += 1;
                self.halves += u32::from(halves);
                self.days_absent += u32::from(halves == 0);
            }
        }
        for mark in marks {
            let place = match mark.state() {
                CountsAs::Present => &mut self.present,
                CountsAs::Late => &mut self.late,
                CountsAs::Absent => &mut self.absent,
                CountsAs::Excused => &mut self.excused,
                CountsAs::NotCounted => &mut self.not_counted,
            };
            *place += 1;
            if mark.counts_as == CountsAs::Late {
                self.minutes_late += u32::from(mark.minutes_late.unwrap_or(0));
            }
        }
    }

    /// Adds what was added up elsewhere.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            halves: self.halves + other.halves,
            days_counted: self.days_counted + other.days_counted,
            days_excused: self.days_excused + other.days_excused,
            days_absent: self.days_absent + other.days_absent,
            present: self.present + other.present,
            late: self.late + other.late,
            absent: self.absent + other.absent,
            excused: self.excused + other.excused,
            not_counted: self.not_counted + other.not_counted,
            minutes_late: self.minutes_late + other.minutes_late,
        }
    }

    /// Attended days among counted ones, in hundredths of a percent.
    #[must_use]
    pub const fn rate(&self) -> Option<u32> {
        percent(self.halves, self.days_counted * 2)
    }

    /// Days away among all, in hundredths of a percent.
    #[must_use]
    pub const fn absence_rate(&self) -> Option<u32> {
        let days = self.days_counted + self.days_excused;
        percent(days * 2 - self.halves, days * 2)
    }
}

/// Hundredths of a percent, rounded half up.
const fn percent(part: u32, whole: u32) -> Option<u32> {
    (part * 10_000 + whole / 2).checked_div(whole)
}

/// Attendance added up, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Figures {
    /// Days with a mark that counts or is excused.
    days: u32,
    /// Days that the rate is of: `days` without `days_excused`.
    days_counted: u32,
    /// What these were worth, a half day being 0.5.
    days_attended: f64,
    /// Counted days on which nobody was there at all.
    days_absent: u32,
    /// Days away with leave or a good reason.
    days_excused: u32,
    /// `100 × days_attended ÷ days_counted`, two decimals; null if nothing counted.
    #[schema(example = 94.44)]
    rate: Option<f64>,
    /// `100 × (days − days_attended) ÷ days`, excused days included, two decimals; null without days.
    #[schema(example = 8.33)]
    absence_rate: Option<f64>,
    /// Whether the absence rate is 10 % or more.
    chronically_absent: bool,
    /// Marks that count as present.
    present: u32,
    /// Marks that count as late.
    late: u32,
    /// Minutes late altogether, as far as they were noted.
    minutes_late: u32,
    /// Marks that count as absent.
    absent: u32,
    /// Marks that count as excused, absences with approved leave included.
    excused: u32,
    /// Marks that count as nothing.
    not_counted: u32,
}

impl From<Tally> for Figures {
    fn from(tally: Tally) -> Self {
        let shown = |hundredths: u32| f64::from(hundredths) / 100.0;
        Self {
            days: tally.days_counted + tally.days_excused,
            days_counted: tally.days_counted,
            days_attended: f64::from(tally.halves) / 2.0,
            days_absent: tally.days_absent,
            days_excused: tally.days_excused,
            rate: tally.rate().map(shown),
            absence_rate: tally.absence_rate().map(shown),
            chronically_absent: tally.absence_rate().is_some_and(|rate| rate >= CHRONIC),
            present: tally.present,
            late: tally.late,
            minutes_late: tally.minutes_late,
            absent: tally.absent,
            excused: tally.excused,
            not_counted: tally.not_counted,
        }
    }
}

/// A student's marks of one day.
pub type MarkedDay = (NaiveDate, Vec<Minutes>);

/// A student's days added up.
#[must_use]
pub fn tally(days: &[MarkedDay], thresholds: Thresholds) -> Tally {
    let mut tally = Tally::default();
    for (_, marks) in days {
        tally.add(marks, thresholds);
    }
    tally
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: Thresholds = Thresholds { full_day_percent: 75, half_day_percent: 40 };

    fn daily(counts_as: CountsAs) -> Vec<Minutes> {
        vec![Minutes { is_daily: true, counts_as, minutes_late: None, length: 360, on_leave: false }]
    }

    fn of(states: &[(CountsAs, u32)]) -> Tally {
        let mut tally = Tally::default();
        for (state, times) in states {
            for _ in 0..*times {
                tally.add(&daily(*state), USUAL);
            }
        }
        tally
    }

    #[test]
    fn excused_days_are_in_no_denominator_of_the_rate() {
        // 18 of 20 days there, one away, one excused, and a trip that counts for nothing.
        let tally =
            of(&[(CountsAs::Present, 17), (CountsAs::Late, 1), (CountsAs::Absent, 1), (CountsAs::Excused, 1), (CountsAs::NotCounted, 3)]);
        assert_eq!((tally.days_counted, tally.days_excused), (19, 1));
        assert_eq!((tally.rate(), tally.absence_rate()), (Some(9_474), Some(1_000)));
        assert!(Figures::from(tally).chronically_absent);
    }

    #[test]
    fn nothing_counted_is_no_rate_and_not_a_hundred_percent() {
        assert_eq!(of(&[]).rate(), None);
        assert_eq!(of(&[(CountsAs::NotCounted, 9)]).absence_rate(), None);
        let excused = of(&[(CountsAs::Excused, 2)]);
        assert_eq!((excused.rate(), excused.absence_rate()), (None, Some(10_000)));
    }

    proptest! {
        #[test]
        fn the_parts_make_the_whole(present in 0..200_u32, late in 0..200_u32, absent in 0..200_u32, excused in 0..200_u32, trips in 0..200_u32) {
            let states = [(CountsAs::Present, present), (CountsAs::Late, late), (CountsAs::Absent, absent), (CountsAs::Excused, excused), (CountsAs::NotCounted, trips)];
            let tally = of(&states);
            prop_assert_eq!((tally.present, tally.late, tally.absent, tally.excused, tally.not_counted), (present, late, absent, excused, trips));
            prop_assert_eq!(tally.days_counted, present + late + absent);
            prop_assert!(tally.rate().is_none_or(|rate| rate <= 10_000));
            // Trips and days that never took place change no rate.
            prop_assert_eq!(tally.rate(), of(&states[..4]).rate());
            // One more day there never lowers the rate, one more away never raises it.
            let better = tally.plus(of(&[(CountsAs::Present, 1)]));
            let worse = tally.plus(of(&[(CountsAs::Absent, 1)]));
            prop_assert!(better.rate() >= tally.rate() && (tally.rate().is_none() || worse.rate() <= tally.rate()));
            prop_assert_eq!(tally.plus(Tally::default()), tally);
        }
    }
}
