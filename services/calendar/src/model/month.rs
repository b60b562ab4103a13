//! Spans of days in the school's zone: a month, or from a day to a day.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::Fault;

use super::zone;

/// The longest span that one answer covers: a leap year.
pub const LONGEST: i64 = 366;

/// From a day to a day, both inclusive, in the school's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// When the first day begins.
    pub starts_at: DateTime<Utc>,
    /// When the day after the last begins.
    pub ends_at: DateTime<Utc>,
}

impl Window {
    /// The days from `from` to `to` in `zone`.
    #[must_use]
    pub fn new(from: NaiveDate, to: NaiveDate, zone: Tz) -> Self {
        let after = to.checked_add_days(Days::new(1)).unwrap_or(to);
        Self { from, to, starts_at: zone::start_of_day(zone, from), ends_at: zone::start_of_day(zone, after) }
    }

    /// The same, if it is a span that one answer can cover.
    pub fn asked(from: NaiveDate, to: NaiveDate, zone: Tz) -> Result<Self, Vec<Fault>> {
        let fault = |detail: String| Err(vec![Fault::new("query:to", detail)]);
        if from.year() < 1970 || to.year() > 2200 {
            return Err(vec![Fault::new("query:from", "must be within the years 1970 to 2200")]);
        }
        if to < from {
            return fault("must not be before from".to_owned());
        }
        if (to - from).num_days() >= LONGEST {
            return fault(format!("must be less than {LONGEST} days after from"));
        }
        Ok(Self::new(from, to, zone))
    }

    /// Whether any of the days from `first` to `last` is in it.
    #[must_use]
    pub fn has_days(&self, first: NaiveDate, last: NaiveDate) -> bool {
        first <= self.to && last >= self.from
    }

    /// Whether any moment from `start` to `end` is in it.
    #[must_use]
    pub fn has_time(&self, start: DateTime<Utc>, end: DateTime<Utc>) -> bool {
        start < self.ends_at && end > self.starts_at
    }
}

/// The first and the last day of the month `2026-11`.
#[must_use]
pub fn days_of(month: &str) -> Option<(NaiveDate, NaiveDate)> {
    let (year, number) = month.split_once('-')?;
    let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(year, 4) || !digits(number, 2) {
        return None;
    }
    let first = NaiveDate::from_ymd_opt(year.parse().ok()?, number.parse().ok()?, 1)?;
    (1970..=2200).contains(&first.year()).then_some(())?;
    Some((first, first.checked_add_months(Months::new(1))?.pred_opt()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_has_its_days() {
        assert_eq!(days_of("2028-02"), Some((day("2028-02-01"), day("2028-02-29"))));
        for nonsense in ["2026-13", "2026-1", "26-01", "2026-00", "+026-01", "2026-01-01", "", "1066-10", "９999-01"] {
            assert_eq!(days_of(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn days_are_the_schools() {
        let window = Window::new(day("2026-03-29"), day("2026-03-29"), chrono_tz::Europe::London);
        assert_eq!((window.ends_at - window.starts_at).num_hours(), 23);
        let window = Window::new(day("2026-11-21"), day("2026-11-21"), chrono_tz::Asia::Kolkata);
        assert_eq!(window.starts_at.to_rfc3339(), "2026-11-20T18:30:00+00:00");
    }

    #[test]
    fn a_span_is_bounded() {
        let asked = |from: &str, to: &str| Window::asked(day(from), day(to), chrono_tz::UTC).is_ok();
        assert!(asked("2028-01-01", "2028-12-31") && asked("2026-01-01", "2026-01-01"));
        assert!(!asked("2026-01-02", "2026-01-01") && !asked("2026-01-01", "2027-01-02") && !asked("0001-01-01", "0001-01-02"));
    }
}
