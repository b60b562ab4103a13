//! On which days a class has school: within its term (or year), not in a holiday, and on the school's weekdays or a day that its timetable counts as one it works.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use directory::timetable::WorkingDays;
use domain::ClassId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// From a day to a day, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

impl Span {
    /// Whether `day` is in it.
    #[must_use]
    pub fn has(self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.to
    }
}

/// Days of the school's calendar that are not as others: a holiday, or an examination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaysOff {
    /// Its days.
    pub span: Span,
    /// For whom it is: `{}` means everybody, `class_ids` some classes only, `roles` some people only.
    pub audience: Value,
}

impl DaysOff {
    /// Whether they are meant for the students of `class`.
    #[must_use]
    pub fn is_for(&self, class: ClassId) -> bool {
        let names = |key: &str, wanted: &str| {
            let listed = self.audience.get(key).and_then(Value::as_array);
            listed.is_none_or(|listed| listed.iter().any(|name| name.as_str() == Some(wanted)))
        };
        names("class_ids", &class.to_string()) && names("roles", "student")
    }
}

/// When a class has school, as the calendar tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The class.
    pub class_id: ClassId,
    /// Its term; else the terms of its year; else its year.
    pub spans: Vec<Span>,
    /// The school's holidays.
    pub holidays: Vec<DaysOff>,
    /// Days on which there is school and the timetable does not hold: examinations that last all day.
    #[serde(default)]
    pub off_timetable: Vec<DaysOff>,
    /// Days on which the school works whatever day of the week they are. They are not remembered with the rest, because the directory hears of a change at once.
    #[serde(skip)]
    pub working_days: Arc<WorkingDays>,
}

/// Why there is no school on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSchool {
    /// Before, after or between the terms of the class.
    OutsideTerm,
    /// No weekday with school.
    Weekend,
    /// A holiday.
    Holiday,
}

impl NoSchool {
    /// For a person: "is …".
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::OutsideTerm => "is outside the terms of this class",
            Self::Weekend => "is a day of the week without school",
            Self::Holiday => "is a holiday",
        }
    }
}

impl Calendar {
    /// Whether the class has school on `day`, if the school's weekdays are `weekdays` (1 is Monday).
    pub fn judge(&self, day: NaiveDate, weekdays: &[u8]) -> Result<(), NoSchool> {
        if !self.spans.iter().any(|span| span.has(day)) {
            return Err(NoSchool::OutsideTerm);
        }
        if self.holidays.iter().any(|holiday| holiday.span.has(day) && holiday.is_for(self.class_id)) {
            return Err(NoSchool::Holiday);
        }
        let weekday = day.weekday().number_from_monday();
        let works = self.working_days.has(day) || weekdays.iter().any(|known| u32::from(*known) == weekday);
        if works { Ok(()) } else { Err(NoSchool::Weekend) }
    }

    /// Whether the timetable holds on `day`, if there is school at all.
    #[must_use]
    pub fn has_lessons(&self, day: NaiveDate) -> bool {
        !self.off_timetable.iter().any(|days| days.span.has(day) && days.is_for(self.class_id))
    }

