//! The school's calendar, laid around the day of the first seeding: eight months of the year have passed, and three of the current term, so that
//! there is something to see whatever the month. Everything else takes its dates from here.

use anyhow::Context;
use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use domain::Timestamp;

/// From a day to a day, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: NaiveDate,
    pub(crate) to: NaiveDate,
}

impl Span {
    fn has(self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.to
    }

    fn weekdays(self) -> impl Iterator<Item = NaiveDate> {
        self.from.iter_days().take_while(move |day| *day <= self.to).filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
    }
}

/// A school's year.
#[derive(Debug, Clone)]
pub(crate) struct Dates {
    pub(crate) zone: Tz,
    /// The instant of the first seeding.
    pub(crate) now: Timestamp,
    /// Its day in the school.
    pub(crate) today: NaiveDate,
    pub(crate) year: Span,
    pub(crate) year_name: String,
    pub(crate) terms: [Span; 2],
    pub(crate) holidays: Vec<(&'static str, Span)>,
}

impl Dates {
    /// The year around `now`.
    pub(crate) fn around(now: Timestamp, zone: Tz) -> anyhow::Result<Self> {
        let today = now.with_timezone(&zone).date_naive();
        let this_month = today.with_day(1).context("every month has a first day")?;
        let months_ago = |months| this_month.checked_sub_months(Months::new(months)).context("the clock is before all time");
        let (from, second) = (months_ago(8)?, months_ago(3)?);
        let to = this_month.checked_add_months(Months::new(3)).context("the clock is after all time")? - Days::new(1);
        let terms = [Span { from, to: second - Days::new(1) }, Span { from: second, to }];
        let year_name =
            if from.year() == to.year() { from.year().to_string() } else { format!("{}-{:02}", from.year(), to.year().rem_euclid(100)) };
        let [first, current] = terms;
        let mut holidays = vec![("Term break", Span { from: first.to - Days::new(6), to: first.to })];
        let single = [
            ("Spring festival", first, 22),
            ("Community day", first, 57),
            ("Founders' Day", current, 13),
            ("Harvest festival", current, 36),
            ("Teachers' training day", current, 83),
        ];
        for (name, term, number) in single {
            if let Some(day) = term.weekdays().nth(number) {
                holidays.push((name, Span { from: day, to: day }));
            }
        }
        Ok(Self { zone, now, today, year: Span { from, to }, year_name, terms, holidays })
    }

    /// The days on which there is school.
    pub(crate) fn school_days(&self, span: Span) -> Vec<NaiveDate> {
        span.weekdays().filter(|day| !self.holidays.iter().any(|(_, holiday)| holiday.has(*day))).collect()
    }

    /// The school days of the current term that are over.
    pub(crate) fn days_so_far(&self) -> Vec<NaiveDate> {
        let [_, current] = self.terms;
        self.school_days(Span { from: current.from, to: self.today - Days::new(1) })
    }

    /// The school days of the current term from tomorrow on.
    pub(crate) fn days_to_come(&self) -> Vec<NaiveDate> {
        self.school_days(Span { from: self.today + Days::new(1), to: self.year.to })
    }

    /// An instant by the school's clock.
    pub(crate) fn at(&self, day: NaiveDate, hour: u32, minute: u32) -> Timestamp {
        let local = day.and_time(NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or_default());
        // Where clocks are put forward an hour is missing; then UTC will do.
        self.zone.from_local_datetime(&local).earliest().map_or_else(|| local.and_utc(), |time| time.with_timezone(&Utc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_day_there_is_a_term_behind_and_a_term_goes_on() {
        for day in 0..800 {
            let now = Utc.with_ymd_and_hms(2026, 1, 1, 20, 0, 0).unwrap() + Days::new(day);
            let dates = Dates::around(now, chrono_tz::Asia::Kolkata).unwrap();
            let [first, current] = dates.terms;
            assert!(current.has(dates.today) && first.to < current.from && dates.year.from == first.from && dates.year.to == current.to);
            assert!((55..=95).contains(&dates.days_so_far().len()), "{now}: {}", dates.days_so_far().len());
            assert!(dates.days_to_come().len() > 30);
        }
    }
}
