//! Fiscal years, and the numbers of receipts and invoices in them.

use chrono::{Datelike, NaiveDate};

/// The fiscal year that `day` is in, where years begin with the month `starts_in`: `2026-27`, or `2026` where they are those of the calendar.
#[must_use]
pub fn year_of(day: NaiveDate, starts_in: u32) -> String {
    let from = if day.month() >= starts_in { day.year() } else { day.year() - 1 };
    if starts_in == 1 { format!("{from}") } else { format!("{from}-{:02}", (from + 1).rem_euclid(100)) }
}

/// The first day of the fiscal year that `day` is in.
#[must_use]
pub fn first_day(day: NaiveDate, starts_in: u32) -> NaiveDate {
    let from = if day.month() >= starts_in { day.year() } else { day.year() - 1 };
    NaiveDate::from_ymd_opt(from, starts_in, 1).unwrap_or(day)
}

/// How a number is written: `R/2026-27/000042`.
#[must_use]
pub fn number(prefix: &str, year: &str, number: i64) -> String {
    format!("{prefix}/{year}/{number:06}")
}

#[cfg(test)]
mod tests {
    use super::super::concession::tests::day;
    use super::*;

    #[test]
    fn the_year_turns_with_its_first_month() {
        assert_eq!((year_of(day("2027-03-31"), 4), year_of(day("2027-04-01"), 4)), ("2026-27".to_owned(), "2027-28".to_owned()));
        assert_eq!((year_of(day("2099-12-31"), 4), year_of(day("2026-12-31"), 1)), ("2099-00".to_owned(), "2026".to_owned()));
        assert_eq!(first_day(day("2027-03-31"), 4), day("2026-04-01"));
        assert_eq!(number("R", "2026-27", 42), "R/2026-27/000042");
    }
}
