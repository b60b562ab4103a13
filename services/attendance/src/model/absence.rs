//! Who has been away for days on end.
//!
//! A run goes over consecutive days on which the student was to be marked and was not there at all. Excused days and days that don't count neither break a run
//! nor make it longer; week-ends and holidays are no such days to begin with. The run that the report shows is the one that has not ended yet.

use chrono::NaiveDate;

use super::day_value::Day;

/// Days away without a day there in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first day away.
    pub from: NaiveDate,
    /// The last day away.
    pub to: NaiveDate,
    /// How many days.
    pub days: u32,
}

/// The run that the last of `days` belongs to; `days` are in order.
#[must_use]
pub fn current(days: impl IntoIterator<Item = (NaiveDate, Day)>) -> Option<Run> {
    let mut run: Option<Run> = None;
    for (day, value) in days {
        match value {
            Day::NotCounted | Day::Excused => {}
            Day::Counted(0) => {
                run = Some(run.map_or(Run { from: day, to: day, days: 1 }, |run| Run { to: day, days: run.days + 1, ..run }));
            }
            Day::Counted(_) => run = None,
        }
    }
    run
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn days(values: &[Day]) -> Vec<(NaiveDate, Day)> {
        let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        first.iter_days().zip(values.iter().copied()).collect()
    }

    const AWAY: Day = Day::Counted(0);
    const THERE: Day = Day::Counted(2);

    #[test]
    fn a_day_there_ends_a_run_and_an_excused_one_does_not() {
        let run = current(days(&[AWAY, THERE, AWAY, Day::Excused, AWAY, Day::NotCounted])).unwrap();
        assert_eq!((run.days, run.from.to_string(), run.to.to_string()), (2, "2026-01-03".to_owned(), "2026-01-05".to_owned()));
        assert_eq!(current(days(&[AWAY, AWAY, Day::Counted(1)])), None);
        assert_eq!(current(days(&[Day::Excused])), None);
    }

    proptest! {
        #[test]
        fn a_run_is_what_is_left_after_the_last_day_there(values in prop::collection::vec(prop::sample::select(vec![AWAY, THERE, Day::Counted(1), Day::Excused, Day::NotCounted]), 0..60)) {
            let tail = values.iter().rev().take_while(|day| !matches!(day, Day::Counted(1 | 2)));
            let away = tail.filter(|day| **day == AWAY).count();
            prop_assert_eq!(current(days(&values)).map_or(0, |run| run.days as usize), away);
        }
    }
}