    /// The days with school among those from `from` to `to`.
    pub fn days<'c>(&'c self, from: NaiveDate, to: NaiveDate, weekdays: &'c [u8]) -> impl Iterator<Item = NaiveDate> + 'c {
        from.iter_days().take_while(move |day| *day <= to).filter(|day| self.judge(*day, weekdays).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn span(from: &str, to: &str) -> Span {
        Span { from: day(from), to: day(to) }
    }

    #[test]
    fn there_is_school_on_weekdays_of_the_term_that_are_no_holiday() {
        let off = |from, to| vec![DaysOff { span: span(from, to), audience: json!({}) }];
        let calendar = Calendar {
            class_id: ClassId::generate(),
            spans: vec![span("2026-11-02", "2026-11-30")],
            holidays: off("2026-11-10", "2026-11-11"),
            off_timetable: off("2026-11-12", "2026-11-12"),
            // A Saturday; a holiday stays one, and so does what is outside the term.
            working_days: Arc::new([day("2026-11-21"), day("2026-11-11"), day("2026-12-05")].into_iter().collect()),
        };
        let week = [1, 2, 3, 4, 5];
        assert_eq!(calendar.judge(day("2026-11-09"), &week), Ok(()));
        assert_eq!(calendar.judge(day("2026-11-10"), &week), Err(NoSchool::Holiday));
        assert_eq!(calendar.judge(day("2026-11-11"), &week), Err(NoSchool::Holiday));
        assert_eq!(calendar.judge(day("2026-11-14"), &week), Err(NoSchool::Weekend));
        assert_eq!(calendar.judge(day("2026-11-14"), &[6]), Ok(()));
        assert_eq!(calendar.judge(day("2026-11-21"), &week), Ok(()));
        assert_eq!(calendar.judge(day("2026-11-22"), &week), Err(NoSchool::Weekend));
        assert_eq!(calendar.judge(day("2026-12-05"), &week), Err(NoSchool::OutsideTerm));
        assert_eq!(calendar.judge(day("2026-11-01"), &week), Err(NoSchool::OutsideTerm));
        assert_eq!(calendar.judge(day("2026-12-01"), &week), Err(NoSchool::OutsideTerm));
        assert_eq!((calendar.judge(day("2026-11-12"), &week), calendar.has_lessons(day("2026-11-12"))), (Ok(()), false));
        assert!(calendar.has_lessons(day("2026-11-13")));
        assert_eq!(calendar.days(day("2026-11-07"), day("2026-11-15"), &week).count(), 3);
    }

    #[test]
    fn a_holiday_of_others_is_none_for_the_class() {
        let (ours, theirs) = (ClassId::generate(), ClassId::generate());
        let holiday = |audience| DaysOff { span: span("2026-11-10", "2026-11-10"), audience };
        assert!(holiday(json!({})).is_for(ours));
        assert!(holiday(json!({"class_ids": [theirs, ours]})).is_for(ours));
        assert!(!holiday(json!({"class_ids": [theirs]})).is_for(ours));
        assert!(!holiday(json!({"roles": ["teacher"]})).is_for(ours));
        assert!(holiday(json!({"roles": ["student"]})).is_for(ours));
    }

    proptest! {
        #[test]
        fn days_with_school_are_what_is_left_of_the_terms(
            terms in prop::collection::vec((0..60_i64, 0..30_i64), 0..3), off in prop::collection::vec((0..90_i64, 0..6_i64, any::<bool>()), 0..4),
            week in prop::collection::btree_set(1..=7_u8, 1..7), from in 0..90_i64, length in 0..60_i64,
            working in prop::collection::btree_set(0..90_i64, 0..6),
        ) {
            let (ours, theirs) = (ClassId::generate(), ClassId::generate());
            let at = |number: i64| day("2026-01-01") + chrono::Duration::days(number);
            let span = |from: i64, length: i64| Span { from: at(from), to: at(from + length) };
            let holidays = off.iter().map(|(from, length, is_ours)| DaysOff {
                span: span(*from, *length), audience: json!({"class_ids": [if *is_ours { ours } else { theirs }]}),
            });
            let spans = terms.iter().map(|(from, length)| span(*from, *length)).collect();
            let working_days = Arc::new(working.iter().map(|number| at(*number)).collect());
            let calendar = Calendar { class_id: ours, spans, holidays: holidays.collect(), off_timetable: Vec::new(), working_days };
            let week: Vec<u8> = week.into_iter().collect();
            let found: Vec<NaiveDate> = calendar.days(at(from), at(from + length), &week).collect();
            let has_school = |number: &i64| {
                terms.iter().any(|(from, length)| (*from..=from + length).contains(number))
                    && !off.iter().any(|(from, length, is_ours)| *is_ours && (*from..=from + length).contains(number))
                    && (working.contains(number) || week.iter().any(|weekday| u32::from(*weekday) == at(*number).weekday().number_from_monday()))
            };
            prop_assert_eq!(found, (from..=from + length).filter(has_school).map(at).collect::<Vec<_>>());
        }
    }
}
