//! What a student's day was worth, from the minutes that they were there (as `RosarioSIS` counts it).
//!
//! - A daily mark decides its day alone. Without one, the periods decide together, each with its minutes.
//! - Present is there for all minutes, late for all but `minutes_late` (all, if nobody noted how many), absent for none.
//! - What is excused or not counted takes its minutes out of both sides. A day with nothing left is excused if anything on it was, else not counted.
//! - A day is worth 1 from `full_day_percent` of its minutes on, 0.5 from `half_day_percent` on, else 0.
//! - Absent on a day of approved leave is excused.

use super::code::CountsAs;
use super::settings::Settings;

/// A mark, as far as the day's value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minutes {
    /// Whether it is a daily register's.
    pub is_daily: bool,
    /// What its code counts as.
    pub counts_as: CountsAs,
    /// How late the student came.
    pub minutes_late: Option<u16>,
    /// How long the day or the period was.
    pub length: u16,
    /// Whether the student had leave.
    pub on_leave: bool,
}

impl Minutes {
    /// What it comes to, leave considered.
    #[must_use]
    pub const fn state(self) -> CountsAs {
        match self.counts_as {
            CountsAs::Absent if self.on_leave => CountsAs::Excused,
            other => other,
        }
    }

    /// Minutes there.
    fn attended(self) -> u32 {
        match self.state() {
            CountsAs::Present => self.length.into(),
            CountsAs::Late => self.length.saturating_sub(self.minutes_late.unwrap_or(0)).into(),
            CountsAs::Absent | CountsAs::Excused | CountsAs::NotCounted => 0,
        }
    }
}

/// From which share of its minutes on a day counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// As a whole one.
    pub full_day_percent: u8,
    /// As half a one.
    pub half_day_percent: u8,
}

impl From<&Settings> for Thresholds {
    fn from(settings: &Settings) -> Self {
        Self { full_day_percent: settings.full_day_percent, half_day_percent: settings.half_day_percent }
    }
}

/// What a day came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// It is no part of anything.
    NotCounted,
    /// Away with leave or a good reason: no part of the rate.
    Excused,
    /// Worth so many halves: 0, 1 or 2.
    Counted(u8),
}

/// The day of which these are all marks.
#[must_use]
pub fn day(marks: &[Minutes], thresholds: Thresholds) -> Day {
    let has_daily = marks.iter().any(|mark| mark.is_daily);
    let deciding = || marks.iter().filter(move |mark| mark.is_daily || !has_daily);
    let counted = || deciding().filter(|mark| !matches!(mark.state(), CountsAs::Excused | CountsAs::NotCounted));
    let possible: u32 = counted().map(|mark| u32::from(mark.length)).sum();
    if possible == 0 {
        let excused = deciding().any(|mark| mark.state() == CountsAs::Excused);
        return if excused { Day::Excused } else { Day::NotCounted };
    }
    let attended: u32 = counted().map(|mark| mark.attended()).sum();
    let reaches = |percent: u8| attended * 100 >= possible * u32::from(percent);
    Day::Counted(u8::from(reaches(thresholds.half_day_percent)) + u8::from(reaches(thresholds.full_day_percent)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: Thresholds = Thresholds { full_day_percent: 75, half_day_percent: 40 };

    fn daily(counts_as: CountsAs, minutes_late: Option<u16>) -> Minutes {
        Minutes { is_daily: true, counts_as, minutes_late, length: 360, on_leave: false }
    }

    fn period(counts_as: CountsAs) -> Minutes {
        Minutes { is_daily: false, counts_as, minutes_late: None, length: 45, on_leave: false }
    }

    #[test]
    fn coming_late_costs_half_a_day_or_a_whole_one_when_it_is_very_late() {
        let late = |minutes| day(&[daily(CountsAs::Late, Some(minutes))], USUAL);
        assert_eq!(
            [late(0), late(90), late(91), late(216), late(217), late(1440)].map(|day| match day {
                Day::Counted(halves) => halves,
                _ => 9,
            }),
            [2, 2, 1, 1, 0, 0]
        );
        assert_eq!(day(&[daily(CountsAs::Late, None)], USUAL), Day::Counted(2));
    }

    #[test]
    fn periods_add_up_and_a_daily_mark_decides_alone() {
        let periods = [CountsAs::Present, CountsAs::Present, CountsAs::Absent, CountsAs::Absent].map(period);
        assert_eq!(day(&periods, USUAL), Day::Counted(1));
        let mut with_daily = periods.to_vec();
        with_daily.push(daily(CountsAs::Absent, None));
        assert_eq!(day(&with_daily, USUAL), Day::Counted(0));
    }

    #[test]
    fn what_is_excused_leaves_both_sides_and_leave_excuses() {
        assert_eq!(day(&[CountsAs::Present, CountsAs::Excused].map(period), USUAL), Day::Counted(2));
        assert_eq!(day(&[CountsAs::NotCounted, CountsAs::Excused].map(period), USUAL), Day::Excused);
        assert_eq!(day(&[CountsAs::NotCounted].map(period), USUAL), Day::NotCounted);
        assert_eq!(day(&[Minutes { on_leave: true, ..daily(CountsAs::Absent, None) }], USUAL), Day::Excused);
        assert_eq!(day(&[Minutes { on_leave: true, ..daily(CountsAs::Present, None) }], USUAL), Day::Counted(2));
        assert_eq!(day(&[], USUAL), Day::NotCounted);
    }

    fn any_state() -> impl Strategy<Value = CountsAs> {
        prop::sample::select(vec![CountsAs::Present, CountsAs::Absent, CountsAs::Late, CountsAs::Excused, CountsAs::NotCounted])
    }

    prop_compose! {
        fn any_mark()(is_daily in prop::bool::weighted(0.1), counts_as in any_state(), minutes_late in prop::option::of(0..=1440_u16),
            length in 1..=1440_u16, on_leave in any::<bool>()) -> Minutes {
            Minutes { is_daily, counts_as, minutes_late, length, on_leave }
        }
    }

    proptest! {
        #[test]
        fn a_day_is_worth_at_most_a_whole_one_and_more_minutes_are_never_worth_less(
            marks in prop::collection::vec(any_mark(), 0..10), full in 1..=100_u8, half in 1..=100_u8, which in any::<prop::sample::Index>(),
        ) {
            let thresholds = Thresholds { full_day_percent: full.max(half), half_day_percent: half.min(full) };
            let before = day(&marks, thresholds);
            if let Day::Counted(halves) = before {
                prop_assert!(halves <= 2);
                let mut better = marks.clone();
                let which = which.index(better.len());
                if matches!(better[which].state(), CountsAs::Absent | CountsAs::Late) {
                    better[which].counts_as = CountsAs::Present;
                    let Day::Counted(after) = day(&better, thresholds) else { panic!("a counted day stays one") };
                    prop_assert!(after >= halves);
                }
            }
        }
    }
}
