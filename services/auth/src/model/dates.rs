//! Which dates fit together: a year, its terms, an enrolment, a person's dates. All days are days at the school, and the last one is inclusive.

use chrono::NaiveDate;
use domain::Fault;

/// From the first day to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first day.
    pub starts_on: NaiveDate,
    /// The last day, inclusive.
    pub ends_on: NaiveDate,
}

impl Span {
    /// What is wrong with it as a year or a term: it must end after it starts.
    #[must_use]
    pub fn faults(self) -> Vec<Fault> {
        let fault = Fault::new("/ends_on", "must be after starts_on");
        if self.ends_on > self.starts_on { Vec::new() } else { vec![fault] }
    }

    /// What is wrong with it as a part of `whole`, which is called `name`.
    #[must_use]
    pub fn faults_within(self, whole: Self, name: &str) -> Vec<Fault> {
        let mut faults = self.faults();
        faults.extend(whole.excludes(self.starts_on, "/starts_on", name));
        faults.extend(whole.excludes(self.ends_on, "/ends_on", name));
        faults
    }

    fn excludes(self, day: NaiveDate, pointer: &str, name: &str) -> Option<Fault> {
        let Self { starts_on, ends_on } = self;
        let inside = (starts_on..=ends_on).contains(&day);
        (!inside).then(|| Fault::new(pointer, format!("must be within the {name}, {starts_on} to {ends_on}")))
    }
}

/// What is wrong with an enrolment from `begin` to `end` (none: open) in a class of `year`.
#[must_use]
pub fn enrollment_faults(begin: NaiveDate, end: Option<NaiveDate>, year: Span) -> Vec<Fault> {
    let mut faults: Vec<Fault> = year.excludes(begin, "/begin_date", "academic year").into_iter().collect();
    if let Some(end) = end {
        faults.extend(year.excludes(end, "/end_date", "academic year"));
        if end < begin {
            faults.push(Fault::new("/end_date", "must not be before begin_date"));
        }
    }
    faults
}

/// A fault for each of `days` that is after `today`.
pub fn future_faults<'p>(today: NaiveDate, days: impl IntoIterator<Item = (&'p str, Option<NaiveDate>)>) -> Vec<Fault> {
    let future = days.into_iter().filter(|(_, day)| day.is_some_and(|day| day > today));
    future.map(|(pointer, _)| Fault::new(pointer, "must not be in the future")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(number: i64) -> NaiveDate {
        "2026-01-01".parse::<NaiveDate>().unwrap() + chrono::Duration::days(number)
    }

    fn span(from: i64, to: i64) -> Span {
        Span { starts_on: day(from), ends_on: day(to) }
    }

    #[test]
    fn every_wrong_date_is_named() {
        let faults = span(-1, 11).faults_within(span(0, 10), "academic year");
        let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/starts_on", "/ends_on"]);
        assert_eq!(span(3, 3).faults().len(), 1);
        assert!(enrollment_faults(day(3), Some(day(3)), span(0, 10)).is_empty());
        assert_eq!(enrollment_faults(day(3), Some(day(2)), span(0, 10)).len(), 1);
    }

    proptest! {
        #[test]
        fn an_enrolment_without_faults_lies_within_its_year(begin in -20_i64..40, end in prop::option::of(-20_i64..40), length in 1_i64..30) {
            let faults = enrollment_faults(day(begin), end.map(day), span(0, length));
            let fits = (0..=length).contains(&begin) && end.is_none_or(|end| (begin..=length).contains(&end));
            prop_assert_eq!(faults.is_empty(), fits);
        }

        #[test]
        fn a_term_without_faults_lies_within_its_year(from in -20_i64..40, to in -20_i64..40, length in 1_i64..30) {
            let fits = from >= 0 && from < to && to <= length;
            prop_assert_eq!(span(from, to).faults_within(span(0, length), "academic year").is_empty(), fits);
        }
    }
}
